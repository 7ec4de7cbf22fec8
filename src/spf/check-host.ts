/**
 * check_host() of RFC 7208 section 4: one domain, one client, one result. Every outcome is a value; what the resolver could not tell is
 * a temperror, what the domain's owner has to repair is a permerror.
 */
import { assert, unreachable } from "../base/assert.ts";
import { samePrefix } from "../dns/ip-address.ts";
import { isWithin, questionName } from "../dns/question-name.ts";
import type { RecordOf, RecordType } from "../port/resolver.ts";
import { isAddress } from "./budget.ts";
import type { Refusal, SpfBudget, ValidatedNames } from "./budget.ts";
import { EXPLANATION_CHARS_MAX, MX_NAMES_MAX } from "./limits.ts";
import { expandMacros, parseMacroText } from "./macro.ts";
import type { MacroText, MacroValues } from "./macro.ts";
import { checkedDomain, shortenName } from "./name.ts";
import { isSpfRecord, parseSpfRecord } from "./record.ts";
import type { Directive, Modifier, PrefixLengths, Qualifier, SpfRecord } from "./record.ts";
import type { SpfOutcome, SpfProblem, SpfProblemKind } from "./result.ts";

export interface Sender {
  /** Unquoted; may be UTF-8. */
  readonly localPart: string;
  readonly domain: string;
}
export interface HostCheckInput {
  readonly budget: SpfBudget;
  readonly sender: Sender;
  readonly helo: string;
  /** Our own host name, for `%{r}`. */
  readonly receiver: string;
}
export interface HostVerdict {
  readonly result: SpfOutcome;
  readonly mechanism: string | null;
  readonly recordDomain: string | null;
  readonly explanation: string | null;
  readonly problem: SpfProblem | null;
}

const RESULT_OF: Readonly<Record<Qualifier, "pass" | "fail" | "softfail" | "neutral">> = { "+": "pass", "-": "fail", "~": "softfail", "?": "neutral" };

export function checkHost(domain: string, input: HostCheckInput): Promise<HostVerdict> {
  return new HostCheck(input).run(domain);
}

/** How the records of one domain, followed through redirect, ended. */
type Evaluation =
  | { readonly kind: "matched"; readonly directive: Directive; readonly domain: string; readonly record: SpfRecord }
  | { readonly kind: "default"; readonly domain: string }
  | SpfProblemFound;
type SpfProblemFound = { readonly kind: "problem"; readonly problem: SpfProblem };

/** Where a term stands. */
interface Place {
  readonly domain: string;
  readonly term: string;
}

class HostCheck {
  readonly #input: HostCheckInput;
  readonly #budget: SpfBudget;
  #terms = 0;
  #voids = 0;

  constructor(input: HostCheckInput) {
    this.#input = input;
    this.#budget = input.budget;
  }

  async run(domain: string): Promise<HostVerdict> {
    const found = await this.#evaluate(domain);
    switch (found.kind) {
      case "problem":
        return { result: found.problem.result, mechanism: null, recordDomain: null, explanation: null, problem: found.problem };
      case "default":
        return { result: "neutral", mechanism: "default", recordDomain: found.domain, explanation: null, problem: null };
      case "matched": {
        const result = RESULT_OF[found.directive.qualifier];
        const explanation = result === "fail" && found.record.exp !== null ? await this.#explain(found.record.exp, found.domain) : null;
        return { result, mechanism: found.directive.text, recordDomain: found.domain, explanation, problem: null };
      }
      default:
        return unreachable(found);
    }
  }

  /** Sections 4.3 to 4.7. Each record but the first costs a DNS term, which bounds the recursion. */
  async #evaluate(given: string): Promise<Evaluation> {
    const domain = checkedDomain(given);
    if (domain === null) return problem("none", "malformed-domain", { domain: given, term: null });
    const record = await this.#record(domain);
    if ("kind" in record) return record;
    for (const directive of record.directives) {
      const { mechanism } = directive;
      let matched: boolean | SpfProblemFound;
      if (mechanism.kind === "all") matched = true;
      else if (mechanism.kind === "ip4" || mechanism.kind === "ip6") matched = samePrefix(mechanism.network, this.#budget.ip, mechanism.prefix);
      else matched = await this.#matchInDns(directive, domain);
      if (typeof matched === "object") return matched;
      if (matched) return { kind: "matched", directive, domain, record };
    }
    return record.redirect === null ? { kind: "default", domain } : this.#redirect(record.redirect, domain);
  }

