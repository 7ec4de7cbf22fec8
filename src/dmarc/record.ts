/**
 * DMARC policy records (RFC 9989 sections 4.7, 4.8 and 4.10.1): read, and written as the standard of today has them.
 *
 * Whatever is wrong behind the version is left out in favour of defaults (section 4.8), and told as a fault to those who publish.
 */
import { FAULTS_MAX, RECORD_OCTETS_MAX, REPORT_URIS_MAX } from "./limits.ts";
import { parseReportUri } from "./report-uri.ts";
import type { ReportUri } from "./report-uri.ts";

export type DmarcPolicy = "none" | "quarantine" | "reject";
export type AlignmentMode = "relaxed" | "strict";
export type FailureOption = "0" | "1" | "d" | "s";

export interface DmarcRecord {
  /** Null: there is no valid policy and nobody to report to, so the record does nothing but place the organizational domain (section 4.10.1). */
  readonly p: DmarcPolicy | null;
  /** For subdomains, and for those that do not exist; null when the tag is absent. */
  readonly sp: DmarcPolicy | null;
  readonly np: DmarcPolicy | null;
  readonly adkim: AlignmentMode;
  readonly aspf: AlignmentMode;
  /** Without meaning when `ruf` is empty. */
  readonly fo: readonly FailureOption[];
  /** "u": nothing is said. */
  readonly psd: "y" | "n" | "u";
  /** `t=y`: the policy one level lower is asked for. */
  readonly testMode: boolean;
  readonly rua: readonly ReportUri[];
  readonly ruf: readonly ReportUri[];
}

export type DmarcFaultKind =
  /** No valid policy; reports are wanted, so it is read as `p=none`. */
  | "policy-read-as-none"
  /** No valid policy, and nobody to report to: the record is of no use. */
  | "no-policy"
  | "bad-value"
  | "bad-uri"
  | "too-many-uris"
  /** A known tag a second time with another value: neither counts. */
  | "repeated-tag"
  /** `pct`, `rf` and `ri` of RFC 7489 mean nothing any more. */
  | "removed-tag"
  /** `!10m` behind a URI means nothing any more. */
  | "obsolete-size"
  | "unknown-tag"
  | "bad-tag"
  | "record-too-long";
export interface DmarcFault {
  readonly kind: DmarcFaultKind;
  /** The tag's name, "" for the record as a whole. */
  readonly tag: string;
  readonly value: string;
}

export type ParsedDmarcRecord =
  /** Another TXT record, or another version: as if it were not there. */
  | { readonly kind: "not-dmarc" }
  | { readonly kind: "record"; readonly record: DmarcRecord; readonly faults: readonly DmarcFault[] };

/** dmarc-version: the tag's name in any case, the version as it stands (section 4.8). */
const VERSION = /^[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)/;

export function isDmarcRecord(text: string): boolean {
  return VERSION.test(text);
}

const KNOWN = new Set(["p", "sp", "np", "adkim", "aspf", "fo", "psd", "t", "rua", "ruf"]);
const REMOVED = new Set(["pct", "rf", "ri"]);
const POLICIES: Readonly<Record<string, DmarcPolicy>> = { none: "none", quarantine: "quarantine", reject: "reject" };
const MODES: Readonly<Record<string, AlignmentMode>> = { r: "relaxed", s: "strict" };
const PSDS: Readonly<Record<string, DmarcRecord["psd"]>> = { y: "y", n: "n", u: "u" };
const YES_OR_NO: Readonly<Record<string, boolean>> = { y: true, n: false };

/** Octets in latin1. */
export function parseDmarcRecord(text: string): ParsedDmarcRecord {
  if (!isDmarcRecord(text)) return { kind: "not-dmarc" };
  const reader = new RecordReader();
  if (text.length > RECORD_OCTETS_MAX) reader.fault("record-too-long", "", "");
  else reader.readTags(text.split(";").slice(1));
  return { kind: "record", record: reader.record(), faults: reader.faults.slice(0, FAULTS_MAX) };
}

class RecordReader {
  readonly faults: DmarcFault[] = [];
  /** Null: written twice, or with a value that is none. */
  readonly #values = new Map<string, string | null>();

  fault(kind: DmarcFaultKind, tag: string, value: string): void {
    if (this.faults.length < FAULTS_MAX) this.faults.push({ kind, tag, value });
  }

  readTags(tags: readonly string[]): void {
    for (const text of tags) {
      if (/^[ \t]*$/.test(text)) continue;
      const match = /^[ \t]*([a-z]+)[ \t]*=[ \t]*([ -:<-~]*?)[ \t]*$/i.exec(text);
      if (match === null) {
        this.fault("bad-tag", "", text);
        continue;
      }
      const [, written = "", value = ""] = match;
      const tag = written.toLowerCase();
      if (!KNOWN.has(tag)) {
        this.fault(REMOVED.has(tag) ? "removed-tag" : "unknown-tag", tag, value);
        continue;
      }
      const before = this.#values.get(tag);
      if (before === undefined) this.#values.set(tag, value);
      else if (before !== value) {
        this.fault("repeated-tag", tag, value);
        this.#values.set(tag, null);
      }
    }
  }

