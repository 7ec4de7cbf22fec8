/**
 * The primary of several workers: starts them, starts those anew that end, passes hints between them, sums their numbers, and ends them.
 *
 * The workers listen in the same places, and the kernel gives each its part of the connections (SO_REUSEPORT). The primary touches none:
 * node's way, in which it accepts and hands them on, leaves those that were on their way to a worker when it died open and unanswered for
 * ever. A worker that dies takes with it the connections it has. The primary holds no mail; what it could lose is nothing.
 */
import cluster, { type Worker } from "node:cluster";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import { HintRelay, type RelayMember } from "./local-hints.ts";
import { WORKER_METRICS_MS_MAX, WORKER_READY_MS_MAX, WORKER_RESTART_MS_MAX, WORKER_RESTART_MS_MIN, WORKER_STEADY_MS } from "./limits.ts";
import { LISTEN_VARIABLE, WORKER_VARIABLE, type Exposition, type MetricFamilies, type Places, type ToPrimary, type ToWorker } from "./worker-message.ts";

export interface WorkerPoolOptions {
  readonly count: number;
  /** What the workers are given as their places to listen. */
  readonly listen: unknown;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the primary itself. */
  readonly metrics: Metrics;
  readonly sum: (families: readonly MetricFamilies[]) => Promise<Exposition>;
}
export type StartAnswer = { readonly kind: "ready"; readonly places: Places } | { readonly kind: "failed"; readonly detail: string };

