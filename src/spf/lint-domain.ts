/** What is wrong with the SPF policy of a domain, with everything that its record includes: the worst case that some client meets. */
import { questionName } from "../dns/question-name.ts";
import type { Resolver } from "../port/resolver.ts";
import { DNS_TERMS_MAX, LINT_RECORDS_MAX, MX_NAMES_MAX, VOID_LOOKUPS_MAX } from "./limits.ts";
import { asksDns, lintSpf } from "./lint.ts";
import type { SpfFault, SpfFaultKind } from "./lint.ts";
import type { MacroText } from "./macro.ts";
import { checkedDomain } from "./name.ts";
import { isSpfRecord } from "./record.ts";
import type { Directive, SpfRecord } from "./record.ts";

export interface SpfDomainFault extends SpfFault {
  /** Whose record it is in. */
  readonly domain: string;
}
export interface SpfDomainLint {
  /** The records read, the domain's own first. */
  readonly records: readonly { readonly domain: string; readonly text: string }[];
  /** Terms that a client matching nothing makes a receiver look up; more than 10 are a permerror for it (RFC 7208 section 4.6.4). */
  readonly dnsTerms: number;
  /** Those of them that find nothing. */
  readonly voidTerms: number;
  readonly faults: readonly SpfDomainFault[];
}

/** Reads the record of `domain` and all that it leads to. `domain` in A-labels. */
export async function lintSpfDomain(domain: string, resolver: Resolver): Promise<SpfDomainLint> {
  const lint = new DomainLint(resolver);
  const name = checkedDomain(domain);
  if (name === null) lint.fault("no-record", "error", domain, WHOLE);
  else await lint.read(name, [], "no-record", WHOLE, name);
  if (lint.dnsTerms > DNS_TERMS_MAX) lint.fault("dns-terms", "error", domain, WHOLE);
  if (lint.voidTerms > VOID_LOOKUPS_MAX) lint.fault("void-lookups", "error", domain, WHOLE);
  const { records, dnsTerms, voidTerms, faults } = lint;
  return { records, dnsTerms, voidTerms, faults };
}

interface Term {
  readonly text: string;
  readonly start: number;
}
const WHOLE: Term = { text: "", start: 0 };

class DomainLint {
  readonly records: { domain: string; text: string }[] = [];
  readonly faults: SpfDomainFault[] = [];
  dnsTerms = 0;
  voidTerms = 0;
  readonly #resolver: Resolver;

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }

  fault(kind: SpfFaultKind, severity: SpfFault["severity"], domain: string, { text, start }: Term): void {
    const known = this.faults.some((fault) => fault.kind === kind && fault.domain === domain && fault.start === start && fault.text === text);
    if (!known) this.faults.push({ kind, severity, domain, text, start });
  }

  /** `term` of `from` led here; `missing` is what it is when there is no record. `above`: the domains on the way. */
  async read(domain: string, above: readonly string[], missing: SpfFaultKind, term: Term, from: string): Promise<void> {
    if (above.includes(domain)) return this.fault("loop", "error", from, term);
    // Each record costs a term, so this is far beyond what any receiver reads.
    if (this.records.length >= LINT_RECORDS_MAX) return;
    const answer = await this.#resolver.resolve(domain, "TXT");
    if (answer.kind === "failure") return this.fault("dns-failure", "error", from, term);
    const texts = answer.kind === "records" ? answer.records.filter(isSpfRecord) : [];
    const [text] = texts;
    if (text === undefined) return this.fault(missing, "error", from, term);
    this.records.push({ domain, text });
    if (texts.length > 1) return this.fault("multiple-records", "error", domain, WHOLE);
    const { faults, record } = lintSpf(text);
    for (const { kind, severity, ...place } of faults) {
      // The sum over all records is judged at the end. How the records below the first end matters to nobody.
      if (kind !== "dns-terms" && (kind !== "no-end" || above.length === 0)) this.fault(kind, severity, domain, place);
    }
    if (record !== null) await this.#follow(record, domain, [...above, domain]);
  }

  async #follow(record: SpfRecord, domain: string, above: readonly string[]): Promise<void> {
    for (const directive of record.directives) {
      if (directive.mechanism.kind === "all") return;
      if (!asksDns(directive)) continue;
      this.dnsTerms++;
      await this.#look(directive, domain, above);
    }
    if (record.redirect === null) return;
    this.dnsTerms++;
    const target = this.#literal(record.redirect.target, domain, record.redirect);
    if (target !== null) await this.read(target, above, "redirect-without-record", record.redirect, domain);
  }

  /** Null when the name depends on the message, or is none. */
  #literal(target: MacroText | null, domain: string, term: Term): string | null {
    if (target === null) return domain;
    const [text, ...more] = target.parts;
    if (typeof text === "string" && more.length === 0) return questionName(text);
    this.fault("not-followed", "note", domain, term);
    return null;
  }

  async #look(directive: Directive, domain: string, above: readonly string[]): Promise<void> {
    const { mechanism } = directive;
    if (mechanism.kind === "all" || mechanism.kind === "ip4" || mechanism.kind === "ip6" || mechanism.kind === "ptr") return;
    const target = this.#literal(mechanism.target, domain, directive);
    if (target === null) return;
    if (mechanism.kind === "include") return this.read(target, above, "include-without-record", directive, domain);
    const found = mechanism.kind === "mx" ? await this.#mxFinds(target, domain, directive) : await this.#hostFinds(target, mechanism.kind === "exists");
    if (found === "failure") this.fault("dns-failure", "error", domain, directive);
    if (found !== "nothing") return;
    this.voidTerms++;
    this.fault("void-lookup", "warning", domain, directive);
  }

  async #hostFinds(name: string, onlyA: boolean): Promise<"something" | "nothing" | "failure"> {
    const four = await this.#resolver.resolve(name, "A");
    if (four.kind === "records") return "something";
    const six = onlyA ? four : await this.#resolver.resolve(name, "AAAA");
    if (six.kind === "records") return "something";
    return four.kind === "failure" || six.kind === "failure" ? "failure" : "nothing";
  }

  async #mxFinds(name: string, domain: string, term: Term): Promise<"something" | "nothing" | "failure"> {
    const answer = await this.#resolver.resolve(name, "MX");
    if (answer.kind === "failure") return "failure";
    if (answer.kind === "void") return "nothing";
    if (answer.records.length > MX_NAMES_MAX) this.fault("mx-names", "error", domain, term);
    let failed = false;
    for (const { exchange } of answer.records.slice(0, MX_NAMES_MAX)) {
      const host = questionName(exchange);
      const found = host === null ? "nothing" : await this.#hostFinds(host, false);
      if (found === "something") return found;
      failed ||= found === "failure";
    }
    return failed ? "failure" : "nothing";
  }
}
