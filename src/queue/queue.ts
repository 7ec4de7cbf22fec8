/**
 * The queue of messages for other hosts (RFC 5321 section 4.5.4), shared by every process and node over the object store.
 *
 * Any process enqueues, lists and changes; who delivers is decided by leases (`runner.ts`). What `enqueue` answered as
 * queued is durable. The number of shards is fixed when the queue is created (`q/config`); a message's id names its shard.
 *
 * Failures of the store are returned as they are; nothing was promised then, but an outcome "unknown" may have happened.
 */
import { crc32 } from "node:zlib";
import type { Address } from "../address/address.ts";
import { assert } from "../base/assert.ts";
import { utf8 } from "../base/bytes.ts";
import type { JournalWorld } from "../journal/journal.ts";
import type { Keyring } from "../journal/keyring.ts";
import type { ObjectStore, StoreFailure } from "../port/object-store.ts";
import { MESSAGE_RECIPIENTS_MAX, NAME_CHARACTERS_MAX, REASON_CHARACTERS_MAX, SHARDS_MAX } from "./limits.ts";
import type { Notify, QueuedEnvelope, QueuedMessage } from "./queued-message.ts";
import { DEFAULT_SCHEDULE, type ScheduleSettings } from "./schedule.ts";
import { QueueShard, shardPrefix } from "./shard.ts";
import type { QueueOperation } from "./state.ts";

export const DEFAULT_SHARDS = 4;
const CONFIG_KEY = "q/config";

export interface QueueWorld extends JournalWorld {
  readonly keyring: Keyring;
  readonly schedule?: ScheduleSettings;
  /** How many shards a new queue gets; an existing one keeps what it has. */
  readonly shards?: number;
}

export interface NewRecipient {
  readonly address: Address;
  readonly notify: Notify;
  readonly originalRecipient: string | null;
}
export interface NewMessage {
  readonly envelope: QueuedEnvelope;
  readonly recipients: readonly NewRecipient[];
  readonly content: Buffer;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
  /** Given where the same message may be handed over twice (after a crash): it is queued once while it is in the queue. */
  readonly id?: string;
  /** Why it is to wait for an operator. */
  readonly held?: string;
}
export type EnqueueAnswer = { readonly kind: "queued"; readonly id: string } | StoreFailure;
export type ChangeAnswer = { readonly kind: "done" } | { readonly kind: "absent" } | StoreFailure;
export type ShowAnswer = { readonly kind: "message"; readonly message: QueuedMessage; readonly shard: number } | { readonly kind: "absent" } | StoreFailure;
export type QueueListAnswer = { readonly kind: "messages"; readonly messages: readonly QueuedMessage[]; /** How many there are in all. */ readonly total: number } | StoreFailure;

export class Queue {
  readonly shards: readonly QueueShard[];
  readonly schedule: ScheduleSettings;
  readonly #world: QueueWorld;

  private constructor(world: QueueWorld, shards: readonly QueueShard[]) {
    this.#world = world;
    this.shards = shards;
    this.schedule = world.schedule ?? DEFAULT_SCHEDULE;
  }

  static async open(world: QueueWorld): Promise<{ readonly kind: "open"; readonly queue: Queue } | StoreFailure> {
    const count = await shardCount(world.store, world.shards ?? DEFAULT_SHARDS);
    if (typeof count !== "number") return count;
    const shards: QueueShard[] = [];
    for (let number = 0; number < count; number++) {
      const key = await world.keyring.openOrCreate(shardPrefix(number));
      if (key.kind === "failure") return key;
      if (key.kind === "absent") return { kind: "failure", retryable: true, outcome: "unknown", because: "unavailable", detail: `the key of ${shardPrefix(number)} could not be read back` };
      const shard = await QueueShard.open(number, world, key.cipher);
      if (!(shard instanceof QueueShard)) return shard;
      shards.push(shard);
    }
    return { kind: "open", queue: new Queue(world, shards) };
  }

  shardOf(id: string): QueueShard {
    return this.shards[crc32(id) % this.shards.length]!;
  }

  /** Puts a message in the queue. Durable when it answers `queued`. At least one recipient. */
  async enqueue(message: NewMessage): Promise<EnqueueAnswer> {
    const { envelope, recipients, content, arrivedAt } = message;
    assert(recipients.length > 0 && recipients.length <= MESSAGE_RECIPIENTS_MAX, "a queued message has recipients, and not too many");
    const id = message.id ?? this.newId();
    const now = this.#world.clock.now();
    const failure = await this.shardOf(id).enqueue({
      id, arrivedAt,
      envelope: { ...envelope, envelopeId: envelope.envelopeId?.slice(0, NAME_CHARACTERS_MAX) ?? null },
      expiresAt: arrivedAt + this.schedule.lifetimeMs,
      held: message.held?.slice(0, REASON_CHARACTERS_MAX) ?? null,
      recipients: recipients.map(({ address, notify, originalRecipient }) => ({
        address, notify, originalRecipient: originalRecipient?.slice(0, NAME_CHARACTERS_MAX) ?? null,
        status: "pending", attempts: 0, nextAttemptAt: now, lastAttemptAt: null, lastReply: null, delayNotified: false, report: null,
      })),
    }, content);
    return failure ?? { kind: "queued", id };
  }

