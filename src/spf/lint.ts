/** What is wrong with one SPF record as text, for those who publish it. Nothing is asked; see lint-domain.ts for that. */
import { DNS_TERMS_MAX } from "./limits.ts";
import { isSpfRecord, parseSpfRecord } from "./record.ts";
import type { Directive, SpfRecord, SyntaxFaultKind } from "./record.ts";

/** RFC 7208 section 3.4: what fits into an answer over UDP beside everything else. */
export const RECORD_OCTETS_ADVISED = 450;
/** Networks wider than this are more than any sender has. */
const PREFIX4_MIN = 8;
const PREFIX6_MIN = 16;

export type SpfFaultKind =
  | SyntaxFaultKind
  /** It does not begin with the version, so nobody reads it. */
  | "no-version"
  /** `+all`: every host of the world passes. */
  | "passes-everybody"
  /** A network so wide that strangers are in it. */
  | "wide-network"
  /** Neither `all` nor `redirect`: what matches nothing is neutral. */
  | "no-end"
  /** Terms behind `all`, and `redirect` beside it, are never looked at (sections 5.1 and 6.1). */
  | "never-reached"
  /** `ptr` and `%{p}` should not be published (section 5.5). */
  | "ptr"
  | "dns-terms"
  | "long-record"
  | "unknown-modifier"
  // What only the DNS can show:
  | "no-record"
  | "multiple-records"
  | "include-without-record"
  | "redirect-without-record"
  | "void-lookup"
  | "void-lookups"
  | "mx-names"
  | "loop"
  | "dns-failure"
  /** A name with macros depends on the message; what is behind it is not counted. */
  | "not-followed";

export interface SpfFault {
  readonly kind: SpfFaultKind;
  /** error: some or all messages get permerror, or everybody passes. warning: it does not do what its owner may think. note: worth knowing. */
  readonly severity: "error" | "warning" | "note";
  /** The term, "" for the record as a whole. */
  readonly text: string;
  /** Offset of the term in the record, in octets. */
  readonly start: number;
}

export interface SpfLint {
  readonly faults: readonly SpfFault[];
  /** DNS terms of this record alone. */
  readonly dnsTerms: number;
  /** Null when there is no version in front. */
  readonly record: SpfRecord | null;
}

/** Octets in latin1. */
export function lintSpf(text: string): SpfLint {
  if (!isSpfRecord(text)) return { faults: [{ kind: "no-version", severity: "error", text: "", start: 0 }], dnsTerms: 0, record: null };
  const parsed = parseSpfRecord(text);
  const { record } = parsed;
  const faults: SpfFault[] = parsed.kind === "broken" ? parsed.faults.map((fault) => ({ ...fault, severity: "error" as const })) : [];
  for (const directive of record.directives) lintDirective(directive, faults);
  lintEnd(record, faults);
  for (const { text: term, start } of record.unknownModifiers) faults.push({ kind: "unknown-modifier", severity: "note", text: term, start });
  for (const modifier of [record.redirect, record.exp]) if (modifier?.target.usesP) faults.push({ kind: "ptr", severity: "warning", text: modifier.text, start: modifier.start });
  const dnsTerms = record.directives.filter(asksDns).length + (record.redirect === null ? 0 : 1);
  if (dnsTerms > DNS_TERMS_MAX) faults.push({ kind: "dns-terms", severity: "error", text: "", start: 0 });
  if (text.length > RECORD_OCTETS_ADVISED) faults.push({ kind: "long-record", severity: "note", text: "", start: RECORD_OCTETS_ADVISED });
  return { faults: faults.sort((a, b) => a.start - b.start), dnsTerms, record };
}

/** RFC 7208 section 4.6.4. */
export function asksDns({ mechanism }: Directive): boolean {
  return mechanism.kind !== "all" && mechanism.kind !== "ip4" && mechanism.kind !== "ip6";
}

function lintDirective({ mechanism, qualifier, text, start }: Directive, faults: SpfFault[]): void {
  switch (mechanism.kind) {
    case "all":
      if (qualifier === "+") faults.push({ kind: "passes-everybody", severity: "error", text, start });
      return;
    case "ip4":
    case "ip6":
      if (qualifier === "+" && mechanism.prefix < (mechanism.kind === "ip4" ? PREFIX4_MIN : PREFIX6_MIN)) faults.push({ kind: "wide-network", severity: "error", text, start });
      return;
    case "a":
    case "mx":
      if (qualifier === "+" && (mechanism.prefix4 < PREFIX4_MIN || mechanism.prefix6 < PREFIX6_MIN)) faults.push({ kind: "wide-network", severity: "error", text, start });
      break;
    case "ptr":
      faults.push({ kind: "ptr", severity: "warning", text, start });
      return;
    default:
  }
  if (mechanism.target?.usesP) faults.push({ kind: "ptr", severity: "warning", text, start });
}

function lintEnd({ directives, redirect }: SpfRecord, faults: SpfFault[]): void {
  const all = directives.findIndex(({ mechanism }) => mechanism.kind === "all");
  if (all < 0) {
    if (redirect === null) faults.push({ kind: "no-end", severity: "warning", text: "", start: 0 });
    return;
  }
  for (const { text, start } of directives.slice(all + 1)) faults.push({ kind: "never-reached", severity: "warning", text, start });
  if (redirect !== null) faults.push({ kind: "never-reached", severity: "warning", text: redirect.text, start: redirect.start });
}
