/**
 * The state of one shard of the queue, as a function of its journal.
 *
 * `apply` is deterministic and takes any operation in any state: what no longer fits (a result for a message that was
 * removed, a lease of an old epoch) changes nothing. Writers check in their decision that theirs fits.
 */
import { unreachable } from "../base/assert.ts";
import { isFinished, type AttemptReply, type QueuedMessage, type QueuedRecipient, type ReportAction } from "./queued-message.ts";

/** Who delivers the shard. `epoch` rises with every new holder, so that a holder of the past is recognised. */
export interface Lease {
  readonly holder: string;
  readonly epoch: number;
  /** Milliseconds since the epoch, by the holder's clock. */
  readonly until: number;
}

/** What an attempt changed for one recipient; `index` counts from 0 in the message's recipients. */
export interface RecipientResult {
  readonly index: number;
  readonly status: QueuedRecipient["status"];
  readonly nextAttemptAt: number;
  readonly reply: AttemptReply;
  /** A report that became due with this result. */
  readonly report: ReportAction | null;
}

export type QueueOperation =
  | { readonly kind: "enqueue"; readonly message: QueuedMessage }
  | { readonly kind: "attempted"; readonly id: string; readonly at: number; readonly results: readonly RecipientResult[] }
  /** The owed reports about these recipients are on their way. */
  | { readonly kind: "reported"; readonly id: string; readonly indexes: readonly number[] }
  | { readonly kind: "hold"; readonly id: string; readonly reason: string }
  | { readonly kind: "release"; readonly id: string; readonly at: number }
  /** Every pending recipient is due at `at`. */
  | { readonly kind: "retry"; readonly id: string; readonly at: number }
  | { readonly kind: "remove"; readonly id: string }
  | { readonly kind: "lease"; readonly lease: Lease }
  | { readonly kind: "lease-ended"; readonly epoch: number };

/** A part of the messages that is written down together; `name` is null since it changed after it was last written. */
export interface Chunk {
  readonly ids: Set<string>;
  name: string | null;
}

export interface QueueState {
  readonly messages: Map<string, QueuedMessage>;
  lease: Lease | null;
  /** The epoch of the last lease, held or ended. */
  epoch: number;
  /** How many messages were ever enqueued: neighbours in time share a chunk. */
  enqueued: number;
  readonly chunks: Map<number, Chunk>;
  readonly chunkOf: Map<string, number>;
}

/** Messages in one chunk of a snapshot: small enough to rewrite for one change, large enough that a big queue has few. */
const CHUNK_MESSAGES = 512;

export function emptyState(): QueueState {
  return { messages: new Map(), lease: null, epoch: 0, enqueued: 0, chunks: new Map(), chunkOf: new Map() };
}

/** Changes `state` by one operation. Answers the message that may have changed, null when none did. */
export function apply(state: QueueState, operation: QueueOperation): string | null {
  switch (operation.kind) {
    case "enqueue":
      if (state.messages.has(operation.message.id) || isFinished(operation.message)) return null;
      place(state, operation.message, Math.floor(state.enqueued++ / CHUNK_MESSAGES));
      return operation.message.id;
    case "attempted":
      return change(state, operation.id, (message) => withResults(message, operation.at, operation.results));
    case "reported":
      return change(state, operation.id, (message) => withReported(message, operation.indexes));
    case "hold":
      return change(state, operation.id, (message) => ({ ...message, held: operation.reason }));
    case "release":
      return change(state, operation.id, (message) => ({ ...withAttemptAt(message, operation.at), held: null }));
    case "retry":
      return change(state, operation.id, (message) => withAttemptAt(message, operation.at));
    case "remove":
      if (!state.messages.has(operation.id)) return null;
      drop(state, operation.id);
      return operation.id;
    case "lease":
      applyLease(state, operation.lease);
      return null;
    case "lease-ended":
      if (state.lease?.epoch === operation.epoch) state.lease = null;
      return null;
    default:
      return unreachable(operation);
  }
}

function applyLease(state: QueueState, lease: Lease): void {
  const renewal = state.lease !== null && lease.epoch === state.epoch && lease.holder === state.lease.holder;
  if (!renewal && lease.epoch !== state.epoch + 1) return;
  state.epoch = lease.epoch;
  state.lease = lease;
}

function change(state: QueueState, id: string, how: (message: QueuedMessage) => QueuedMessage): string | null {
  const before = state.messages.get(id);
  if (before === undefined) return null;
  const after = how(before);
  if (isFinished(after)) drop(state, id);
  else place(state, after, state.chunkOf.get(id)!);
  return id;
}

/** Puts a message where it was or is to be, and marks its chunk as changed. */
export function place(state: QueueState, message: QueuedMessage, number: number): void {
  const chunk = state.chunks.get(number) ?? { ids: new Set(), name: null };
  chunk.name = null;
  chunk.ids.add(message.id);
  state.chunks.set(number, chunk);
  state.chunkOf.set(message.id, number);
  state.messages.set(message.id, message);
}

function drop(state: QueueState, id: string): void {
  const number = state.chunkOf.get(id)!;
  const chunk = state.chunks.get(number)!;
  chunk.name = null;
  chunk.ids.delete(id);
  if (chunk.ids.size === 0) state.chunks.delete(number);
  state.chunkOf.delete(id);
  state.messages.delete(id);
}

function withResults(message: QueuedMessage, at: number, results: readonly RecipientResult[]): QueuedMessage {
  const recipients = [...message.recipients];
  for (const result of results) {
    const before = recipients[result.index];
    if (before === undefined || before.status !== "pending") continue;
    recipients[result.index] = {
      ...before,
      status: result.status,
      attempts: before.attempts + 1,
      nextAttemptAt: result.nextAttemptAt,
      lastAttemptAt: at,
      lastReply: result.reply,
      delayNotified: before.delayNotified || result.report === "delayed",
      // A final report takes the place of a delay report that did not leave in time.
      report: result.report ?? (result.status === "pending" ? before.report : null),
    };
  }
  return { ...message, recipients };
}

function withReported(message: QueuedMessage, indexes: readonly number[]): QueuedMessage {
  const recipients = [...message.recipients];
  for (const index of indexes) {
    const before = recipients[index];
    if (before !== undefined) recipients[index] = { ...before, report: null };
  }
  return { ...message, recipients };
}

function withAttemptAt(message: QueuedMessage, at: number): QueuedMessage {
  return { ...message, recipients: message.recipients.map((recipient) => (recipient.status === "pending" ? { ...recipient, nextAttemptAt: at } : recipient)) };
}
