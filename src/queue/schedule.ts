/**
 * When a recipient is tried again, when it is given up, and what its sender is told: pure decisions.
 *
 * RFC 5321 section 4.5.4.1 asks for at least 30 minutes between attempts and four to five days before giving up, and
 * allows better strategies. The first retries come sooner, because greylisting lets mail in after one to five minutes;
 * from the fifth on the gaps are longer than asked.
 */
import { unreachable } from "../base/assert.ts";
import { wanted } from "../dsn/dsn.ts";
import type { Random } from "../port/random.ts";
import type { AttemptReply, QueuedMessage, QueuedRecipient, ReportAction } from "./queued-message.ts";
import type { RecipientResult } from "./state.ts";
import type { RecipientOutcome } from "./transport.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Milliseconds to wait after the first, second, … attempt without success; the last one repeats. */
export const RETRY_DELAYS_MS: readonly number[] = [1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, 1 * HOUR, 2 * HOUR, 4 * HOUR];
/** Up to this part is added at random, so that messages deferred together do not return together. */
const JITTER_PERCENT = 20;

export interface ScheduleSettings {
  /** Milliseconds after its arrival that a message is given up. */
  readonly lifetimeMs: number;
  /** Milliseconds after its arrival that the sender of a waiting message is told; null for never. */
  readonly delayReportAfterMs: number | null;
  /** Milliseconds to wait after the first, second, … attempt; at least one, and the last one repeats. */
  readonly retryDelaysMs: readonly number[];
}
export const DEFAULT_SCHEDULE: ScheduleSettings = { lifetimeMs: 5 * 24 * HOUR, delayReportAfterMs: 4 * HOUR, retryDelaysMs: RETRY_DELAYS_MS };

/** Milliseconds until the next attempt, after `attempts` (1 or more) without success. */
export function retryDelayMs(attempts: number, random: Random, delays: readonly number[] = RETRY_DELAYS_MS): number {
  const delay = delays[Math.min(Math.max(attempts, 1), delays.length) - 1]!;
  return delay + random.below(Math.floor((delay * JITTER_PERCENT) / 100) + 1);
}

/** What an outcome makes of the recipient at `index`. `now` is the end of the attempt. */
export function resultOf(message: QueuedMessage, index: number, outcome: RecipientOutcome, world: { readonly now: number; readonly settings: ScheduleSettings; readonly random: Random }): RecipientResult {
  const recipient = message.recipients[index]!;
  const done = { index, nextAttemptAt: 0, reply: outcome.reply };
  switch (outcome.kind) {
    case "delivered":
      return { ...done, status: "delivered", report: outcome.dsnPassedOn ? null : owed(message, recipient, "relayed") };
    case "failed":
      return { ...done, status: "failed", report: owed(message, recipient, "failed") };
    case "deferred":
      if (world.now >= message.expiresAt) return { ...done, status: "failed", reply: expired(outcome.reply), report: owed(message, recipient, "failed") };
      return deferredResult(message, index, outcome.reply, world);
    default:
      return unreachable(outcome);
  }
}

function deferredResult(message: QueuedMessage, index: number, reply: AttemptReply, world: { readonly now: number; readonly settings: ScheduleSettings; readonly random: Random }): RecipientResult {
  const recipient = message.recipients[index]!;
  const after = world.settings.delayReportAfterMs;
  const reportAt = after === null || recipient.delayNotified ? Number.POSITIVE_INFINITY : message.arrivedAt + after;
  let next = Math.min(world.now + retryDelayMs(recipient.attempts + 1, world.random, world.settings.retryDelaysMs), message.expiresAt);
  // One more attempt just before the sender is told, so that the report is true when it is written.
  if (reportAt > world.now) next = Math.min(next, reportAt);
  return { index, status: "pending", nextAttemptAt: next, reply, report: reportAt <= world.now ? owed(message, recipient, "delayed") : null };
}

/** X.4.7, delivery time expired (RFC 3463 section 3.5); the peer's last words stay as the diagnostic. */
function expired(reply: AttemptReply): AttemptReply {
  return { ...reply, status: "5.4.7" };
}

/** The report that becomes due to the sender, if any. */
export function owed(message: QueuedMessage, recipient: QueuedRecipient, action: ReportAction): ReportAction | null {
  return wanted(action, recipient.notify, message.envelope.reversePath) ? action : null;
}
