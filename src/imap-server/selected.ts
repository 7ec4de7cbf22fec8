/**
 * A selected mailbox as one client sees it: message numbers are places in a list of UIDs that changes only when the client
 * is told (RFC 9051 section 7.5.1), whatever happens to the mailbox meanwhile.
 */
import type { Account } from "../account/account.ts";
import type { Columns } from "../account/columns.ts";
import type { Outcome } from "../account/failure.ts";
import { done } from "../account/failure.ts";
import { flagNames } from "../account/flags.ts";
import type { Mailbox } from "../account/mailbox.ts";
import type { Addressing } from "../imap/command.ts";
import { normalise, type SequenceSet } from "../imap/sequence-set.ts";
import type { ResponseWriter } from "../imap/response-writer.ts";
import { writeFlags, writeNumbered } from "../imap/write-response.ts";
import { RecentMessages } from "./recent.ts";

export interface SyncOptions {
  /** False while FETCH, STORE or SEARCH by number runs: EXPUNGE would shift the numbers under the client. */
  readonly expunges: boolean;
  readonly condstore: boolean;
  /** UID commands: flags are told with UIDs. */
  readonly withUid: boolean;
}
/** UIDs, ascending, whose change at this mod-sequence the client knows already: it made it. */
export interface KnownChange {
  readonly modseq: number;
  readonly uids: readonly number[];
}
/** UIDs in ascending order, or why the set can't be taken. */
export type SelectedUids = { readonly kind: "uids"; readonly uids: Uint32Array } | { readonly kind: "out-of-range" };

const FLAG_TEXTS_MAX = 1000;
const KEYED_HIGH_MAX = 2 ** 20;

export class Selected {
  readonly account: Account;
  readonly mailboxId: number;
  readonly readOnly: boolean;
  /** RFC 9051 section 6.4.4.1: the saved result, as UIDs. */
  saved: Uint32Array = new Uint32Array(0);
  #uids: Uint32Array;
  #count: number;
  /** Up to here new messages and flags were told. */
  #toldModseq: number;
  /** Up to here expunges were told: later than the rest, for they may not be told at any time. */
  #expungeModseq: number;
  #keywords: number;
  /** Null for a client of IMAP4rev2, which has no \Recent. */
  readonly #recent: RecentMessages | null;
  readonly #flagTails = new WeakMap<Buffer, Buffer>();
  readonly #flagTexts = new Map<number, Buffer>();

