/**
 * One account as its journal's history says it is, in the plainest way: maps and sets, told of each entry at the moment the
 * store took it. It shares the encoding of operations with the system, and nothing of how the system applies them.
 */
import type { BodyPlace } from "../src/account/columns.ts";
import { decodeOp, type NewRow, type Op, type UidRanges } from "../src/account/op.ts";
import { BinaryReader } from "../src/base/binary.ts";
import type { Cipher } from "../src/journal/cipher.ts";
import { decodeEntry } from "../src/journal/entry.ts";
import { entryKey } from "../src/journal/keys.ts";
import { unpack } from "../src/journal/packing.ts";
import type { MemoryStore } from "../src/port/object-store.fake.ts";
import { holds } from "./trace.ts";

export interface TrueMessage {
  readonly uid: number;
  flags: ReadonlySet<string>;
  modseq: number;
  readonly internalDate: number;
  readonly saveDate: number;
  readonly content: Buffer;
  readonly place: Place;
}
/** Where the octets of a message and of its copies are: the entry, or minus the number of a pack, or an object of their own. */
export interface Place {
  seq: number;
  offset: number;
  readonly length: number;
  readonly object: string | null;
}
export interface TrueMailbox {
  readonly id: number;
  readonly uidValidity: number;
  readonly specialUse: string | null;
  name: string;
  uidNext: number;
  highestModseq: number;
  readonly keywords: string[];
  readonly messages: Map<number, TrueMessage>;
}
/** What happened to one message, kept after it is gone. */
export interface Trail {
  readonly content: Buffer;
  readonly place: Place;
  readonly by: "append" | "copy";
  /** The modseqs it had, ascending, with the flags it had from then on. */
  readonly changes: { readonly modseq: number; readonly flags: ReadonlySet<string> }[];
  goneAt: number | null;
}
export interface NameChange {
  readonly seq: number;
  readonly name: string;
  readonly id: number | null;
}

const SYSTEM = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];
const BYTES_MAX = 64 * 1024 * 1024;

export class AccountTruth {
  readonly prefix: string;
  seq = 0;
  readonly mailboxes = new Map<number, TrueMailbox>();
  readonly subscriptions = new Set<string>();
  readonly trails = new Map<string, Trail>();
  /** Names as they were given and taken, in order. */
  readonly names: NameChange[] = [];
  readonly subscribed: { readonly seq: number; readonly name: string; readonly subscribed: boolean }[] = [];
  /** The operations of every entry, from the first on. */
  readonly entries: (readonly Op[])[] = [];
  readonly #memory: MemoryStore;
  readonly #cipher: Cipher;
  /** Bodies in packs, by number. */
  readonly #packs = new Map<number, string>();
  readonly #validityOf = new Map<string, number>();
  #uidValidityMost = 0;

  constructor(prefix: string, memory: MemoryStore, cipher: Cipher) {
    this.prefix = prefix;
    this.#memory = memory;
    this.#cipher = cipher;
  }

