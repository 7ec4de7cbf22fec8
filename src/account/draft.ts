/** What one entry of an account will hold, and what decisions in it need to know of each other. */
import { Draft } from "../journal/machine.ts";
import { type FlagSet, type FlagWords, KEYWORDS_MAX, keywordIndex, keywordWords } from "./flags.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Op, UidRanges } from "./op.ts";

/** What a draft needs to know of a mailbox that gets messages. */
export type Target = Pick<Mailbox, "id" | "uidNext" | "keywords">;

export class AccountDraft extends Draft<Op> {
  /** A decision about names or the account is in: everything else waits for the next entry. */
  structural = false;
  /** Octets that this draft adds to the account. */
  addedBytes = 0;
  readonly #uidNext = new Map<number, number>();
  readonly #keywords = new Map<number, string[]>();
  readonly #touched = new Map<number, UidRanges[]>();

  get isEmpty(): boolean {
    return this.ops.length === 0;
  }
  /** Takes `count` UIDs of a mailbox; the first of them. */
  takeUids(mailbox: Target, count: number): number {
    const first = this.#uidNext.get(mailbox.id) ?? mailbox.uidNext;
    this.#uidNext.set(mailbox.id, first + count);
    return first;
  }
  /** The words for these flags; keywords that the mailbox does not know are defined in this entry. Null: no room for another keyword. */
  wordsFor(mailbox: Target, flags: FlagSet): FlagWords | null {
    let low = flags.system;
    let high = 0;
    for (const name of flags.keywords) {
      const index = this.#indexOf(mailbox, name);
      if (index < 0) return null;
      const words = keywordWords(index);
      low |= words.low;
      high |= words.high;
    }
    return { low: low >>> 0, high: high >>> 0 };
  }
  #indexOf(mailbox: Target, name: string): number {
    const known = keywordIndex(mailbox.keywords, name);
    if (known >= 0) return known;
    const pending = this.#keywords.get(mailbox.id) ?? [];
    const waiting = keywordIndex(pending, name);
    if (waiting >= 0) return mailbox.keywords.length + waiting;
    if (mailbox.keywords.length + pending.length >= KEYWORDS_MAX) return -1;
    pending.push(name);
    this.#keywords.set(mailbox.id, pending);
    this.ops.push({ kind: "keyword", mailbox: mailbox.id, name });
    return mailbox.keywords.length + pending.length - 1;
  }
  /** How many more keywords the mailbox can take. */
  roomForKeywords(mailbox: Target): number {
    return KEYWORDS_MAX - mailbox.keywords.length - (this.#keywords.get(mailbox.id)?.length ?? 0);
  }
  /** Whether an earlier decision in this entry changes any of these messages. */
  overlaps(mailbox: Mailbox, ranges: UidRanges): boolean {
    return (this.#touched.get(mailbox.id) ?? []).some((other) => rangesOverlap(other, ranges));
  }
  touch(mailbox: Mailbox, ranges: UidRanges): void {
    const touched = this.#touched.get(mailbox.id);
    if (touched === undefined) this.#touched.set(mailbox.id, [ranges]);
    else touched.push(ranges);
  }
}

function rangesOverlap(a: UidRanges, b: UidRanges): boolean {
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i + 1]! < b[j]!) i += 2;
    else if (b[j + 1]! < a[i]!) j += 2;
    else return true;
  }
  return false;
}