  constructor(account: Account, mailbox: Mailbox, columns: Columns, options: { readonly readOnly: boolean; readonly recent: boolean }) {
    this.account = account;
    this.mailboxId = mailbox.id;
    this.readOnly = options.readOnly;
    this.#recent = options.recent ? new RecentMessages(account, mailbox.id, { claims: !options.readOnly }) : null;
    this.#recent?.hears(1, mailbox.uidNext);
    this.#uids = columns.uid.slice(0, columns.count);
    this.#count = columns.count;
    this.#toldModseq = mailbox.highestModseq;
    this.#expungeModseq = mailbox.expungeModseq;
    this.#keywords = mailbox.keywords.length;
  }
  get count(): number {
    return this.#count;
  }
  /** The client knows of every change up to here. */
  get toldModseq(): number {
    return this.#toldModseq;
  }
  get recentCount(): number {
    return this.#recent?.count((uid) => this.#lowerBound(uid)) ?? 0;
  }
  isRecent(uid: number): boolean {
    return this.#recent !== null && this.#recent.has(uid);
  }
  uidAt(number: number): number {
    return this.#uids[number - 1]!;
  }
  /** The message number of a UID, or 0. */
  numberOf(uid: number): number {
    const at = this.#lowerBound(uid);
    return at < this.#count && this.#uids[at] === uid ? at + 1 : 0;
  }
  #lowerBound(uid: number): number {
    let from = 0;
    let to = this.#count;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#uids[middle]! < uid) from = middle + 1;
      else to = middle;
    }
    return from;
  }
  /** The messages of a set that this client knows. */
  resolve(set: SequenceSet, addressing: Addressing): SelectedUids {
    if (set.kind === "saved") return { kind: "uids", uids: this.saved.filter((uid) => this.numberOf(uid) > 0) };
    const largest = addressing === "uid" ? (this.#count === 0 ? 0 : this.#uids[this.#count - 1]!) : this.#count;
    const ranges = normalise(set.ranges, largest);
    if (addressing === "sequence" && ranges.length > 0 && ranges[ranges.length - 1]!.last > this.#count) return { kind: "out-of-range" };
    const spans = ranges.map(({ first, last }) => (addressing === "uid" ? [this.#lowerBound(first), this.#lowerBound(last + 1)] : [first - 1, last])) as [number, number][];
    const uids = new Uint32Array(spans.reduce((sum, [from, to]) => sum + to - from, 0));
    let at = 0;
    for (const [from, to] of spans) {
      uids.set(this.#uids.subarray(from, to), at);
      at += to - from;
    }
    return { kind: "uids", uids };
  }
  /** The flags of a row as they go over the wire, made once per combination. */
  flagsText(mailbox: Mailbox, columns: Columns, row: number): Buffer {
    const low = columns.low[row]!;
    const high = columns.high[row]!;
    const recent = this.isRecent(columns.uid[row]!);
    // A number is exact up to 2^53: the key of a message with one of the last keywords would be another's too.
    const key = high < KEYED_HIGH_MAX ? (high * 2 ** 32 + low) * 2 + Number(recent) : -1;
    let text = this.#flagTexts.get(key);
    if (text === undefined) {
      const names = flagNames({ low, high }, mailbox.keywords);
      text = Buffer.from(`(${(recent ? [...names, "\\Recent"] : names).join(" ")})`, "latin1");
      if (key >= 0 && this.#flagTexts.size < FLAG_TEXTS_MAX) this.#flagTexts.set(key, text);
    }
    return text;
  }

  /** The mailbox and its messages as the account has them now. */
  load(): Promise<Outcome<{ mailbox: Mailbox; columns: Columns }>> {
    return this.account.load(this.mailboxId);
  }
  /** The command that runs made this change and tells of it itself, or need not. */
  knows(change: KnownChange): void {
    this.#known = change;
  }
  #known: KnownChange | null = null;
  /** Whether there is anything to tell. */
  get isBehind(): boolean {
    const mailbox = this.account.state.mailboxes.get(this.mailboxId);
    return mailbox === undefined || mailbox.highestModseq > this.#toldModseq || mailbox.expungeModseq > this.#expungeModseq;
  }
  /** Tells the client what changed since it was last told. `mailbox-missing` when somebody deleted the mailbox. */
  async sync(writer: ResponseWriter, options: SyncOptions): Promise<Outcome<null>> {
    if (!this.isBehind) return done(null);
    const loaded = await this.load();
    if (loaded.kind !== "done") return loaded;
    const { mailbox, columns } = loaded.value;
    this.#tellKeywords(writer, mailbox);
    if (options.expunges) this.#tellExpunges(writer, mailbox, columns);
    const countBefore = this.#count;
    this.#tellNew(writer, columns);
    this.#tellFlags(writer, mailbox, columns, { ...options, countBefore });
    this.#toldModseq = mailbox.highestModseq;
    return done(null);
  }

  #tellKeywords(writer: ResponseWriter, mailbox: Mailbox): void {
    if (mailbox.keywords.length === this.#keywords) return;
    this.#keywords = mailbox.keywords.length;
    writeFlags(writer, flagsOf(mailbox));
  }
  #tellExpunges(writer: ResponseWriter, mailbox: Mailbox, columns: Columns): void {
    if (mailbox.expungeModseq <= this.#expungeModseq) return;
    const gone: number[] = [];
    let row = 0;
    for (let at = 0; at < this.#count; at++) {
      while (row < columns.count && columns.uid[row]! < this.#uids[at]!) row += 1;
      if (row >= columns.count || columns.uid[row] !== this.#uids[at]) gone.push(at);
    }
    // From the last to the first, each number is what the client still has.
    for (let i = gone.length - 1; i >= 0; i--) writeNumbered(writer, gone[i]! + 1, "EXPUNGE");
    let to = gone[0] ?? this.#count;
    let next = 0;
    for (let at = to; at < this.#count; at++) {
      if (gone[next] === at) next += 1;
      else this.#uids[to++] = this.#uids[at]!;
    }
    this.#count = to;
    this.#expungeModseq = mailbox.expungeModseq;
  }
  #tellNew(writer: ResponseWriter, columns: Columns): void {
    const from = this.#count === 0 ? 0 : columns.lowerBound(this.#uids[this.#count - 1]! + 1);
    const added = columns.count - from;
    if (added === 0) return;
    if (this.#count + added > this.#uids.length) {
      const grown = new Uint32Array(Math.ceil((this.#count + added) * 1.25));
      grown.set(this.#uids.subarray(0, this.#count));
      this.#uids = grown;
    }
    this.#uids.set(columns.uid.subarray(from, columns.count), this.#count);
    this.#count += added;
    writeNumbered(writer, this.#count, "EXISTS");
    if (this.#recent === null) return;
    this.#recent.hears(columns.uid[from]!, columns.uid[columns.count - 1]! + 1);
    writeNumbered(writer, this.recentCount, "RECENT");
  }
  #tellFlags(writer: ResponseWriter, mailbox: Mailbox, columns: Columns, options: SyncOptions & { countBefore: number }): void {
    const since = this.#toldModseq;
    if (mailbox.highestModseq <= since) return;
    const known = this.#known;
    this.#known = null;
    for (let at = 0, row = 0, mine = 0; at < options.countBefore && row < columns.count; at++) {
      const uid = this.#uids[at]!;
      while (row < columns.count && columns.uid[row]! < uid) row += 1;
      if (row >= columns.count || columns.uid[row] !== uid || columns.modseq[row]! <= since) continue;
      if (known !== null && columns.modseq[row] === known.modseq) {
        while (mine < known.uids.length && known.uids[mine]! < uid) mine += 1;
        if (known.uids[mine] === uid) continue;
      }
      this.writeFlagsFetch(writer, at + 1, mailbox, columns, row, options);
    }
  }
  /** How many of these the client has still to hear the EXPUNGE of. */
  goneOf(uids: ArrayLike<number>): number {
    const mailbox = this.account.state.mailboxes.get(this.mailboxId);
    if (mailbox === undefined || mailbox.columns === null || mailbox.expungeModseq <= this.#expungeModseq) return 0;
    return this.walk(mailbox.columns, uids, () => {});
  }
  /** Calls back for those of the ascending UIDs that are in the mailbox still, with their message numbers; how many are gone. */
  walk(columns: Columns, uids: ArrayLike<number>, fn: (number: number, row: number) => void): number {
    let gone = 0;
    let row = uids.length === 0 ? 0 : columns.lowerBound(uids[0]!);
    let at = uids.length === 0 ? 0 : this.#lowerBound(uids[0]!);
    for (let i = 0; i < uids.length; i++) {
      const uid = uids[i]!;
      while (row < columns.count && columns.uid[row]! < uid) row += 1;
      while (at < this.#count && this.#uids[at]! < uid) at += 1;
      if (row >= columns.count || columns.uid[row] !== uid) gone += 1;
      else fn(at + 1, row);
    }
    return gone;
  }
  /** ` FETCH (FLAGS (\Seen))` and the line end, made once per combination. */
  #tailFor(flags: Buffer): Buffer {
    let tail = this.#flagTails.get(flags);
    if (tail === undefined) {
      tail = Buffer.from(` FETCH (FLAGS ${flags.toString("latin1")})\r\n`, "latin1");
      this.#flagTails.set(flags, tail);
    }
    return tail;
  }
  /** `* 7 FETCH (FLAGS (\Seen))` */
  writeFlagsFetch(writer: ResponseWriter, number: number, mailbox: Mailbox, columns: Columns, row: number, options: { readonly condstore: boolean; readonly withUid: boolean; readonly flags?: boolean }): void {
    if (!options.withUid && !options.condstore && options.flags !== false) {
      // A STORE on ten thousand messages writes ten thousand of these.
      writer.ascii("* ").number(number).bytes(this.#tailFor(this.flagsText(mailbox, columns, row)));
      return;
    }
    writer.ascii("* ").number(number).ascii(" FETCH (");
    if (options.withUid) writer.ascii("UID ").number(columns.uid[row]!).space();
    if (options.condstore) writer.ascii("MODSEQ (").number(columns.modseq[row]!).ascii(options.flags === false ? ")" : ") ");
    if (options.flags !== false) writer.ascii("FLAGS ").bytes(this.flagsText(mailbox, columns, row));
    writer.ascii(")\r\n");
  }
}

/** The flags that are in use in a mailbox, for FLAGS (RFC 9051 section 7.3.5). */
export function flagsOf(mailbox: Mailbox): string[] {
  return ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", ...mailbox.keywords];
}
