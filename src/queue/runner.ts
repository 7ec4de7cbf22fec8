/**
 * Delivers what is in the queue: one runner in each process that has the queue's role.
 *
 * It takes free shards, keeps their leases, and while it holds one starts what is due there: for each domain of a message
 * one transaction, in the turns that `Destinations` gives out. Results are committed as they come; those that come while
 * a commit is under way share the next one. Reports are written after the results they follow from.
 *
 * A result that cannot be committed is tried again until it can, or until another holds the shard; then only deliveries
 * are still recorded, since they are facts that spare somebody a second copy.
 */
import type { Domain } from "../address/address.ts";
import { writeAttemptOutcome } from "./attempt-log.ts";
import { ByteBudget } from "./byte-budget.ts";
import { DEFAULT_DESTINATIONS, Destinations, type DestinationSettings } from "./destinations.ts";
import { OPERATIONS_PER_COMMIT_MAX } from "./limits.ts";
import { OwedReports, type ReportWorld } from "./owed-reports.ts";
import type { AttemptReply, QueuedMessage } from "./queued-message.ts";
import type { Queue } from "./queue.ts";
import { resultOf } from "./schedule.ts";
import { ShardLease } from "./shard-lease.ts";
import { ShardSchedule, type Delivery } from "./shard-schedule.ts";
import type { QueueOperation } from "./state.ts";
import type { DeliveryAttempt, Transport } from "./transport.ts";

export interface RunnerWorld extends ReportWorld {
  readonly queue: Queue;
  readonly transport: Transport;
  /** The name of this runner: unique among those that run at one time, and best the same after a restart. */
  readonly holder: string;
  readonly destinations?: DestinationSettings;
  /** Milliseconds between two looks at the shards: how long what others enqueued may go unseen when no hint comes. */
  readonly tickMs?: number;
}

const DEFAULT_TICK_MS = 1_000;
const MAINTAIN_EVERY_MS = 60_000;
/** A runner with leases waits this long for each of them before it takes another, so that others get their part. */
const POLITE_MS = 50;
const CONTENT_BYTES_MAX = 256 * 1024 * 1024;
const STORE_RETRY_MS = 5_000;
const STOP_WITHIN_MS = 30_000;

interface Held {
  readonly schedule: ShardSchedule;
  readonly lease: ShardLease;
  held: boolean;
  /** Whether the metric of its length is ours. */
  counted: boolean;
  /** Deliveries that were begun and have not ended. */
  active: number;
  maintainAt: number;
}
type AttemptEnd = { readonly kind: "unused" } | { readonly kind: "tried"; readonly attempt: DeliveryAttempt };
type AttemptedOperation = Extract<QueueOperation, { kind: "attempted" }>;

export class QueueRunner {
  readonly #world: RunnerWorld;
  readonly #shards: readonly Held[];
  readonly #destinations: Destinations<Delivery>;
  readonly #reports: OwedReports;
  readonly #budget = new ByteBudget(CONTENT_BYTES_MAX);
  #unlisten: (() => void)[] = [];
  #cancelTick: () => void = () => {};
  #ticking: Promise<void> = Promise.resolve();
  #pumpAsked = false;
  #running = false;

  constructor(world: RunnerWorld) {
    this.#world = world;
    this.#shards = world.queue.shards.map((shard) => ({ schedule: new ShardSchedule(shard), lease: new ShardLease(shard, world.clock, world.holder), held: false, counted: false, active: 0, maintainAt: 0 }));
    this.#destinations = new Destinations(world.destinations ?? DEFAULT_DESTINATIONS, world.random);
    this.#reports = new OwedReports(world);
  }