  record(): DmarcRecord {
    const rua = this.#uris("rua");
    const policies = { p: this.#policy("p"), sp: this.#policy("sp"), np: this.#policy("np") };
    return {
      ...this.#usable(policies, rua.length > 0),
      adkim: this.#choice("adkim", MODES) ?? "relaxed",
      aspf: this.#choice("aspf", MODES) ?? "relaxed",
      fo: this.#failureOptions(),
      psd: this.#choice("psd", PSDS) ?? "u",
      testMode: this.#choice("t", YES_OR_NO) ?? false,
      rua,
      ruf: this.#uris("ruf"),
    };
  }

  /** Section 4.10.1: without a valid `p`, or with an `sp` or `np` that is not valid, reports alone keep the record alive. */
  #usable({ p, sp, np }: { p: DmarcPolicy | null | "bad"; sp: DmarcPolicy | null | "bad"; np: DmarcPolicy | null | "bad" }, hasReports: boolean): Pick<DmarcRecord, "p" | "sp" | "np"> {
    if (p !== null && p !== "bad" && sp !== "bad" && np !== "bad") return { p, sp, np };
    this.fault(hasReports ? "policy-read-as-none" : "no-policy", "", "");
    return { p: hasReports ? "none" : null, sp: null, np: null };
  }

  #policy(tag: "p" | "sp" | "np"): DmarcPolicy | null | "bad" {
    if (!this.#values.has(tag)) return null;
    return this.#choice(tag, POLICIES) ?? "bad";
  }

  #choice<T>(tag: string, choices: Readonly<Record<string, T>>): T | null {
    const value = this.#values.get(tag);
    if (value === undefined || value === null) return null;
    const lower = value.toLowerCase();
    if (Object.hasOwn(choices, lower)) return choices[lower] ?? null;
    this.fault("bad-value", tag, value);
    return null;
  }

  /** dmarc-fo: each at most once, "0" and "1" not together. */
  #failureOptions(): readonly FailureOption[] {
    const value = this.#values.get("fo");
    if (value === undefined || value === null) return ["0"];
    const options = value.toLowerCase().split(":").map((option) => option.trim());
    const valid = options.filter((option): option is FailureOption => /^[01ds]$/.test(option));
    const isSet = valid.length === options.length && new Set(options).size === options.length;
    if (isSet && !(options.includes("0") && options.includes("1"))) return valid;
    this.fault("bad-value", "fo", value);
    return ["0"];
  }

  #uris(tag: "rua" | "ruf"): readonly ReportUri[] {
    const uris: ReportUri[] = [];
    for (const text of (this.#values.get(tag) ?? "").split(",")) {
      const trimmed = text.trim();
      if (trimmed === "") continue;
      const uri = parseReportUri(trimmed);
      if (uri === null) this.fault("bad-uri", tag, trimmed);
      else if (uris.length === REPORT_URIS_MAX) {
        this.fault("too-many-uris", tag, trimmed);
        break;
      } else {
        if (uri.uri.length < trimmed.length) this.fault("obsolete-size", tag, trimmed);
        uris.push(uri);
      }
    }
    return uris;
  }
}

/** What is published: the version first, defaults left out, nothing that RFC 9989 removed. */
export function writeDmarcRecord(record: DmarcRecord): string {
  const tags = ["v=DMARC1"];
  if (record.p !== null) tags.push(`p=${record.p}`);
  if (record.sp !== null) tags.push(`sp=${record.sp}`);
  if (record.np !== null) tags.push(`np=${record.np}`);
  if (record.adkim === "strict") tags.push("adkim=s");
  if (record.aspf === "strict") tags.push("aspf=s");
  if (record.psd !== "u") tags.push(`psd=${record.psd}`);
  if (record.testMode) tags.push("t=y");
  if (record.fo.join(":") !== "0") tags.push(`fo=${record.fo.join(":")}`);
  if (record.rua.length > 0) tags.push(`rua=${record.rua.map(({ uri }) => encodeSemicolons(uri)).join(",")}`);
  if (record.ruf.length > 0) tags.push(`ruf=${record.ruf.map(({ uri }) => encodeSemicolons(uri)).join(",")}`);
  return tags.join("; ");
}

/** A semicolon is allowed in a URI and ends a tag here. */
function encodeSemicolons(uri: string): string {
  return uri.replaceAll(";", "%3B");
}
