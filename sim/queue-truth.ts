/** One shard of the queue as its journal's history says it is, and whether each entry came from who may write it. */
import { BinaryReader } from "../src/base/binary.ts";
import type { Cipher } from "../src/journal/cipher.ts";
import { decodeEntry } from "../src/journal/entry.ts";
import { entryKey } from "../src/journal/keys.ts";
import { queueMachine } from "../src/queue/machine.ts";
import { apply, emptyState, type QueueOperation, type QueueState } from "../src/queue/state.ts";
import { holds } from "./trace.ts";

export class QueueTruth {
  readonly prefix: string;
  seq = 0;
  readonly state: QueueState = emptyState();
  /** Ids that were ever enqueued. */
  readonly enqueued = new Set<string>();
  readonly #cipher: Cipher;
  readonly #tell: (line: string) => void;

  constructor(prefix: string, cipher: Cipher, tell: (line: string) => void) {
    this.#tell = tell;
    this.prefix = prefix;
    this.#cipher = cipher;
  }
  entry(seq: number, bytes: Buffer, node: string): void {
    holds(seq === this.seq + 1, () => `${this.prefix}: entry ${seq} after ${this.seq}`);
    const decoded = decodeEntry(this.#cipher, { prefix: this.prefix, seq }, bytes);
    holds(decoded.kind === "entry", () => `${this.prefix}: entry ${seq} can't be read`);
    const reader = new BinaryReader(decoded.entry.operations);
    this.seq = seq;
    for (let left = reader.number(); left > 0; left--) this.#operation(queueMachine.decode(reader), node);
  }

  /** Whether a message that is in the queue has its octets in this object. */
  needs(object: string): boolean {
    return [...this.state.messages.values()].some(({ content }) => (content.kind === "inline" ? entryKey("", content.seq) : content.name) === object);
  }

  #operation(operation: QueueOperation, node: string): void {
    this.#tell(`${this.prefix} ${this.seq} ${writeOperation(operation)}`);
    const { lease } = this.state;
    const holder = lease?.holder ?? "nobody";
    const deliveries = operation.kind === "attempted" && operation.results.every((result) => result.status === "delivered");
    if ((operation.kind === "attempted" && !deliveries) || operation.kind === "reported") {
      holds(holder === node, () => `${this.prefix} ${this.seq}: ${node} records a result while ${holder} holds the shard`);
    }
    if (operation.kind === "lease") {
      const renewal = lease !== null && operation.lease.epoch === lease.epoch;
      holds(renewal ? operation.lease.holder === lease.holder : operation.lease.epoch === this.state.epoch + 1, () => `${this.prefix} ${this.seq}: ${node} writes lease epoch ${operation.lease.epoch} after ${this.state.epoch}`);
      holds(operation.lease.holder === node, () => `${this.prefix} ${this.seq}: ${node} writes a lease for ${operation.lease.holder}`);
    }
    if (operation.kind === "enqueue") this.enqueued.add(operation.message.id);
    apply(this.state, operation);
  }
}

function writeOperation(operation: QueueOperation): string {
  switch (operation.kind) {
    case "enqueue":
      return `enqueue ${operation.message.id} for ${operation.message.recipients.map(({ address }) => `${address.localPart}@${address.domain}`).join()}`;
    case "attempted":
      return `attempted ${operation.id} ${operation.results.map(({ index, status, report }) => `${index} ${status} ${report ?? ""}`).join()}`;
    case "lease":
      return `lease ${operation.lease.holder} ${operation.lease.epoch}`;
    default:
      return JSON.stringify(operation);
  }
}
