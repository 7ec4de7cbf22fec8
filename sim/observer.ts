/** Sees every change of the store at its moment: keeps the true history of each journal, and what may never be written or deleted. */
import { accountMachine } from "../src/account/machine.ts";
import type { Op } from "../src/account/op.ts";
import { Cipher } from "../src/journal/cipher.ts";
import { headKey } from "../src/journal/keys.ts";
import { unpack } from "../src/journal/packing.ts";
import type { MemoryStore } from "../src/port/object-store.fake.ts";
import { FakeRandom } from "../src/port/random.fake.ts";
import { queueMachine } from "../src/queue/machine.ts";
import { AccountTruth } from "./account-truth.ts";
import type { StoreObserver } from "./faulty-store.ts";
import { MASTER } from "./node.ts";
import { QueueTruth } from "./queue-truth.ts";
import { tokenOf } from "./token.ts";
import { holds } from "./trace.ts";

const KEY = /^((?:a|q)\/[^/]+\/)(j\/(\d+)|head|key|[bcps]\/.+)$/;
const BYTES_MAX = 64 * 1024 * 1024;

export class Observer implements StoreObserver {
  readonly accounts = new Map<string, AccountTruth>();
  readonly shards = new Map<string, QueueTruth>();
  /** Octets each account may hold. */
  readonly quotas = new Map<string, number>();
  /** Entries that were written again after they had been trimmed: nobody may ever be told that they count. */
  readonly ghosts: string[] = [];
  readonly #memory: MemoryStore;
  readonly #failed: (error: unknown) => void;
  readonly #tell: (line: string) => void;
  readonly #ciphers = new Map<string, Cipher>();
  readonly #heads = new Map<string, number>();

  constructor(memory: MemoryStore, failed: (error: unknown) => void, tell: (line: string) => void) {
    this.#tell = tell;
    this.#memory = memory;
    this.#failed = failed;
  }

  wrote(node: string, key: string, bytes: Buffer): void {
    const match = KEY.exec(key);
    if (match === null) return;
    try {
      if (match[3] !== undefined) this.#entry(node, match[1]!, Number(match[3]), bytes);
      else if (match[2] === "head") this.#head(match[1]!, bytes);
    } catch (error) {
      this.#failed(error);
    }
  }
  deleted(node: string, key: string): void {
    const match = KEY.exec(key);
    if (match === null) return;
    try {
      const [prefix, object] = [match[1]!, match[2]!];
      const needed = this.accounts.get(prefix)?.needs(object) ?? this.shards.get(prefix)?.needs(object) ?? false;
      holds(!needed, () => `${node} deletes ${key}, which holds a message`);
      if (match[3] !== undefined) holds(Number(match[3]) <= (this.#heads.get(prefix) ?? 0) || this.ghosts.includes(key), () => `${node} deletes ${key}, which is in no snapshot`);
      else holds(!this.#referred(prefix).includes(object), () => `${node} deletes ${key}, which the snapshot needs`);
    } catch (error) {
      this.#failed(error);
    }
  }

  cipher(prefix: string): Cipher {
    const known = this.#ciphers.get(prefix);
    if (known !== undefined) return known;
    const random = new FakeRandom(1);
    const plain = new Cipher(MASTER, random).open(this.#memory.peek(`${prefix}key`) ?? Buffer.alloc(0), `${prefix}key`);
    holds(plain !== null, () => `${prefix} has no key`);
    const cipher = new Cipher(plain, random);
    this.#ciphers.set(prefix, cipher);
    return cipher;
  }

  #entry(node: string, prefix: string, seq: number, bytes: Buffer): void {
    const truth = prefix.startsWith("a/") ? this.#account(prefix) : this.#shard(prefix);
    if (seq <= truth.seq) {
      this.ghosts.push(`${prefix}j/${String(seq).padStart(12, "0")}`);
      return;
    }
    if (truth instanceof QueueTruth) return truth.entry(seq, bytes, node);
    const before = truth.usedBytes;
    const ops = truth.entry(seq, bytes);
    this.#tell(`${prefix} ${seq} ${ops.map((op) => writeOp(op, truth)).join("; ")}`);
    const after = truth.usedBytes;
    holds(after <= before || after <= (this.quotas.get(prefix) ?? Infinity), () => `${prefix} ${seq}: ${after} octets are over the quota`);
  }
  #account(prefix: string): AccountTruth {
    const truth = this.accounts.get(prefix) ?? new AccountTruth(prefix, this.#memory, this.cipher(prefix));
    this.accounts.set(prefix, truth);
    return truth;
  }
  #shard(prefix: string): QueueTruth {
    const truth = this.shards.get(prefix) ?? new QueueTruth(prefix, this.cipher(prefix), this.#tell);
    this.shards.set(prefix, truth);
    return truth;
  }

  #head(prefix: string, bytes: Buffer): void {
    const head: unknown = JSON.parse(bytes.toString("utf8"));
    holds(typeof head === "object" && head !== null && "seq" in head && typeof head.seq === "number", () => `${prefix}: a broken pointer`);
    const seq = head.seq;
    holds(seq >= (this.#heads.get(prefix) ?? 0), () => `${prefix}: the pointer goes back to ${seq}`);
    holds(seq <= (this.accounts.get(prefix)?.seq ?? this.shards.get(prefix)?.seq ?? 0), () => `${prefix}: the pointer is ahead of the journal`);
    this.#heads.set(prefix, seq);
    for (const name of this.#referred(prefix)) holds(this.#memory.peek(prefix + name) !== null, () => `${prefix}: the snapshot at ${seq} needs ${name}, which is not there`);
  }
  /** The names of the objects that the snapshot is made of. */
  #referred(prefix: string): readonly string[] {
    const bytes = this.#memory.peek(headKey(prefix));
    if (bytes === null) return [];
    const head: unknown = JSON.parse(bytes.toString("utf8"));
    const name = typeof head === "object" && head !== null && "root" in head ? String(head.root) : "";
    const sealed = this.#memory.peek(prefix + name);
    const root = sealed === null ? null : unpack(this.cipher(prefix), sealed, prefix + name, BYTES_MAX);
    holds(root !== null, () => `${prefix}${name}: the root of the snapshot can't be read`);
    return [name, ...(prefix.startsWith("a/") ? accountMachine : queueMachine).references(root)];
  }
}

function writeOp(op: Op, truth: AccountTruth): string {
  const where = "mailbox" in op ? ` ${op.mailbox}` : "";
  if (op.kind === "append") return `append${where} ${op.uid} ${tokenOf(truth.trail(op.mailbox, op.uid)!.content)}`;
  return `${op.kind}${where} ${"uid" in op ? op.uid : "uids" in op ? op.uids.join() : ""}`;
}