  start(): void {
    this.#running = true;
    for (const entry of this.#shards) {
      this.#unlisten.push(entry.schedule.shard.journal.onApplied((operations) => {
        if (entry.held) {
          entry.schedule.applied(operations);
          this.#probeAsked(entry, operations);
          this.#pumpSoon();
        } else if (operations.some((operation) => operation.kind === "lease-ended")) this.wake();
      }), entry.schedule.shard.followHints());
    }
    this.wake();
  }
  /** Looks at every shard now: at the start, by the timer, and when another gave a shard back. */
  wake(): void {
    this.#cancelTick();
    if (this.#running) this.#ticking = this.#ticking.then(() => this.#tick());
  }
  /**
   * Starts nothing more, lets what runs end within `withinMs`, and gives the shards back; but not one in which a delivery still runs:
   * its lease ends by itself, later than the process that runs it, so that nobody sends the same message meanwhile.
   */
  async stop(withinMs = STOP_WITHIN_MS): Promise<void> {
    this.#running = false;
    this.#cancelTick();
    await this.#ticking;
    for (let waited = 0; waited < withinMs && this.#destinations.active + this.#reports.active > 0; waited += 100) await this.#world.clock.sleep(100);
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten = [];
    await Promise.all(this.#shards.filter(({ active }) => active === 0).map((entry) => entry.lease.release()));
    for (const entry of this.#shards) entry.held = false;
  }
  /** The numbers of the shards held now. */
  get held(): readonly number[] {
    return this.#shards.filter((entry) => entry.held).map((entry) => entry.schedule.shard.number);
  }

  async #tick(): Promise<void> {
    if (!this.#running) return;
    this.#cancelTick();
    try {
      for (const entry of this.#shards) await this.#look(entry);
      this.#pump();
      this.#measure();
    } catch (error) {
      this.#world.log.error("queue-tick-crashed", { detail: error instanceof Error ? (error.stack ?? error.message) : "unknown" });
    }
    if (this.#running) this.#cancelTick = this.#world.clock.timer(this.#world.tickMs ?? DEFAULT_TICK_MS, () => this.wake());
  }

  /** Keeps or takes the lease of one shard. */
  async #look(entry: Held): Promise<void> {
    const { shard } = entry.schedule;
    const fields = { shard: shard.number };
    const failure = await shard.refresh();
    if (failure !== null) return this.#world.log.warn("queue-shard-unreadable", { ...fields, because: failure.because, detail: failure.detail });
    if (entry.held) {
      entry.held = await entry.lease.renew();
      if (!entry.held) return this.#world.log.warn("queue-lease-lost", fields);
      return this.#maintain(entry);
    }
    if (!entry.lease.free) return;
    const polite = this.held.length * POLITE_MS;
    if (polite > 0) {
      await this.#world.clock.sleep(polite + this.#world.random.below(POLITE_MS));
      if ((await shard.refresh()) !== null || !entry.lease.free || !this.#running) return;
    }
    if (!(await entry.lease.acquire())) return;
    entry.held = true;
    entry.maintainAt = this.#world.clock.now() + MAINTAIN_EVERY_MS;
    entry.schedule.rebuild();
    this.#world.log.info("queue-lease-taken", { ...fields, messages: shard.state.messages.size });
  }

  async #maintain(entry: Held): Promise<void> {
    if (this.#world.clock.now() < entry.maintainAt) return;
    entry.maintainAt = this.#world.clock.now() + MAINTAIN_EVERY_MS;
    const failure = await entry.schedule.shard.maintain();
    if (failure !== null) this.#world.log.warn("queue-shard-not-maintained", { shard: entry.schedule.shard.number, because: failure.because, detail: failure.detail });
  }

  /** An operator who says "now" knows why: a destination that was down is tried again for it. */
  #probeAsked(entry: Held, operations: readonly QueueOperation[]): void {
    for (const operation of operations) {
      if (operation.kind !== "retry" && operation.kind !== "release") continue;
      for (const recipient of entry.schedule.shard.state.messages.get(operation.id)?.recipients ?? []) if (recipient.status === "pending") this.#destinations.probeNow(recipient.address.domain);
    }
  }

  #pumpSoon(): void {
    if (this.#pumpAsked) return;
    this.#pumpAsked = true;
    // What one entry changed is looked at together.
    void Promise.resolve().then(() => {
      this.#pumpAsked = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (!this.#running) return;
    const now = this.#world.clock.now();
    for (const entry of this.#shards) {
      if (!entry.held || !entry.lease.valid) continue;
      for (const delivery of entry.schedule.takeDue(now)) this.#destinations.add(delivery.domain, delivery);
      this.#reports.pump(entry.schedule, entry.lease);
    }
    for (let next = this.#destinations.take(now); next !== null; next = this.#destinations.take(now)) void this.#run(next.unit);
  }

  async #run(delivery: Delivery): Promise<void> {
    const entry = this.#entryOf(delivery);
    entry.active += 1;
    let end: AttemptEnd = { kind: "unused" };
    try {
      end = await this.#attempt(delivery);
    } catch (error) {
      await this.#crashed(error);
    }
    const down = this.#destinations.finished(delivery.domain, end.kind === "unused" ? "unused" : end.attempt.destination, this.#world.clock.now());
    delivery.schedule.ended(delivery);
    entry.active -= 1;
    if (down && end.kind === "tried") await this.#deferWaiting(delivery.domain, end.attempt).catch((error: unknown) => this.#crashed(error));
    this.#pumpSoon();
  }

  /** A fault of ours. What made it may do so again at once, so the caller's place stays taken for a while. */
  async #crashed(error: unknown): Promise<void> {
    this.#world.log.error("queue-attempt-crashed", { detail: error instanceof Error ? (error.stack ?? error.message) : "unknown" });
    await this.#world.clock.sleep(STORE_RETRY_MS);
  }

  async #attempt(delivery: Delivery): Promise<AttemptEnd> {
    const entry = this.#entryOf(delivery);
    const message = this.#tryable(entry, delivery);
    if (message === null) return { kind: "unused" };
    await this.#budget.take(message.contentBytes);
    try {
      const attempt = await this.#deliver(entry, message, delivery);
      if (attempt === null) return { kind: "unused" };
      await this.#record(entry, [this.#attempted(message, delivery.indexes, attempt)]);
      return { kind: "tried", attempt };
    } finally {
      this.#budget.give(message.contentBytes);
    }
  }

  #entryOf(delivery: Delivery): Held {
    return this.#shards[delivery.schedule.shard.number]!;
  }
  /** The message, if all of the delivery is still to be done by us. */
  #tryable(entry: Held, delivery: Delivery): QueuedMessage | null {
    const message = entry.schedule.shard.state.messages.get(delivery.id);
    if (message === undefined || message.held !== null || !entry.held || !entry.lease.valid || !this.#running) return null;
    return delivery.indexes.every((index) => message.recipients[index]!.status === "pending") ? message : null;
  }

  async #deliver(entry: Held, message: QueuedMessage, delivery: Delivery): Promise<DeliveryAttempt | null> {
    const content = await entry.schedule.shard.content(message);
    if (content === null) {
      // It may come back with a repaired store: nobody is told that it failed until the message expires.
      this.#world.log.error("queue-content-unreadable", { id: message.id, shard: entry.schedule.shard.number });
      return ourFault(delivery, "the content of the message could not be read");
    }
    if (!Buffer.isBuffer(content)) {
      this.#world.log.warn("queue-content-unavailable", { id: message.id, because: content.because });
      await this.#world.clock.sleep(STORE_RETRY_MS);
      return null;
    }
    const recipients = delivery.indexes.map((index) => message.recipients[index]!);
    const startedAt = this.#world.clock.monotonic();
    const attempt = await this.#world.transport.deliver(delivery.domain, { envelope: message.envelope, recipients, content }).catch((error: unknown) => {
      this.#world.log.error("queue-transport-crashed", { id: message.id, domain: delivery.domain, detail: error instanceof Error ? (error.stack ?? error.message) : "unknown" });
      return ourFault(delivery, "the attempt ended by a fault of this system");
    });
    writeAttemptOutcome(this.#world, message, delivery.domain, attempt, (this.#world.clock.monotonic() - startedAt) / 1000);
    return attempt;
  }

  #attempted(message: QueuedMessage, indexes: readonly number[], attempt: DeliveryAttempt): AttemptedOperation {
    const now = this.#world.clock.now();
    const world = { now, settings: this.#world.queue.schedule, random: this.#world.random };
    return { kind: "attempted", id: message.id, at: now, results: indexes.map((index, at) => resultOf(message, index, attempt.outcomes[at]!, world)) };
  }

  /** What waits for a destination that is down is deferred with it, in few commits and without attempts of its own. */
  async #deferWaiting(domain: Domain, attempt: DeliveryAttempt): Promise<void> {
    const outcome = attempt.outcomes.find((other) => other.kind === "deferred");
    if (outcome === undefined) return;
    const waiting = this.#destinations.drain(domain);
    for (const entry of this.#shards) {
      const mine = waiting.filter((delivery) => delivery.schedule === entry.schedule);
      for (let at = 0; at < mine.length; at += OPERATIONS_PER_COMMIT_MAX) {
        const part = mine.slice(at, at + OPERATIONS_PER_COMMIT_MAX);
        const operations = part.flatMap((delivery) => {
          const message = this.#tryable(entry, delivery);
          return message === null ? [] : [this.#attempted(message, delivery.indexes, { destination: "down", outcomes: delivery.indexes.map(() => outcome) })];
        });
        try {
          await this.#record(entry, operations);
        } finally {
          for (const delivery of part) entry.schedule.ended(delivery);
        }
      }
    }
  }

  /** Commits results, however long the store takes. */
  async #record(entry: Held, operations: readonly AttemptedOperation[]): Promise<void> {
    for (let pause = 100; operations.length > 0; pause = Math.min(2 * pause, STORE_RETRY_MS)) {
      const answer = await entry.schedule.shard.commit<null>((state, draft) => {
        const allowed = entry.lease.heldIn(state) ? operations : deliveriesOnly(operations);
        if (allowed.length === 0) return { kind: "nothing", result: null };
        draft.ops.push(...allowed);
        return { kind: "write", result: null };
      });
      if (answer.kind === "done") return;
      this.#world.log.warn("queue-results-wait", { shard: entry.schedule.shard.number, because: answer.failure.because });
      await this.#world.clock.sleep(pause);
    }
  }

  #measure(): void {
    const { metrics } = this.#world;
    for (const entry of this.#shards) {
      // Whoever holds a shard counts it, so that the sum over all processes is the queue's length.
      if (entry.held || entry.counted) metrics.gauge("tayori_queue_messages", entry.held ? entry.schedule.shard.state.messages.size : 0, { shard: String(entry.schedule.shard.number) });
      entry.counted = entry.held;
    }
    metrics.gauge("tayori_queue_shards_held", this.held.length);
    metrics.gauge("tayori_queue_attempts_active", this.#destinations.active);
    metrics.gauge("tayori_queue_deliveries_waiting", this.#destinations.waiting);
    metrics.gauge("tayori_queue_destinations_down", this.#destinations.downCount);
  }
}

function deliveriesOnly(operations: readonly AttemptedOperation[]): readonly AttemptedOperation[] {
  return operations.flatMap((operation) => {
    const results = operation.results.filter((result) => result.status === "delivered");
    return results.length === 0 ? [] : [{ ...operation, results }];
  });
}

function ourFault(delivery: Delivery, text: string): DeliveryAttempt {
  const reply: AttemptReply = { code: null, status: "4.3.0", text, remoteMta: null };
  return { destination: "up", outcomes: delivery.indexes.map(() => ({ kind: "deferred", reply })) };
}