interface Slot {
  readonly number: number;
  worker: Worker | null;
  ready: boolean;
  startedAt: number;
  backOffMs: number;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #slots: readonly Slot[];
  readonly #relay = new HintRelay();
  #ending = false;
  /** Whether every worker that ended since the end began did so in order. */
  #orderly = true;
  #started: (answer: StartAnswer) => void = () => {};
  #places: Places | null = null;
  #onEmpty: () => void = () => {};
  #collecting: Promise<Exposition> | null = null;
  #collection = 0;
  readonly #collected = new Map<number, (families: MetricFamilies) => void>();

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#slots = Array.from({ length: options.count }, (_, i) => ({ number: i + 1, worker: null, ready: false, startedAt: 0, backOffMs: WORKER_RESTART_MS_MIN }));
  }

  /** Starts all of them. When one cannot, all are ended: what is wrong at the start does not become right by itself. */
  async start(): Promise<StartAnswer> {
    const { clock } = this.#options;
    const answered = new Promise<StartAnswer>((resolve) => { this.#started = resolve; });
    const cancel = clock.timer(WORKER_READY_MS_MAX, () => this.#started({ kind: "failed", detail: "the workers are not ready in time" }));
    for (const slot of this.#slots) this.#fork(slot);
    const answer = await answered;
    cancel();
    if (answer.kind === "failed") await this.drain(0);
    return answer;
  }

  /** Tells all to end, and kills those that have not after `withinMs`. Answers whether all ended in order. */
  async drain(withinMs: number): Promise<boolean> {
    this.#ending = true;
    const empty = new Promise<void>((resolve) => { this.#onEmpty = resolve; });
    this.#checkEmpty();
    for (const { worker } of this.#slots) if (worker !== null) this.#send(worker, { kind: "drain" });
    const cancel = this.#options.clock.timer(withinMs, () => {
      for (const { number, worker } of this.#slots) {
        if (worker === null) continue;
        this.#options.log.error("worker-killed", { worker: number, pid: worker.process.pid ?? null });
        worker.process.kill("SIGKILL");
      }
    });
    await empty;
    cancel();
    return this.#orderly;
  }
  #checkEmpty(): void {
    if (this.#slots.every(({ worker }) => worker === null)) this.#onEmpty();
  }

  #fork(slot: Slot): void {
    if (this.#ending) return;
    const worker = cluster.fork({ [WORKER_VARIABLE]: String(slot.number), [LISTEN_VARIABLE]: JSON.stringify(this.#options.listen) });
    const member = this.#relay.join({ send: (message, sent) => this.#send(worker, message, sent) });
    slot.worker = worker;
    slot.ready = false;
    slot.startedAt = this.#options.clock.monotonic();
    this.#options.log.info("worker-started", { worker: slot.number, pid: worker.process.pid ?? null });
    worker.on("message", (message: ToPrimary) => this.#receive(slot, worker, member, message));
    worker.on("error", (error) => this.#options.log.warn("worker-channel-error", { worker: slot.number, detail: error.message }));
    worker.once("exit", (code: number | null, signal: string | null) => {
      member.leave();
      this.#ended(slot, code, signal);
    });
  }
  #ended(slot: Slot, code: number | null, signal: string | null): void {
    const { clock, log, metrics } = this.#options;
    slot.worker = null;
    slot.ready = false;
    this.#gauge();
    if (this.#places === null) this.#started({ kind: "failed", detail: `worker ${slot.number} ended before it was ready (${signal ?? code})` });
    if (this.#ending) {
      if (code !== 0) this.#orderly = false;
      return this.#checkEmpty();
    }
    if (clock.monotonic() - slot.startedAt >= WORKER_STEADY_MS) slot.backOffMs = WORKER_RESTART_MS_MIN;
    const restartMs = slot.backOffMs;
    slot.backOffMs = Math.min(2 * restartMs, WORKER_RESTART_MS_MAX);
    log.error("worker-ended", { worker: slot.number, code, signal, restartMs });
    metrics.count("tayori_worker_restarts_total");
    clock.timer(restartMs, () => this.#fork(slot));
  }

  #receive(slot: Slot, worker: Worker, member: RelayMember, message: ToPrimary): void {
    switch (message.kind) {
      case "ready":
        slot.ready = true;
        this.#gauge();
        if (this.#places === null && this.#slots.every(({ ready }) => ready)) {
          this.#places = message.places;
          this.#started({ kind: "ready", places: message.places });
        }
        break;
      case "failed":
        this.#options.log.error("worker-failed", { worker: slot.number, detail: message.detail });
        if (this.#places === null) this.#started({ kind: "failed", detail: message.detail });
        break;
      case "metrics-wanted":
        this.#exposition().then(
          (exposition) => this.#send(worker, { kind: "metrics-summed", id: message.id, exposition }),
          (error: unknown) => this.#options.log.error("metrics-not-summed", { detail: error instanceof Error ? error.message : "unknown" }),
        );
        break;
      case "metrics":
        this.#collected.get(message.id)?.(message.families);
        this.#collected.delete(message.id);
        break;
      default:
        member.receive(message);
    }
  }
  #gauge(): void {
    this.#options.metrics.gauge("tayori_workers", this.#slots.filter(({ ready }) => ready).length);
  }

  /** Whoever asks while numbers are being collected gets the same. */
  #exposition(): Promise<Exposition> {
    this.#collecting ??= this.#collect().finally(() => { this.#collecting = null; });
    return this.#collecting;
  }
  async #collect(): Promise<Exposition> {
    const answers = await Promise.all(this.#slots.flatMap(({ worker, ready }) => (worker !== null && ready ? [this.#familiesOf(worker)] : [])));
    return this.#options.sum(answers.filter((answer) => answer !== null));
  }
  /** Null when the worker does not answer in time, or ends. */
  #familiesOf(worker: Worker): Promise<MetricFamilies | null> {
    const id = ++this.#collection;
    return new Promise((resolve) => {
      const cancel = this.#options.clock.timer(WORKER_METRICS_MS_MAX, () => {
        this.#collected.delete(id);
        resolve(null);
      });
      this.#collected.set(id, (families) => {
        cancel();
        resolve(families);
      });
      this.#send(worker, { kind: "metrics-asked", id });
    });
  }

  #send(worker: Worker, message: ToWorker, sent: () => void = () => {}): void {
    if (!worker.isConnected()) return void setImmediate(sent);
    worker.send(message, undefined, undefined, () => sent());
  }
}