  /** Unique over all nodes, and ordered by time so that lists are. */
  newId(): string {
    return this.#world.clock.now().toString(36).padStart(9, "0") + this.#world.random.bytes(8).toString("hex");
  }

  /** The messages, the oldest first, at most `limit`; `domain` chooses those with a pending recipient there. */
  async list(options: { readonly limit: number; readonly domain?: string }): Promise<QueueListAnswer> {
    const failure = await this.#refreshAll();
    if (failure !== null) return failure;
    const found: QueuedMessage[] = [];
    for (const shard of this.shards) {
      for (const message of shard.state.messages.values()) {
        if (options.domain === undefined || message.recipients.some((r) => r.status === "pending" && r.address.domain === options.domain)) found.push(message);
      }
    }
    found.sort((a, b) => a.arrivedAt - b.arrivedAt || (a.id < b.id ? -1 : 1));
    return { kind: "messages", messages: found.slice(0, options.limit), total: found.length };
  }

  async show(id: string): Promise<ShowAnswer> {
    const shard = this.shardOf(id);
    const failure = await shard.refresh();
    if (failure !== null) return failure;
    const message = shard.state.messages.get(id);
    return message === undefined ? { kind: "absent" } : { kind: "message", message, shard: shard.number };
  }

  /** The content of a queued message; null when the message or its content is gone. */
  async content(id: string): Promise<Buffer | null | StoreFailure> {
    const shown = await this.show(id);
    if (shown.kind === "failure") return shown;
    return shown.kind === "absent" ? null : this.shardOf(id).content(shown.message);
  }

  /** Keeps a message from being tried until it is released. An attempt under way goes on. */
  hold(id: string, reason: string): Promise<ChangeAnswer> {
    return this.#change({ kind: "hold", id, reason: reason.slice(0, REASON_CHARACTERS_MAX) });
  }
  /** Lets a held message go, at once. */
  release(id: string): Promise<ChangeAnswer> {
    return this.#change({ kind: "release", id, at: this.#world.clock.now() });
  }
  /** Makes every pending recipient due now. */
  retry(id: string): Promise<ChangeAnswer> {
    return this.#change({ kind: "retry", id, at: this.#world.clock.now() });
  }
  /** Takes a message away without a word to its sender. */
  remove(id: string): Promise<ChangeAnswer> {
    return this.#change({ kind: "remove", id });
  }

  async #change(operation: Extract<QueueOperation, { kind: "hold" | "release" | "retry" | "remove" }>): Promise<ChangeAnswer> {
    const shard = this.shardOf(operation.id);
    const answer = await shard.commit<ChangeAnswer>((state, draft) => {
      if (!state.messages.has(operation.id)) return { kind: "nothing", result: { kind: "absent" } };
      draft.ops.push(operation);
      return { kind: "write", result: { kind: "done" } };
    });
    if (answer.kind === "done" && answer.result.kind === "done") shard.announce(answer.seq);
    return answer.kind === "failed" ? answer.failure : answer.result;
  }

  async #refreshAll(): Promise<StoreFailure | null> {
    const answers = await Promise.all(this.shards.map((shard) => shard.refresh()));
    return answers.find((answer) => answer !== null) ?? null;
  }
}

/** Reads how many shards there are; the first process decides for all. */
async function shardCount(store: ObjectStore, wanted: number): Promise<number | StoreFailure> {
  assert(Number.isInteger(wanted) && wanted >= 1 && wanted <= SHARDS_MAX, "the number of shards is out of range");
  for (let tries = 0; tries < 3; tries++) {
    const answer = await store.get(CONFIG_KEY);
    if (answer.kind === "failure") return answer;
    if (answer.kind === "found") return parseConfig(answer.bytes) ?? { kind: "failure", retryable: false, outcome: "none", because: "corrupt", detail: `${CONFIG_KEY}: not a queue's configuration` };
    const put = await store.put(CONFIG_KEY, utf8(JSON.stringify({ format: 1, shards: wanted })), { ifAbsent: true });
    if (put.kind === "done") return wanted;
    if (put.kind === "failure" && put.outcome === "none") return put;
  }
  return { kind: "failure", retryable: true, outcome: "unknown", because: "unavailable", detail: `${CONFIG_KEY}: could not be read back` };
}

/** How many shards there are; null where there is no queue yet. */
export async function readShardCount(store: ObjectStore): Promise<number | null | StoreFailure> {
  const answer = await store.get(CONFIG_KEY);
  if (answer.kind === "failure") return answer;
  if (answer.kind !== "found") return null;
  return parseConfig(answer.bytes) ?? { kind: "failure", retryable: false, outcome: "none", because: "corrupt", detail: `${CONFIG_KEY}: not a queue's configuration` };
}

function parseConfig(bytes: Buffer): number | null {
  try {
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    if (typeof value !== "object" || value === null || !("format" in value) || !("shards" in value)) return null;
    const { format, shards } = value;
    return format === 1 && typeof shards === "number" && Number.isInteger(shards) && shards >= 1 && shards <= SHARDS_MAX ? shards : null;
  } catch {
    return null;
  }
}
