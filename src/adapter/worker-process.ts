/** A worker's side: what it hears from the primary and tells it. Where the primary is gone, node ends the worker at once. */
import cluster from "node:cluster";
import type { Clock } from "../port/clock.ts";
import { LocalHints } from "./local-hints.ts";
import { WORKER_METRICS_MS_MAX } from "./limits.ts";
import { LISTEN_VARIABLE, WORKER_VARIABLE, type Exposition, type MetricFamilies, type Places, type ToPrimary, type ToWorker } from "./worker-message.ts";

export class WorkerProcess {
  /** From 1 on; the same again after a restart. */
  readonly number: number;
  readonly hints: LocalHints;
  /** Resolves when the primary says that the server ends. */
  readonly told: Promise<void>;
  readonly #clock: Clock;
  #drain: () => void = () => {};
  #families: () => Promise<MetricFamilies> = async () => [];
  #asked = 0;
  readonly #waiting = new Map<number, (exposition: Exposition) => void>();

  private constructor(number: number, clock: Clock) {
    this.number = number;
    this.#clock = clock;
    this.told = new Promise((resolve) => { this.#drain = resolve; });
    this.hints = new LocalHints({ send: (message, sent) => this.#send(message, sent) });
    process.on("message", (message: ToWorker) => this.#receive(message));
  }
  /** Null where this process is no worker. */
  static current(clock: Clock): WorkerProcess | null {
    const number = Number(process.env[WORKER_VARIABLE]);
    return cluster.isWorker && Number.isInteger(number) && number > 0 ? new WorkerProcess(number, clock) : null;
  }

  /** Where to listen, as the primary gave it. */
  get listen(): unknown {
    const given: unknown = JSON.parse(process.env[LISTEN_VARIABLE] ?? "null");
    return given;
  }
  ready(places: Places, families: () => Promise<MetricFamilies>): void {
    this.#families = families;
    this.#send({ kind: "ready", places });
  }
  failed(detail: string): Promise<void> {
    return new Promise((resolve) => this.#send({ kind: "failed", detail }, resolve));
  }
  /** The numbers of all workers. Rejects when the primary does not answer. */
  exposition(): Promise<Exposition> {
    const id = ++this.#asked;
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.timer(2 * WORKER_METRICS_MS_MAX, () => {
        this.#waiting.delete(id);
        reject(new Error("the primary does not answer"));
      });
      this.#waiting.set(id, (exposition) => {
        cancel();
        resolve(exposition);
      });
      this.#send({ kind: "metrics-wanted", id });
    });
  }
  /** Lets the process end: the channel would keep it. */
  leave(): void {
    cluster.worker?.disconnect();
  }

  #send(message: ToPrimary, sent: () => void = () => {}): void {
    if (process.connected !== true || process.send === undefined) return void setImmediate(sent);
    process.send(message, undefined, undefined, () => sent());
  }
  #receive(message: ToWorker): void {
    switch (message.kind) {
      case "drain":
        this.#drain();
        break;
      case "metrics-asked":
        void this.#families().then((families) => this.#send({ kind: "metrics", id: message.id, families }));
        break;
      case "metrics-summed":
        this.#waiting.get(message.id)?.(message.exposition);
        this.#waiting.delete(message.id);
        break;
      default:
        this.hints.receive(message);
    }
  }
}
