/** What is to be done in one shard, and when: kept in step with the journal, entry by entry. */
import type { Domain } from "../address/address.ts";
import { TRANSACTION_RECIPIENTS_MAX } from "./limits.ts";
import { DueTimes } from "./due-times.ts";
import type { QueuedMessage } from "./queued-message.ts";
import type { QueueShard } from "./shard.ts";
import type { QueueOperation } from "./state.ts";

/** What becomes one mail transaction: recipients of one message with one domain, by their indexes. */
export interface Delivery {
  readonly schedule: ShardSchedule;
  readonly id: string;
  readonly domain: Domain;
  readonly indexes: readonly number[];
}

export class ShardSchedule {
  readonly shard: QueueShard;
  #due = new DueTimes();
  /** Domains of messages that wait for their turn or are being tried, as "id domain". */
  readonly #busy = new Set<string>();
  readonly #busyOf = new Map<string, number>();
  /** Messages that owe a report. */
  readonly owing = new Set<string>();

  constructor(shard: QueueShard) {
    this.shard = shard;
  }

  /** Looks at every message: after the lease was acquired, or the state was loaded anew. */
  rebuild(): void {
    this.#due = new DueTimes();
    this.owing.clear();
    for (const message of this.shard.state.messages.values()) this.#note(message);
  }
  /** Takes note of an entry. */
  applied(operations: readonly QueueOperation[]): void {
    if (operations.length === 0) return this.rebuild();
    for (const operation of operations) {
      if (operation.kind === "lease" || operation.kind === "lease-ended") continue;
      this.noteId(operation.kind === "enqueue" ? operation.message.id : operation.id);
    }
  }
  noteId(id: string): void {
    const message = this.shard.state.messages.get(id);
    if (message === undefined) this.owing.delete(id);
    else this.#note(message);
  }
  /** Whether a domain of this message waits or is being tried. */
  isBusy(id: string): boolean {
    return this.#busyOf.has(id);
  }

  /** The deliveries that are due; each is the caller's until it is given back by `ended`. */
  *takeDue(now: number): Generator<Delivery> {
    for (let id = this.#due.take(now); id !== null; id = this.#due.take(now)) {
      const message = this.shard.state.messages.get(id);
      if (message !== undefined && message.held === null) yield* this.#deliveriesOf(message, now);
    }
  }
  ended(delivery: Delivery): void {
    this.#busy.delete(keyOf(delivery.id, delivery.domain));
    const left = (this.#busyOf.get(delivery.id) ?? 1) - 1;
    if (left === 0) this.#busyOf.delete(delivery.id);
    else this.#busyOf.set(delivery.id, left);
    this.noteId(delivery.id);
  }

  #note(message: QueuedMessage): void {
    if (message.recipients.some((recipient) => recipient.report !== null)) this.owing.add(message.id);
    else this.owing.delete(message.id);
    if (message.held !== null) return;
    let earliest = Number.POSITIVE_INFINITY;
    for (const { status, nextAttemptAt, address } of message.recipients) {
      if (status === "pending" && nextAttemptAt < earliest && !this.#busy.has(keyOf(message.id, address.domain))) earliest = nextAttemptAt;
    }
    if (earliest !== Number.POSITIVE_INFINITY) this.#due.add(message.id, earliest);
  }

  #deliveriesOf(message: QueuedMessage, now: number): Delivery[] {
    const byDomain = new Map<Domain, number[]>();
    for (const [index, recipient] of message.recipients.entries()) {
      if (recipient.status !== "pending" || recipient.nextAttemptAt > now || this.#busy.has(keyOf(message.id, recipient.address.domain))) continue;
      const indexes = byDomain.get(recipient.address.domain);
      if (indexes === undefined) byDomain.set(recipient.address.domain, [index]);
      else if (indexes.length < TRANSACTION_RECIPIENTS_MAX) indexes.push(index);
    }
    for (const domain of byDomain.keys()) this.#busy.add(keyOf(message.id, domain));
    this.#busyOf.set(message.id, (this.#busyOf.get(message.id) ?? 0) + byDomain.size);
    // Recipients beyond the limit of a transaction are found when this one has ended, those of other domains in their time.
    this.#note(message);
    return [...byDomain].map(([domain, indexes]) => ({ schedule: this, id: message.id, domain, indexes }));
  }
}

function keyOf(id: string, domain: Domain): string {
  return `${id} ${domain}`;
}
