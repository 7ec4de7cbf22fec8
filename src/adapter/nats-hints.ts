/**
 * Hints over NATS, between hosts: core publish and subscribe, nothing kept on the server, one connection per process.
 *
 * The subject of a journal `a/<account>` is `tayori.hint.a.<account>`; the payload is the sequence number in decimal digits. While NATS
 * is away nothing waits for it and nothing fails: hints are lost, newer ones wait as one per subject up to a limit, and the connection is
 * tried for ever. Who connects to several installations' NATS gives each an account of its own there: subjects do not name the store.
 */
import { connect, type NatsConnection, type NodeConnectionOptions, type Subscription } from "@nats-io/transport-node";
import type { Clock } from "../port/clock.ts";
import { type Hints, HintListeners, isSeq, WaitingHints } from "../port/hints.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import { HINT_SUBJECTS_WAITING_MAX, HINTS_AT_ONCE_MAX, NATS_CONNECT_MS_MAX, NATS_PING_MS, NATS_RETRY_MS } from "./limits.ts";
import type { NatsServers } from "./nats-url.ts";
import { detailOf } from "./node-connection.ts";

export interface NatsHintsOptions {
  readonly to: NatsServers;
  /** What NATS shows of us to its operators. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Octets that mean something in a NATS subject are written `%XX`, as is the percent sign; a slash becomes a dot. */
export function natsSubject(subject: string): string {
  return `tayori.hint.${subject.replaceAll(/[^A-Za-z0-9/_=!+@-]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`).replaceAll("/", ".")}`;
}

export class NatsHints implements Hints {
  readonly #options: NatsHintsOptions;
  readonly #listeners: HintListeners;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #waiting = new WaitingHints(HINT_SUBJECTS_WAITING_MAX);
  /** Null before the first connection, and while a new client is made after one that gave up. */
  #client: NatsConnection | null = null;
  #connected = false;
  #sending = false;
  #closed = false;
  #cancelRetry: () => void = () => {};

  private constructor(options: NatsHintsOptions) {
    this.#options = options;
    this.#listeners = new HintListeners((subject) => this.#subscribe(subject), (subject) => this.#unsubscribe(subject));
  }
  /** Begins to connect, and waits for nothing. */
  static open(options: NatsHintsOptions): NatsHints {
    const hints = new NatsHints(options);
    void hints.#connect(true);
    return hints;
  }
  get connected(): boolean {
    return this.#connected;
  }

  publish(subject: string, seq: number): void {
    if (this.#closed) return;
    const dropped = this.#waiting.dropped;
    this.#waiting.add(subject, seq);
    if (this.#waiting.dropped > dropped) this.#options.metrics.count("tayori_hints_dropped_total");
    this.#sendSoon();
  }
  subscribe(subject: string, fn: (seq: number) => void): () => void {
    return this.#closed ? () => {} : this.#listeners.add(subject, fn);
  }
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry();
    this.#listeners.clear();
    this.#note(false);
    await this.#client?.close().catch(() => {});
  }

  async #connect(first: boolean): Promise<void> {
    const { to, clock, random, log } = this.#options;
    let client: NatsConnection;
    try {
      client = await connect(this.#connectOptions());
    } catch (error) {
      if (first) log.warn("hints-unavailable", { servers: to.servers.join(" "), detail: detailOf(error) });
      this.#note(false);
      if (!this.#closed) this.#cancelRetry = clock.timer(NATS_RETRY_MS + random.below(NATS_RETRY_MS), () => void this.#connect(false));
      return;
    }
    if (this.#closed) return void client.close().catch(() => {});
    this.#client = client;
    for (const subject of this.#listeners.subjects) this.#subscribe(subject);
    this.#up(client);
    await this.#follow(client);
    // The client gave up by itself, which it does for reasons of its own only: begin anew.
    this.#client = null;
    this.#subscriptions.clear();
    this.#note(false);
    if (!this.#closed) this.#cancelRetry = clock.timer(NATS_RETRY_MS, () => void this.#connect(false));
  }
  #connectOptions(): NodeConnectionOptions {
    const { to, name } = this.#options;
    return {
      servers: [...to.servers], name, noEcho: true, timeout: NATS_CONNECT_MS_MAX, maxReconnectAttempts: -1, reconnectTimeWait: NATS_RETRY_MS,
      reconnectJitter: NATS_RETRY_MS, reconnectJitterTLS: NATS_RETRY_MS, pingInterval: NATS_PING_MS, ignoreAuthErrorAbort: true,
      ...(to.tls ? { tls: {} } : {}), ...(to.user === null ? {} : { user: to.user, pass: to.password }),
    };
  }
  /** Resolves when the client is closed. */
  async #follow(client: NatsConnection): Promise<void> {
    for await (const status of client.status()) {
      if (status.type === "reconnect") this.#up(client);
      else if (status.type === "disconnect" && !this.#closed) {
        this.#note(false);
        this.#options.log.warn("hints-disconnected", { server: status.server });
      }
      else if (status.type === "error") this.#options.log.warn("hints-error", { detail: detailOf(status.error) });
    }
    await client.closed();
  }
  #up(client: NatsConnection): void {
    this.#note(true);
    this.#options.log.info("hints-connected", { server: client.getServer() });
    this.#sendSoon();
  }
  #note(connected: boolean): void {
    this.#connected = connected;
    this.#options.metrics.gauge("tayori_hints_connected", connected ? 1 : 0);
  }

  #subscribe(subject: string): void {
    if (this.#client === null || this.#client.isClosed() || this.#closed || this.#subscriptions.has(subject)) return;
    const subscription = this.#client.subscribe(natsSubject(subject), {
      callback: (error, message) => {
        if (error !== null) return this.#options.log.warn("hints-error", { detail: detailOf(error) });
        const seq = message.data.length <= 16 ? Number(message.string()) : Number.NaN;
        if (isSeq(seq)) this.#listeners.tell(subject, seq);
      },
    });
    this.#subscriptions.set(subject, subscription);
  }
  #unsubscribe(subject: string): void {
    this.#subscriptions.get(subject)?.unsubscribe();
    this.#subscriptions.delete(subject);
  }

  /** What was published in one turn of the event loop leaves together. */
  #sendSoon(): void {
    if (this.#sending || !this.#connected) return;
    this.#sending = true;
    setImmediate(() => void this.#send());
  }
  /** The server confirms one part before the next leaves, so that no more than that waits in the client or in the socket. */
  async #send(): Promise<void> {
    try {
      while (this.#client !== null && this.#connected && this.#waiting.size > 0) {
        for (const [subject, seq] of this.#waiting.take(HINTS_AT_ONCE_MAX)) this.#client.publish(natsSubject(subject), String(seq));
        await this.#client.flush();
      }
    } catch (error) {
      // The connection broke: what was under way is lost, as hints may be.
      this.#options.log.debug("hints-lost", { detail: detailOf(error) });
    } finally {
      this.#sending = false;
    }
    if (this.#waiting.size > 0) this.#sendSoon();
  }
}
