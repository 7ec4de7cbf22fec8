/**
 * A stub resolver (RFC 1034 section 5.3.1) over recursive servers.
 *
 * The AD bit is believed from loopback servers only: a validating resolver such as Unbound belongs on the same machine, and on any
 * longer path the bit could be anybody's. When such a server answers SERVFAIL, the question is repeated with CD set; if it can be
 * answered then, validation was what failed, and the failure is "bogus".
 * Answers are kept for their TTL, absence for the TTL of the SOA, failures for some seconds; equal questions share one exchange.
 */
import { isIP } from "node:net";
import { assert } from "../base/assert.ts";
import { findAnswer } from "../dns/answer.ts";
import { ALIASES_MAX } from "../dns/limits.ts";
import { RCODE } from "../dns/message.ts";
import type { Response } from "../dns/message.ts";
import { lowerAscii, writeName } from "../dns/name.ts";
import { TYPE_NUMBER } from "../dns/record.ts";
import type { Clock } from "../port/clock.ts";
import type { Connector, Endpoint } from "../port/connection.ts";
import type { Metrics } from "../port/metrics.ts";
import { noMetrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../port/resolver.ts";
import { AnswerCache } from "./answer-cache.ts";
import { exchange } from "./dns-exchange.ts";
import type { ExchangePorts } from "./dns-exchange.ts";
import { DNS_AT_ONCE_MAX, DNS_CACHE_BYTES_MAX, DNS_CACHE_ENTRIES_MAX, DNS_FAILURE_KEPT_MS, DNS_NO_EDNS_MS, DNS_TOTAL_MS_MAX, DNS_TRY_MS, DNS_TRY_MS_MAX, DNS_WAITING_MAX } from "./limits.ts";

export interface StubResolverOptions {
  /** "127.0.0.1", "127.0.0.1:5353", "::1", "[::1]:5353"; asked in this order, from the one that last answered. */
  readonly servers: readonly [string, ...string[]];
  readonly clock: Clock;
  readonly random: Random;
  readonly connector: Connector;
  readonly metrics?: Metrics;
  readonly tryMs?: number;
  readonly totalMs?: number;
  readonly atOnce?: number;
  readonly cacheEntries?: number;
  readonly cacheBytes?: number;
}
interface Server {
  readonly endpoint: Endpoint;
  readonly isLoopback: boolean;
  noEdnsUntil: number;
}
type Failure = Extract<Answer<never>, { kind: "failure" }>;
type Asked = { readonly kind: "response"; readonly response: Response; readonly authentic: boolean } | Failure;

/** With one server that stays silent: 2 + 3 + 3 + 2 seconds. */
const TRIES_MIN = 4;

export class StubResolver implements Resolver {
  readonly #servers: readonly Server[];
  readonly #ports: ExchangePorts;
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #tryMs: number;
  readonly #totalMs: number;
  readonly #atOnce: number;
  readonly #cache: AnswerCache<Answer<unknown>>;
  readonly #asking = new Map<string, Promise<Answer<unknown>>>();
  #preferred = 0;
  #onWire = 0;
  readonly #waiting: (() => void)[] = [];

  /** Throws when a server is not an address: a wrong setting. */
  constructor(options: StubResolverOptions) {
    this.#servers = options.servers.map((text) => {
      const endpoint = parseServer(text);
      return { endpoint, isLoopback: endpoint.address === "::1" || endpoint.address.startsWith("127."), noEdnsUntil: 0 };
    });
    this.#ports = options;
    this.#clock = options.clock;
    this.#metrics = options.metrics ?? noMetrics;
    this.#tryMs = options.tryMs ?? DNS_TRY_MS;
    this.#totalMs = options.totalMs ?? DNS_TOTAL_MS_MAX;
    this.#atOnce = options.atOnce ?? DNS_AT_ONCE_MAX;
    this.#cache = new AnswerCache({ entries: options.cacheEntries ?? DNS_CACHE_ENTRIES_MAX, bytes: options.cacheBytes ?? DNS_CACHE_BYTES_MAX });
  }

  /** A name that cannot be written on the wire (too long a label, not US-ASCII) is a `malformed` failure. */
  async resolve<T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> {
    const plain = lowerAscii(name.endsWith(".") ? name.slice(0, -1) : name);
    const key = `${type} ${plain}`;
    const kept = this.#cache.get(key, this.#clock.monotonic());
    // The key holds the type, so what is kept or asked under it has that type's records.
    if (kept !== null) {
      this.#count(type, "cached");
      return withTtl(kept.value as Answer<RecordOf[T]>, Math.ceil(kept.leftMs / 1000));
    }
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking as Promise<Answer<RecordOf[T]>>;
    const asked = this.#lookUp(plain, type).then((answer) => {
      this.#count(type, answer.kind === "records" ? "records" : answer.because);
      this.#keep(key, answer);
      return answer;
    }).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asked);
    return asked;
  }
  #count(type: RecordType, outcome: string): void {
    this.#metrics.count("tayori_dns_questions_total", { type, outcome });
  }
  #keep(key: string, answer: Answer<unknown>): void {
    const ms = answer.kind === "failure" ? DNS_FAILURE_KEPT_MS : answer.ttl * 1000;
    if (ms <= 0) return;
    const valueBytes = answer.kind === "records" ? answer.records.reduce<number>((sum, record) => sum + bytesOf(record), 0) : 0;
    this.#cache.set(key, answer, { expires: this.#clock.monotonic() + ms, valueBytes });
  }

  /** Follows aliases over as many responses as it takes. */
  async #lookUp<T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> {
    const until = this.#clock.monotonic() + this.#totalMs;
    let at = name;
    let authentic = true;
    let ttl = Infinity;
    for (let aliases = 0; aliases <= ALIASES_MAX; aliases++) {
      const asked = await this.#ask(at, TYPE_NUMBER[type], until);
      if (asked.kind === "failure") return asked;
      const found = findAnswer(asked.response, at, type);
      if (found.kind === "failure") return found;
      authentic &&= asked.authentic;
      ttl = Math.min(ttl, found.ttl);
      if (found.kind !== "alias") return { ...found, authentic, ttl };
      at = found.target;
    }
    return { kind: "failure", because: "servfail" };
  }

  /** One question, to the servers in turn, until one answers or the time is over. */
  async #ask(name: string, type: number, until: number): Promise<Asked> {
    const wireName = writeName(name);
    if (wireName === null) return { kind: "failure", because: "malformed" };
    if (!(await this.#enter())) return { kind: "failure", because: "timeout" };
    try {
      return await this.#askInTurn(wireName, type, until);
    } finally {
      this.#leave();
    }
  }
  async #askInTurn(name: Buffer, type: number, until: number): Promise<Asked> {
    let because: Failure["because"] = "timeout";
    let ms = this.#tryMs;
    const turn = [...this.#servers.slice(this.#preferred), ...this.#servers.slice(0, this.#preferred)];
    const tries = Math.max(TRIES_MIN, turn.length * 2);
    for (let i = 0; i < tries; i++) {
      const left = until - this.#clock.monotonic();
      const server = turn.shift();
      if (left <= 0 || server === undefined) break;
      const result = await this.#tryServer(server, { name, type, checkingDisabled: false, mixCase: i === 0 && !server.isLoopback }, Math.min(ms, left));
      if (result === "no-edns") turn.unshift(server);
      else if (result.kind !== "response") {
        if (result.kind === "malformed" && because === "timeout") because = "malformed";
        if (result.kind === "timeout") ms = Math.min(ms * 2, Math.max(DNS_TRY_MS_MAX, this.#tryMs));
        turn.push(server);
      } else if (result.rcode === RCODE.NOERROR || result.rcode === RCODE.NXDOMAIN) {
        this.#preferred = this.#servers.indexOf(server);
        return { kind: "response", response: result, authentic: server.isLoopback && result.authenticData };
      } else {
        // A server that said no is not asked the same again.
        if (server.isLoopback && result.rcode === RCODE.SERVFAIL && (await this.#isBogus(server, name, type, until))) return { kind: "failure", because: "bogus" };
        because = "servfail";
      }
    }
    return { kind: "failure", because };
  }
  async #tryServer(server: Server, question: { readonly name: Buffer; readonly type: number; readonly checkingDisabled: boolean; readonly mixCase: boolean }, ms: number) {
    const edns = this.#clock.monotonic() >= server.noEdnsUntil;
    const answer = await exchange(server.endpoint, { ...question, edns }, ms, this.#ports);
    if (!edns || answer.kind !== "response" || (answer.rcode !== RCODE.FORMERR && answer.rcode !== RCODE.NOTIMP)) return answer;
    server.noEdnsUntil = this.#clock.monotonic() + DNS_NO_EDNS_MS;
    return "no-edns" as const;
  }
  async #isBogus(server: Server, name: Buffer, type: number, until: number): Promise<boolean> {
    const left = until - this.#clock.monotonic();
    if (left <= 0) return false;
    const answer = await this.#tryServer(server, { name, type, checkingDisabled: true, mixCase: false }, Math.min(this.#tryMs, left));
    return answer !== "no-edns" && answer.kind === "response" && (answer.rcode === RCODE.NOERROR || answer.rcode === RCODE.NXDOMAIN);
  }

  /** False when too many wait already. */
  async #enter(): Promise<boolean> {
    if (this.#onWire < this.#atOnce) {
      this.#onWire++;
      return true;
    }
    if (this.#waiting.length >= DNS_WAITING_MAX) return false;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return true;
  }
  /** A place goes to the next who waits without becoming free in between. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#onWire--;
    else next();
  }
}

function withTtl<T>(answer: Answer<T>, ttl: number): Answer<T> {
  return answer.kind === "failure" ? answer : { ...answer, ttl };
}

function bytesOf(record: unknown): number {
  if (typeof record === "string") return 40 + record.length;
  if (typeof record !== "object" || record === null) return 40;
  return 100 + Object.values(record).reduce<number>((sum, value) => sum + (typeof value === "string" || Buffer.isBuffer(value) ? value.length : 8), 0);
}

function parseServer(text: string): Endpoint {
  const bracketed = /^\[([^\]]+)\](?::([0-9]+))?$/.exec(text);
  const dotted = /^([0-9.]+)(?::([0-9]+))?$/.exec(text);
  const address = bracketed?.[1] ?? dotted?.[1] ?? text;
  const port = Number(bracketed?.[2] ?? dotted?.[2] ?? 53);
  assert(isIP(address) !== 0 && port > 0 && port < 65_536, `not the address of a DNS server: ${text}`);
  return { address, port };
}