  trail(mailbox: number, uid: number): Trail | undefined {
    return this.trails.get(`${mailbox} ${uid}`);
  }
  byValidity(uidValidity: number): number | null {
    for (const [key, validity] of this.#validityOf) if (validity === uidValidity) return Number(key);
    return null;
  }

  /** The store took this entry. */
  entry(seq: number, bytes: Buffer): readonly Op[] {
    holds(seq === this.seq + 1, () => `${this.prefix}: entry ${seq} after ${this.seq}`);
    const decoded = decodeEntry(this.#cipher, { prefix: this.prefix, seq }, bytes);
    holds(decoded.kind === "entry", () => `${this.prefix}: entry ${seq} can't be read`);
    const reader = new BinaryReader(decoded.entry.operations);
    const ops = Array.from({ length: reader.number() }, () => decodeOp(reader));
    this.seq = seq;
    this.entries.push(ops);
    for (const op of ops) this.#apply(op, seq, bytes);
    return ops;
  }

  #apply(op: Op, seq: number, entry: Buffer): void {
    switch (op.kind) {
      case "mailbox-create":
        return this.#create(op, seq);
      case "mailbox-rename": {
        const mailbox = this.#mailbox(op.mailbox);
        holds(!this.named(op.name), () => `${this.prefix}: "${op.name}" is given to two mailboxes`);
        this.names.push({ seq, name: mailbox.name, id: null }, { seq, name: op.name, id: op.mailbox });
        mailbox.name = op.name;
        return;
      }
      case "mailbox-delete": {
        const mailbox = this.#mailbox(op.mailbox);
        for (const uid of mailbox.messages.keys()) this.trail(op.mailbox, uid)!.goneAt = seq;
        this.names.push({ seq, name: mailbox.name, id: null });
        this.mailboxes.delete(op.mailbox);
        return;
      }
      case "subscribe":
        if (op.subscribed) this.subscriptions.add(op.name);
        else this.subscriptions.delete(op.name);
        this.subscribed.push({ seq, name: op.name, subscribed: op.subscribed });
        return;
      case "keyword":
        this.#mailbox(op.mailbox).keywords.push(op.name);
        return;
      case "append": {
        const place = { ...op.row.body, seq: op.row.body.seq === 0 ? seq : op.row.body.seq };
        this.#add(op.mailbox, op.uid, seq, op.savedAt, op.row, { by: "append", content: this.#content(place, entry), place });
        return;
      }
      case "copy":
        op.rows.forEach((row, i) => {
          const source = this.trail(op.from, op.sources[i]!);
          holds(source !== undefined && source.goneAt === null, () => `${this.prefix} ${seq}: a copy of what is not there`);
          this.#add(op.mailbox, op.uid + i, seq, op.savedAt, row, { by: "copy", content: source.content, place: source.place });
        });
        return;
      case "flags":
        return this.#flags(op, seq);
      case "expunge":
        return this.#expunge(op, seq);
      case "pack":
        return this.#pack(op, seq);
      case "keep":
      case "forget":
      case "mended":
      case "close":
        return;
    }
  }

  /** Whether a message that exists has its octets in this object. */
  needs(object: string): boolean {
    return [...this.mailboxes.values()].some((mailbox) => [...mailbox.messages.values()].some((message) => this.#objectOf(message.place) === object));
  }
  #objectOf({ seq, object }: Place): string {
    return object ?? (seq < 0 ? this.#packs.get(-seq)! : entryKey("", seq));
  }
  get usedBytes(): number {
    let bytes = 0;
    for (const mailbox of this.mailboxes.values()) for (const message of mailbox.messages.values()) bytes += message.content.length;
    return bytes;
  }
  named(name: string): TrueMailbox | undefined {
    return [...this.mailboxes.values()].find((mailbox) => mailbox.name === name);
  }
  #mailbox(id: number): TrueMailbox {
    const mailbox = this.mailboxes.get(id);
    holds(mailbox !== undefined, () => `${this.prefix} ${this.seq}: a change of mailbox ${id}, which does not exist`);
    return mailbox;
  }
  #create(op: Extract<Op, { kind: "mailbox-create" }>, seq: number): void {
    holds(!this.named(op.name), () => `${this.prefix}: "${op.name}" is made twice`);
    holds(op.uidValidity > this.#uidValidityMost && op.uidValidity < 2 ** 32, () => `${this.prefix} ${seq}: UIDVALIDITY ${op.uidValidity} does not rise over ${this.#uidValidityMost}`);
    this.#uidValidityMost = op.uidValidity;
    this.#validityOf.set(String(op.mailbox), op.uidValidity);
    this.names.push({ seq, name: op.name, id: op.mailbox });
    this.mailboxes.set(op.mailbox, { id: op.mailbox, name: op.name, uidValidity: op.uidValidity, specialUse: op.specialUse, uidNext: 1, highestModseq: seq, keywords: [], messages: new Map() });
  }
  #add(id: number, uid: number, seq: number, savedAt: number, row: NewRow, made: Pick<Trail, "by" | "content" | "place">): void {
    const mailbox = this.#mailbox(id);
    holds(uid === mailbox.uidNext && !this.trails.has(`${id} ${uid}`), () => `${this.prefix} ${seq}: UID ${uid} where ${mailbox.uidNext} is next`);
    holds(row.size === made.content.length, () => `${this.prefix} ${seq}: UID ${uid} has another size`);
    const flags = flagsOf(mailbox, row.low, row.high);
    mailbox.uidNext = uid + 1;
    mailbox.highestModseq = seq;
    mailbox.messages.set(uid, { uid, flags, modseq: seq, internalDate: row.internalDate, saveDate: savedAt, content: made.content, place: made.place });
    this.trails.set(`${id} ${uid}`, { ...made, changes: [{ modseq: seq, flags }], goneAt: null });
  }
  #flags(op: Extract<Op, { kind: "flags" }>, seq: number): void {
    const mailbox = this.#mailbox(op.mailbox);
    const [clear, set] = [flagsOf(mailbox, ...op.clear), flagsOf(mailbox, ...op.set)];
    let unseen = 0;
    for (const message of within(mailbox, op.uids)) {
      const after = new Set([...message.flags].filter((flag) => !clear.has(flag)));
      for (const flag of set) after.add(flag);
      unseen += (after.has("\\Seen") ? 0 : 1) - (message.flags.has("\\Seen") ? 0 : 1);
      message.flags = after;
      message.modseq = seq;
      this.trail(op.mailbox, message.uid)!.changes.push({ modseq: seq, flags: after });
    }
    mailbox.highestModseq = seq;
    holds(unseen === op.unseen, () => `${this.prefix} ${seq}: unseen changes by ${unseen}, not by ${op.unseen}`);
  }
  #expunge(op: Extract<Op, { kind: "expunge" }>, seq: number): void {
    const mailbox = this.#mailbox(op.mailbox);
    const gone = within(mailbox, op.uids);
    const unseen = gone.filter((message) => !message.flags.has("\\Seen")).length;
    const bytes = gone.reduce((sum, message) => sum + message.content.length, 0);
    holds(gone.length === op.count && unseen === op.unseen && bytes === op.bytes, () => `${this.prefix} ${seq}: an expunge of ${gone.length}, ${unseen} unseen, ${bytes} octets says ${op.count}, ${op.unseen}, ${op.bytes}`);
    for (const { uid } of gone) {
      mailbox.messages.delete(uid);
      this.trail(op.mailbox, uid)!.goneAt = seq;
    }
    mailbox.highestModseq = seq;
  }

  #pack(op: Extract<Op, { kind: "pack" }>, seq: number): void {
    this.#packs.set(op.pack, op.name);
    const pack = this.#memory.peek(this.prefix + op.name);
    for (let i = 0; i < op.moves.length; i += 3) {
      const [from, offset, to] = op.moves.slice(i, i + 3) as [number, number, number];
      for (const trail of this.trails.values()) {
        if (trail.place.object !== null || trail.place.seq !== from || trail.place.offset !== offset) continue;
        const content = pack === null ? null : unpack(this.#cipher, pack.subarray(to, to + trail.place.length), `${this.prefix}body`, BYTES_MAX);
        holds(trail.goneAt !== null || content?.equals(trail.content) === true, () => `${this.prefix} ${seq}: a body is not in the pack that is said to have it`);
        trail.place.seq = -op.pack;
        trail.place.offset = to;
      }
    }
    for (const number of op.dropped) holds(!this.needs(this.#packs.get(number)!), () => `${this.prefix} ${seq}: pack ${number} is dropped and needed`);
  }

  #content(place: BodyPlace, entry: Buffer): Buffer {
    const sealed = place.object === null ? entry.subarray(place.offset, place.offset + place.length) : this.#memory.peek(this.prefix + place.object);
    holds(sealed !== null, () => `${this.prefix} ${this.seq}: the entry names ${place.object}, which is not there`);
    const content = unpack(this.#cipher, sealed, place.object === null ? `${this.prefix}body` : this.prefix + place.object, BYTES_MAX);
    holds(content !== null, () => `${this.prefix} ${this.seq}: a body can't be read`);
    return content;
  }
}

function within(mailbox: TrueMailbox, ranges: UidRanges): TrueMessage[] {
  return [...mailbox.messages.values()].filter(({ uid }) => ranges.some((first, i) => i % 2 === 0 && first <= uid && uid <= ranges[i + 1]!));
}
/** Every bit that has a name. A mask that clears everything clears what has one. */
function flagsOf(mailbox: TrueMailbox, low: number, high: number): Set<string> {
  const names = [...SYSTEM, ...mailbox.keywords];
  return new Set(names.filter((_, bit) => ((bit < 32 ? low >>> bit : high >>> (bit - 32)) & 1) === 1));
}