  /** Sections 4.4 to 4.6. */
  async #record(domain: string): Promise<SpfRecord | SpfProblemFound> {
    const place = { domain, term: null };
    const texts = await this.#ask(domain, "TXT", place);
    if ("kind" in texts) return texts;
    const records = texts.filter(isSpfRecord);
    const [text] = records;
    if (text === undefined) return problem("none", "no-record", place);
    if (records.length > 1) return problem("permerror", "multiple-records", place);
    const parsed = parseSpfRecord(text);
    if (parsed.kind === "record") return parsed.record;
    return problem("permerror", "syntax", { domain, term: parsed.faults[0]?.text ?? null });
  }

  /** Section 6.1: the target's exp speaks, and a target without a record is an error. */
  async #redirect(redirect: Modifier, domain: string): Promise<Evaluation> {
    const place = { domain, term: redirect.text };
    const cost = this.#countTerm(place);
    if (cost !== null) return cost;
    const target = await this.#expand(redirect.target, domain, place);
    if (target === null) return { kind: "default", domain };
    if (typeof target === "object") return target;
    const found = await this.#evaluate(target);
    if (found.kind === "problem" && found.problem.result === "none") return problem("permerror", "redirect-without-record", place);
    return found;
  }

  #countTerm(place: Place): SpfProblemFound | null {
    return ++this.#terms > this.#budget.limits.dnsTerms ? problem("permerror", "dns-terms", place) : null;
  }

  /** A term whose questions found nothing at all. */
  #countVoid(place: Place): false | SpfProblemFound {
    return ++this.#voids > this.#budget.limits.voidLookups ? problem("permerror", "void-lookups", place) : false;
  }

  async #matchInDns(directive: Directive, domain: string): Promise<boolean | SpfProblemFound> {
    const { mechanism } = directive;
    assert(mechanism.kind !== "all" && mechanism.kind !== "ip4" && mechanism.kind !== "ip6", "only mechanisms that ask");
    const place = { domain, term: directive.text };
    const cost = this.#countTerm(place);
    if (cost !== null) return cost;
    const target = mechanism.target === null ? domain : await this.#expand(mechanism.target, domain, place);
    if (target === null) return false;
    if (typeof target === "object") return target;
    if (mechanism.kind === "include") return this.#matchInclude(target, place);
    const name = questionName(target);
    // Section 4.8 leaves open what a name means that cannot be asked about: it has no addresses.
    if (name === null) return false;
    switch (mechanism.kind) {
      case "a":
        return this.#matchAddresses(name, mechanism, place);
      case "mx":
        return this.#matchMx(name, mechanism, place);
      case "ptr":
        return this.#matchPtr(name, place);
      case "exists": {
        // Section 5.7: A, whatever the client's family is.
        const addresses = await this.#ask(name, "A", place);
        if ("kind" in addresses) return addresses;
        return addresses.length > 0 || this.#countVoid(place);
      }
      default:
        return unreachable(mechanism);
    }
  }

  /** Section 5.2. */
  async #matchInclude(target: string, place: Place): Promise<boolean | SpfProblemFound> {
    const found = await this.#evaluate(target);
    if (found.kind === "matched") return found.directive.qualifier === "+";
    if (found.kind === "default") return false;
    return found.problem.result === "none" ? problem("permerror", "include-without-record", place) : found;
  }

  /** Section 5.3. */
  async #matchAddresses(name: string, prefixes: PrefixLengths, place: Place): Promise<boolean | SpfProblemFound> {
    const addresses = await this.#addresses(name, place);
    if ("kind" in addresses) return addresses;
    if (addresses.length === 0) return this.#countVoid(place);
    return this.#isAmong(addresses, prefixes);
  }

  /** Section 5.4. An implicit MX does not exist here, and a null MX (RFC 7505) names no host. */
  async #matchMx(name: string, prefixes: PrefixLengths, place: Place): Promise<boolean | SpfProblemFound> {
    const records = await this.#ask(name, "MX", place);
    if ("kind" in records) return records;
    if (records.length > MX_NAMES_MAX) return problem("permerror", "mx-names", place);
    const inOrder = records.length > 1 ? [...records].sort((a, b) => a.preference - b.preference) : records;
    let found = false;
    for (const { exchange } of inOrder) {
      const host = questionName(exchange);
      if (host === null) continue;
      const addresses = await this.#addresses(host, place);
      if ("kind" in addresses) return addresses;
      if (this.#isAmong(addresses, prefixes)) return true;
      found ||= addresses.length > 0;
    }
    return found ? false : this.#countVoid(place);
  }

  /** Section 5.5. */
  async #matchPtr(name: string, place: Place): Promise<boolean | SpfProblemFound> {
    const validated = await this.#validatedNames(place);
    if ("kind" in validated) return validated;
    return validated.names.some((other) => isWithin(other, name));
  }

  #addresses(name: string, place: Place): Promise<readonly string[] | SpfProblemFound> {
    return this.#ask(name, this.#budget.ip.length === 4 ? "A" : "AAAA", place);
  }

  #isAmong(addresses: readonly string[], { prefix4, prefix6 }: PrefixLengths): boolean {
    const { ip } = this.#budget;
    const bits = ip.length === 4 ? prefix4 : prefix6;
    return addresses.some((address) => isAddress(address, ip, bits));
  }

  /** The records, none when they do not exist. */
  async #ask<T extends RecordType>(name: string, type: T, place: { domain: string; term: string | null }): Promise<readonly RecordOf[T][] | SpfProblemFound> {
    const asked = this.#budget.ask(name, type);
    if ("kind" in asked) return refused(asked, place);
    const answer = await asked;
    switch (answer.kind) {
      case "records": return answer.records;
      case "void": return [];
      case "failure": return problem("temperror", answer.because, place);
      default: return unreachable(answer);
    }
  }

  async #validatedNames(place: Place): Promise<ValidatedNames | SpfProblemFound> {
    const validated = await this.#budget.validatedNames();
    return validated.refusal === null ? validated : refused(validated.refusal, place);
  }

  /** A domain-spec as a name; null when it never matches (RFC 8616 section 4). */
  async #expand(spec: MacroText, domain: string, place: Place): Promise<string | null | SpfProblemFound> {
    const [literal, ...more] = spec.parts;
    if (typeof literal === "string" && more.length === 0) return literal;
    let validated = "unknown";
    if (spec.usesP) {
      // Section 4.6.4: the lookup behind %{p} is one of the terms.
      const cost = this.#countTerm(place);
      if (cost !== null) return cost;
      const names = await this.#validatedNames(place);
      if ("kind" in names) return names;
      validated = preferredName(names.names, domain);
    }
    const name = expandMacros(spec, this.#values(domain, validated));
    return name === null ? null : shortenName(name.endsWith(".") ? name.slice(0, -1) : name);
  }

  #values(domain: string, validated: string): MacroValues {
    const { sender, helo, receiver, budget } = this.#input;
    return { ip: budget.ip, localPart: sender.localPart, senderDomain: sender.domain, domain, helo, validated, receiver, now: budget.clock.now() };
  }

  /** Section 6.2: whatever goes wrong, there is no explanation. */
  async #explain(exp: Modifier, domain: string): Promise<string | null> {
    const place = { domain, term: exp.text };
    const target = await this.#expand(exp.target, domain, place);
    const name = typeof target === "string" ? questionName(target) : null;
    const texts = name === null ? [] : await this.#ask(name, "TXT", place);
    if ("kind" in texts || texts.length !== 1) return null;
    const parsed = parseMacroText(texts[0] ?? "", "explanation");
    if ("kind" in parsed) return null;
    let validated = "unknown";
    if (parsed.usesP) {
      const names = await this.#validatedNames(place);
      if (!("kind" in names)) validated = preferredName(names.names, domain);
    }
    const text = expandMacros(parsed, this.#values(domain, validated));
    return text === null || text === "" || /[^ -~]/.test(text) ? null : text.slice(0, EXPLANATION_CHARS_MAX);
  }
}

/** Section 7.3 on `p`: the domain itself, else one below it, else any. */
function preferredName(names: readonly string[], domain: string): string {
  return names.find((name) => name === domain) ?? names.find((name) => isWithin(name, domain)) ?? names[0] ?? "unknown";
}

function problem(result: SpfProblem["result"], kind: SpfProblemKind, place: { readonly domain: string; readonly term: string | null }): SpfProblemFound {
  return { kind: "problem", problem: { result, kind, domain: place.domain, term: place.term } };
}

/** Too many questions are the record's fault, too little time is nobody's (section 4.6.4). */
function refused(refusal: Refusal, place: { readonly domain: string; readonly term: string | null }): SpfProblemFound {
  return problem(refusal.because === "time" ? "temperror" : "permerror", refusal.because, place);
}
