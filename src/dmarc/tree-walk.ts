/** The DNS tree walk (RFC 9989 section 4.10): where records are, and what they make the organizational domain. */
import { unreachable } from "../base/assert.ts";
import { questionName } from "../dns/question-name.ts";
import type { Resolver } from "../port/resolver.ts";
import { TREE_WALK_LABELS, TREE_WALK_QUERIES_MAX } from "./limits.ts";
import { isDmarcRecord, parseDmarcRecord } from "./record.ts";
import type { DmarcRecord } from "./record.ts";

export interface FoundRecord {
  readonly domain: string;
  readonly record: DmarcRecord;
}
export type DnsTrouble = "servfail" | "timeout" | "bogus" | "malformed";
export type WalkResult =
  /** Longest name first. */
  | { readonly kind: "walked"; readonly found: readonly FoundRecord[] }
  | { readonly kind: "failure"; readonly because: DnsTrouble; readonly domain: string };
type RecordAt = { readonly kind: "found"; readonly record: DmarcRecord } | { readonly kind: "absent" } | { readonly kind: "failure"; readonly because: DnsTrouble };

/** The names that a walk from `domain` asks about, at most TREE_WALK_QUERIES_MAX. */
export function walkTargets(domain: string): string[] {
  const labels = domain.split(".");
  const targets = [domain];
  for (let left = Math.min(labels.length - 1, TREE_WALK_LABELS); left > 0; left--) targets.push(labels.slice(-left).join("."));
  return targets.slice(0, TREE_WALK_QUERIES_MAX);
}

/** Walks of one evaluation. Their ends are mostly the same, so each name is asked about once. */
export class TreeWalker {
  readonly #resolver: Resolver;
  readonly #records = new Map<string, RecordAt>();
  #queries = 0;

  constructor(resolver: Resolver) {
    this.#resolver = resolver;
  }
  get queries(): number {
    return this.#queries;
  }

  /** From `domain` to the top, or to a record that has `psd=y` or `psd=n`. */
  async walk(domain: string): Promise<WalkResult> {
    const found: FoundRecord[] = [];
    for (const target of walkTargets(domain)) {
      const at = this.#records.get(target) ?? await this.recordAt(target);
      if (at.kind === "failure") return { kind: "failure", because: at.because, domain: target };
      if (at.kind === "absent") continue;
      found.push({ domain: target, record: at.record });
      if (at.record.psd !== "u") break;
    }
    return { kind: "walked", found };
  }

  /** The one record of a name; several are none (section 4.10, steps 2 and 6). */
  async recordAt(domain: string): Promise<RecordAt> {
    const known = this.#records.get(domain);
    if (known !== undefined) return known;
    const at = await this.#ask(domain);
    this.#records.set(domain, at);
    return at;
  }

  async #ask(domain: string): Promise<RecordAt> {
    const name = questionName(`_dmarc.${domain}`);
    // A name that leaves no room for the label has no record.
    if (name === null) return { kind: "absent" };
    this.#queries++;
    const answer = await this.#resolver.resolve(name, "TXT");
    switch (answer.kind) {
      case "failure":
        return answer;
      case "void":
        return { kind: "absent" };
      case "records": {
        const [text, ...more] = answer.records.filter(isDmarcRecord);
        const parsed = text === undefined || more.length > 0 ? null : parseDmarcRecord(text);
        return parsed?.kind === "record" ? { kind: "found", record: parsed.record } : { kind: "absent" };
      }
      default:
        return unreachable(answer);
    }
  }
}

/** Section 4.10.2. `found` is what the walk from `domain` found. */
export function organizationalDomain(domain: string, found: readonly FoundRecord[]): string {
  for (const { domain: at, record } of found) {
    if (record.psd === "n") return at;
    if (record.psd === "y" && at !== domain) return oneLabelBelow(domain, at);
  }
  return found.at(-1)?.domain ?? domain;
}

/** `below` ends in `top`. */
function oneLabelBelow(below: string, top: string): string {
  const end = below.length - top.length - 1;
  return below.slice(below.lastIndexOf(".", end - 1) + 1);
}
