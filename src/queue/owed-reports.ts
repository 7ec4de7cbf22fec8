/** Reports that messages owe their senders: composed, handed over durably, and only then struck off in the shard. */
import type { Address } from "../address/address.ts";
import { composeReport, type ComposedReport, type ReportedRecipient, type ReportLanguage } from "../dsn/dsn.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import type { QueuedMessage, QueuedRecipient, ReportAction } from "./queued-message.ts";
import type { ShardLease } from "./shard-lease.ts";
import type { ShardSchedule } from "./shard-schedule.ts";

/** A message of our own, for a local mailbox or for the queue. */
export interface OwnMessage extends ComposedReport {
  /** The same for the same report, however often it is handed over: `Queue.enqueue` takes it as the id. */
  readonly key: string;
  readonly to: Address;
}
/** Puts a message with a null reverse-path and NOTIFY=NEVER into a mailbox or the queue, durably. `refused`: its recipient does not exist. */
export type EnqueueOrDeliver = (message: OwnMessage) => Promise<"accepted" | "refused" | "unavailable">;

export interface ReportWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly enqueueOrDeliver: EnqueueOrDeliver;
  /** The name of this host. */
  readonly reportingMta: string;
  readonly language: ReportLanguage;
}

/** Reports composed at a time: bounds the contents in memory. */
const AT_A_TIME = 8;
const RETRY_MS = 30_000;

export class OwedReports {
  readonly #world: ReportWorld;
  /** Messages under way, and those that wait after a failure with the time they wait for. */
  readonly #notBefore = new Map<string, number>();
  #active = 0;

  constructor(world: ReportWorld) {
    this.#world = world;
  }
  get active(): number {
    return this.#active;
  }

  /** Starts what can be started. A message whose domains are still being tried waits, so that its recipients share a report. */
  pump(schedule: ShardSchedule, lease: ShardLease): void {
    const now = this.#world.clock.now();
    for (const id of schedule.owing) {
      if (this.#active >= AT_A_TIME || !lease.valid) return;
      if (schedule.isBusy(id) || (this.#notBefore.get(id) ?? 0) > now) continue;
      this.#notBefore.set(id, Number.POSITIVE_INFINITY);
      this.#active++;
      void this.#settle(schedule, lease, id);
    }
  }

  async #settle(schedule: ShardSchedule, lease: ShardLease, id: string): Promise<void> {
    let settled = false;
    try {
      settled = await this.#report(schedule, lease, id);
    } catch (error) {
      this.#world.log.error("report-crashed", { id, detail: error instanceof Error ? error.message : "unknown" });
    } finally {
      this.#active--;
      if (settled) this.#notBefore.delete(id);
      else this.#notBefore.set(id, this.#world.clock.now() + RETRY_MS);
    }
    if (settled) this.pump(schedule, lease);
  }

  /** Answers whether nothing is owed any more. */
  async #report(schedule: ShardSchedule, lease: ShardLease, id: string): Promise<boolean> {
    const { shard } = schedule;
    const message = shard.state.messages.get(id);
    if (message === undefined) return true;
    const content = await shard.content(message);
    if (content !== null && !Buffer.isBuffer(content)) return false;
    for (const action of ["failed", "delayed", "relayed"] as const) {
      const indexes = message.recipients.flatMap((recipient, index) => (recipient.report === action ? [index] : []));
      if (indexes.length > 0 && !(await this.#handOver(message, action, indexes, content))) return false;
      if (indexes.length === 0) continue;
      const answer = await shard.commit<null>((state, draft) => {
        if (!lease.heldIn(state)) return { kind: "nothing", result: null };
        draft.ops.push({ kind: "reported", id, indexes });
        return { kind: "write", result: null };
      });
      if (answer.kind === "failed") return false;
    }
    return true;
  }

  async #handOver(message: QueuedMessage, action: ReportAction, indexes: readonly number[], content: Buffer | null): Promise<boolean> {
    const { envelope } = message;
    const [first, ...rest] = indexes.map((index) => reported(message, message.recipients[index]!));
    // Nothing is owed without a sender; an operation that says otherwise is struck off.
    if (envelope.reversePath.kind === "null" || first === undefined) return true;
    const composed = composeReport({
      action, recipients: [first, ...rest], to: envelope.reversePath.address, reportingMta: this.#world.reportingMta,
      envelopeId: envelope.envelopeId, ret: envelope.ret, smtpUtf8: envelope.smtpUtf8, arrivedAt: message.arrivedAt,
      now: this.#world.clock.now(), content, language: this.#world.language,
    }, this.#world.random);
    const answer = await this.#world.enqueueOrDeliver({ ...composed, key: `${message.id}-${action}-${indexes[0]}`, to: envelope.reversePath.address });
    this.#world.metrics.count("tayori_queue_reports_total", { action, answer });
    if (answer !== "accepted") this.#world.log.warn("report-not-accepted", { id: message.id, action, answer });
    return answer !== "unavailable";
  }
}

function reported(message: QueuedMessage, recipient: QueuedRecipient): ReportedRecipient {
  const reply = recipient.lastReply;
  return {
    address: recipient.address,
    originalRecipient: recipient.originalRecipient,
    status: reply?.status ?? "5.0.0",
    remoteMta: reply?.remoteMta ?? null,
    diagnostic: reply === null ? null : reply.code === null ? { from: "local", text: reply.text } : { from: "smtp", code: reply.code, text: reply.text },
    lastAttemptAt: recipient.lastAttemptAt,
    willRetryUntil: message.expiresAt,
  };
}
