/**
 * DMARC (RFC 9989): whether the author domain of a message is used with its owner's leave, and what the owner asks for when it is not.
 *
 * Only the owner's request is told here. It is no verdict: a receiver must not reject for `p=reject` alone (sections 5.4, 7.4 and 8),
 * and a request of "none" must change nothing (section 5.4). A temperror is neither pass nor fail (section 5.3.6).
 */
import { isWithin, questionName } from "../dns/question-name.ts";
import type { Resolver } from "../port/resolver.ts";
import type { Author } from "./author.ts";
import { IDENTIFIERS_MAX } from "./limits.ts";
import type { AlignmentMode, DmarcPolicy, DmarcRecord } from "./record.ts";
import { TreeWalker, organizationalDomain } from "./tree-walk.ts";
import type { DnsTrouble, WalkResult } from "./tree-walk.ts";

/** What a mechanism says about a domain. `SpfResult` (MAIL FROM) and a verified DKIM signature fit. */
export interface Authenticated {
  /** Null when there is none that could be read. */
  readonly domain: string | null;
  /** "pass" and "temperror" matter; all others are no authentication. */
  readonly result: string;
}

/**
 * - strict: the same domain as the author's. relaxed: the same organizational domain.
 * - none: another one; or only relaxed where the record wants strict.
 * - unknown: the DNS could not tell. unchecked: the identifier is not authenticated, or one too many.
 */
export type Alignment = "strict" | "relaxed" | "none" | "unknown" | "unchecked";

export interface DmarcIdentifier {
  readonly mechanism: "spf" | "dkim";
  readonly domain: string | null;
  readonly result: string;
  readonly alignment: Alignment;
}

export interface DmarcEvaluation {
  readonly kind: "evaluated";
  /**
   * - none: no record applies. permerror: the one that does has neither a valid policy nor anybody to report to, so that no DMARC
   *   processing takes place (section 4.10.1).
   */
  readonly result: "pass" | "fail" | "none" | "temperror" | "permerror";
  readonly authorDomain: string;
  /** Where the record is; null without one. */
  readonly policyDomain: string | null;
  readonly record: DmarcRecord | null;
  /** Of the author domain; null where nothing needed it. */
  readonly organizationalDomain: string | null;
  /** The tag that speaks for the author domain, and what it says. Null without a record. */
  readonly policyTag: "p" | "sp" | "np" | null;
  readonly policy: DmarcPolicy | null;
  /** The owner only tests the policy (`t=y`). */
  readonly testMode: boolean;
  /** What the owner asks for with this message: "none" unless the result is fail; one level below the policy in test mode (section 4.7). */
  readonly requested: DmarcPolicy;
  /** SPF first when it was checked, then DKIM in the order given. */
  readonly identifiers: readonly DmarcIdentifier[];
  /** As RFC 9990 wants it in reports: how the record was found. */
  readonly discoveryMethod: "treewalk";
  /** With temperror: what the DNS could not tell; null when it was an identifier's own temperror. */
  readonly trouble: { readonly because: DnsTrouble; readonly domain: string } | null;
  readonly dnsQueries: number;
}
/** Messages without exactly one author domain are outside of DMARC (section 11.5). */
export type DmarcResult = DmarcEvaluation | Extract<Author, { kind: "not-applicable" }>;

export interface DmarcInput {
  readonly author: Author;
  /** MAIL FROM only: the HELO identity does not count (section 4.4.2). Null when SPF was not checked. */
  readonly spf: Authenticated | null;
  readonly dkim: readonly Authenticated[];
  readonly resolver: Resolver;
}

export async function evaluateDmarc(input: DmarcInput): Promise<DmarcResult> {
  const { author } = input;
  return author.kind === "author" ? new Evaluation(author.domain, input).run() : author;
}

/** The organizational domain of any domain, in A-labels (section 4.10.2). */
export async function findOrganizationalDomain(domain: string, resolver: Resolver): Promise<{ kind: "found"; domain: string } | { kind: "failure"; because: DnsTrouble; domain: string }> {
  const name = domain.toLowerCase();
  const walked = await new TreeWalker(resolver).walk(name);
  return walked.kind === "failure" ? walked : { kind: "found", domain: organizationalDomain(name, walked.found) };
}

interface PolicyRecord {
  readonly domain: string;
  readonly record: DmarcRecord;
}
type Failure = Extract<WalkResult, { kind: "failure" }>;

class Evaluation {
  readonly #author: string;
  readonly #input: DmarcInput;
  readonly #walker: TreeWalker;
  #authorWalk: WalkResult | null = null;
  #policyDomain: PolicyRecord | null = null;
  /** What the DNS could not tell, the first time. */
  #trouble: Failure | null = null;

  constructor(author: string, input: DmarcInput) {
    this.#author = author;
    this.#input = input;
    this.#walker = new TreeWalker(input.resolver);
  }

  async run(): Promise<DmarcEvaluation> {
    const discovered = await this.#discover();
    if (discovered === null) return this.#outcome("none", []);
    if ("kind" in discovered) return this.#outcome("temperror", []);
    this.#policyDomain = discovered;
    if (discovered.record.p === null) return this.#outcome("permerror", []);
    const identifiers = await this.#identifiers(discovered.record);
    const result = resultOf(identifiers);
    const existence = await this.#existence(discovered, result === "fail");
    if (existence === "unknown" && result === "fail") return this.#outcome("temperror", identifiers);
    return this.#outcome(result, identifiers, existence);
  }

