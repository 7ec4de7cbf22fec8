/** What the two checks of one message share: questions, time, and the validated names of the client. */
import { parseIpAddress, reverseName, samePrefix, unmapIpAddress } from "../dns/ip-address.ts";
import { questionName } from "../dns/question-name.ts";
import type { Clock } from "../port/clock.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../port/resolver.ts";
import { PTR_NAMES_MAX } from "./limits.ts";
import type { SpfLimits } from "./limits.ts";

/** Why a question was not asked. */
export type Refusal = { readonly kind: "refused"; readonly because: "dns-queries" | "time" };

export class SpfBudget {
  readonly ip: Uint8Array;
  readonly clock: Clock;
  readonly limits: SpfLimits;
  readonly #resolver: Resolver;
  readonly #startedAt: number;
  #queries = 0;
  #names: Promise<ValidatedNames> | null = null;

  constructor(ip: Uint8Array, resolver: Resolver, clock: Clock, limits: SpfLimits) {
    this.ip = ip;
    this.clock = clock;
    this.limits = limits;
    this.#resolver = resolver;
    this.#startedAt = clock.monotonic();
  }
  get queries(): number {
    return this.#queries;
  }

  ask<T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> | Refusal {
    if (this.#queries >= this.limits.dnsQueries) return { kind: "refused", because: "dns-queries" };
    if (this.clock.monotonic() - this.#startedAt > this.limits.timeMs) return { kind: "refused", because: "time" };
    this.#queries++;
    return this.#resolver.resolve(name, type);
  }

  /** The names of the client that lead back to it (RFC 7208 section 5.5), looked up once. */
  validatedNames(): Promise<ValidatedNames> {
    return (this.#names ??= this.#validate());
  }

  async #validate(): Promise<ValidatedNames> {
    const answer = await this.ask(reverseName(this.ip), "PTR");
    if (answer.kind === "refused") return { names: [], refusal: answer };
    if (answer.kind !== "records") return { names: [], refusal: null };
    const candidates = [...new Set(answer.records.slice(0, PTR_NAMES_MAX).map(questionName))];
    const found = await Promise.all(candidates.map((name) => (name === null ? false : this.#leadsBack(name))));
    const refusal = found.find((outcome) => typeof outcome === "object") ?? null;
    return { names: candidates.filter((name, index): name is string => name !== null && found[index] === true), refusal };
  }

  /** A failure counts as a name that does not (section 5.5). */
  async #leadsBack(name: string): Promise<boolean | Refusal> {
    const answer = await this.ask(name, this.ip.length === 4 ? "A" : "AAAA");
    if (answer.kind === "refused") return answer;
    return answer.kind === "records" && answer.records.some((address) => isAddress(address, this.ip, this.ip.length * 8));
  }
}

export interface ValidatedNames {
  readonly names: readonly string[];
  /** A limit of ours was reached on the way. */
  readonly refusal: Refusal | null;
}

/** Whether an address of the DNS has the client's first `bits` bits. A mapped address in AAAA is the IPv4 address that it is. */
export function isAddress(text: string, ip: Uint8Array, bits: number): boolean {
  const bytes = parseIpAddress(text);
  return bytes !== null && samePrefix(ip.length === 4 ? unmapIpAddress(bytes) : bytes, ip, bits);
}