  /** Section 4.10.1: the record of the author domain, of its organizational domain, or of its public suffix domain. */
  async #discover(): Promise<PolicyRecord | Failure | null> {
    const own = await this.#walker.recordAt(this.#author);
    if (own.kind === "failure") return this.#troubled({ kind: "failure", because: own.because, domain: this.#author });
    if (own.kind === "found") return { domain: this.#author, record: own.record };
    const walked = await this.#walkAuthor();
    if (walked.kind === "failure") return this.#troubled(walked);
    const organizational = organizationalDomain(this.#author, walked.found);
    return walked.found.find(({ domain }) => domain === organizational) ?? walked.found.find(({ record }) => record.psd === "y") ?? null;
  }

  #troubled(failure: Failure): Failure {
    this.#trouble ??= failure;
    return failure;
  }

  async #walkAuthor(): Promise<WalkResult> {
    return (this.#authorWalk ??= await this.#walker.walk(this.#author));
  }

  async #identifiers(record: DmarcRecord): Promise<DmarcIdentifier[]> {
    const { spf, dkim } = this.#input;
    const identifiers: DmarcIdentifier[] = [];
    if (spf !== null) identifiers.push(await this.#identifier("spf", spf, record.aspf, true));
    for (const [index, signature] of dkim.entries()) identifiers.push(await this.#identifier("dkim", signature, record.adkim, index < IDENTIFIERS_MAX - 1));
    return identifiers;
  }

  async #identifier(mechanism: "spf" | "dkim", { domain, result }: Authenticated, mode: AlignmentMode, counts: boolean): Promise<DmarcIdentifier> {
    const name = domain === null ? null : questionName(domain);
    const matters = counts && (result === "pass" || result === "temperror");
    const alignment = matters && name !== null ? await this.#align(name, mode) : "unchecked";
    return { mechanism, domain, result, alignment };
  }

  /** Section 4.10.2. An organizational domain is the domain itself or above it, so a walk from elsewhere would end in vain. */
  async #align(domain: string, mode: AlignmentMode): Promise<Alignment> {
    if (domain === this.#author) return "strict";
    if (mode === "strict") return "none";
    const author = await this.#walkAuthor();
    if (author.kind === "failure") return this.#unknown(author);
    const organizational = organizationalDomain(this.#author, author.found);
    if (!isWithin(domain, organizational)) return "none";
    const walked = await this.#walker.walk(domain);
    if (walked.kind === "failure") return this.#unknown(walked);
    return organizationalDomain(domain, walked.found) === organizational ? "relaxed" : "none";
  }

  #unknown(failure: Failure): "unknown" {
    this.#troubled(failure);
    return "unknown";
  }

  /** Section 3.2.13: a domain does not exist when the DNS says NXDOMAIN. Asked only where `np` would make a difference, and where a failure follows. */
  async #existence({ domain, record }: PolicyRecord, failed: boolean): Promise<"exists" | "absent" | "unknown"> {
    if (!failed || domain === this.#author || record.np === null || record.np === (record.sp ?? record.p)) return "exists";
    const answer = await this.#input.resolver.resolve(this.#author, "A");
    this.#existenceQueries++;
    if (answer.kind === "failure") {
      this.#troubled({ kind: "failure", because: answer.because, domain: this.#author });
      return "unknown";
    }
    return answer.kind === "void" && answer.because === "nxdomain" ? "absent" : "exists";
  }
  #existenceQueries = 0;

  #outcome(result: DmarcEvaluation["result"], identifiers: readonly DmarcIdentifier[], existence: "exists" | "absent" | "unknown" = "exists"): DmarcEvaluation {
    const found = this.#policyDomain;
    const tag = found === null || found.record.p === null ? null : policyTagOf(found, this.#author, existence);
    const policy = found === null || tag === null ? null : found.record[tag];
    const testMode = found?.record.testMode ?? false;
    const temporary = result === "temperror" ? this.#trouble : null;
    return {
      kind: "evaluated", result, authorDomain: this.#author,
      policyDomain: found?.domain ?? null, record: found?.record ?? null, organizationalDomain: this.#organizationalDomain(),
      policyTag: tag, policy, testMode,
      requested: result !== "fail" || policy === null ? "none" : testMode ? ONE_LEVEL_BELOW[policy] : policy,
      identifiers, discoveryMethod: "treewalk",
      trouble: temporary === null ? null : { because: temporary.because, domain: temporary.domain },
      dnsQueries: this.#walker.queries + this.#existenceQueries,
    };
  }

  #organizationalDomain(): string | null {
    const walked = this.#authorWalk;
    return walked?.kind === "walked" ? organizationalDomain(this.#author, walked.found) : null;
  }
}

/** Section 4.7 on `t`. */
const ONE_LEVEL_BELOW: Readonly<Record<DmarcPolicy, DmarcPolicy>> = { none: "none", quarantine: "none", reject: "quarantine" };

/** Section 5.3.5; section 5.3.6 for what could not be found out and would have mattered. */
function resultOf(identifiers: readonly DmarcIdentifier[]): "pass" | "fail" | "temperror" {
  const aligned = identifiers.filter(({ alignment }) => alignment !== "none" && alignment !== "unchecked");
  if (aligned.some(({ result, alignment }) => result === "pass" && alignment !== "unknown")) return "pass";
  return aligned.length > 0 ? "temperror" : "fail";
}

/** Section 4.10.1. `np` falls back to `sp`, and `sp` to `p`. */
function policyTagOf({ domain, record }: PolicyRecord, author: string, existence: "exists" | "absent" | "unknown"): "p" | "sp" | "np" {
  if (domain === author) return "p";
  if (existence === "absent" && record.np !== null) return "np";
  return record.sp === null ? "p" : "sp";
}
