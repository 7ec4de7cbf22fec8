/** Changing flags (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3). */
import type { Account } from "./account.ts";
import { RangeBuilder, type Columns } from "./columns.ts";
import { done, type Outcome } from "./failure.ts";
import { FLAG, type FlagSet, type FlagWords } from "./flags.ts";

export interface FlagChange {
  readonly mode: "add" | "remove" | "replace";
  readonly flags: FlagSet;
  /** Messages that changed after this mod-sequence are left as they are (UNCHANGEDSINCE). */
  readonly unchangedSince: number | null;
  /** What the caller knows of the mailbox, to learn what else it finds changed. */
  readonly knownModseq?: number;
}
export interface FlagsChanged {
  /** UIDs whose flags are others now, ascending. */
  readonly changed: readonly number[];
  /** Those of `changed` that somebody else had changed after `knownModseq`, ascending. */
  readonly surprising: readonly number[];
  /** UIDs left alone because they had changed since, ascending. */
  readonly modified: readonly number[];
  /** The mod-sequence of the change; of the state where nothing changed. */
  readonly modseq: number;
}

/** `uids` ascending. UIDs that do not exist are passed over. The mailbox must be loaded. */
export async function changeFlags(account: Account, mailboxId: number, uids: ArrayLike<number>, change: FlagChange): Promise<Outcome<FlagsChanged>> {
  return account.commit<FlagsChanged>((state, draft, seq) => {
    const mailbox = state.mailboxes.get(mailboxId);
    if (mailbox === undefined || mailbox.columns === null) return { kind: "nothing", result: { kind: "mailbox-missing" } };
    if (draft.structural || (!draft.isEmpty && draft.overlaps(mailbox, spanOf(uids)))) return { kind: "later" };
    const columns = mailbox.columns;
    if (change.mode !== "remove" && newKeywords(mailbox.keywords, change.flags) > draft.roomForKeywords(mailbox)) return { kind: "nothing", result: { kind: "limit", of: "keywords" } };
    const words = change.mode === "remove" ? knownWords(mailbox.keywords, change.flags) : null;
    const selected = select(columns, uids, change.unchangedSince);
    if (selected.rows.length === 0) return { kind: "nothing", result: done({ changed: [], surprising: [], modified: selected.modified, modseq: seq - 1 }) };
    const before = draft.ops.length;
    const mask = masks(change.mode, words ?? draft.wordsFor(mailbox, change.flags)!);
    const ranges = new RangeBuilder(columns);
    const changed: number[] = [];
    const surprising: number[] = [];
    const knownModseq = change.knownModseq ?? Infinity;
    let unseen = 0;
    for (const at of selected.rows) {
      const low = ((columns.low[at]! & ~mask.clear[0]) | mask.set[0]) >>> 0;
      const high = ((columns.high[at]! & ~mask.clear[1]) | mask.set[1]) >>> 0;
      if (low === columns.low[at] && high === columns.high[at]) continue;
      unseen += ((columns.low[at]! & FLAG.seen) === 0 ? -1 : 0) + ((low & FLAG.seen) === 0 ? 1 : 0);
      ranges.add(at);
      changed.push(columns.uid[at]!);
      if (columns.modseq[at]! > knownModseq) surprising.push(columns.uid[at]!);
    }
    const result = done({ changed, surprising, modified: selected.modified, modseq: changed.length > 0 ? seq : seq - 1 });
    // A keyword defined just now stays in the draft: it makes the entry worth writing by itself.
    if (changed.length === 0) return draft.ops.length > before ? { kind: "write", result } : { kind: "nothing", result };
    draft.touch(mailbox, ranges.ranges);
    draft.ops.push({ kind: "flags", mailbox: mailboxId, uids: ranges.ranges, clear: mask.clear, set: mask.set, unseen });
    return { kind: "write", result };
  });
}

function spanOf(uids: ArrayLike<number>): number[] {
  return uids.length === 0 ? [] : [uids[0]!, uids[uids.length - 1]!];
}
function newKeywords(known: readonly string[], flags: FlagSet): number {
  const lower = known.map((name) => name.toLowerCase());
  return flags.keywords.filter((name) => !lower.includes(name.toLowerCase())).length;
}
/** Keywords nobody has need not be removed. */
function knownWords(keywords: readonly string[], flags: FlagSet): FlagWords {
  let low = flags.system;
  let high = 0;
  keywords.forEach((keyword, index) => {
    if (!flags.keywords.some((name) => name.toLowerCase() === keyword.toLowerCase())) return;
    const bit = index + 5;
    if (bit < 32) low |= 1 << bit;
    else high |= 1 << (bit - 32);
  });
  return { low: low >>> 0, high: high >>> 0 };
}
function masks(mode: FlagChange["mode"], words: FlagWords): { clear: [number, number]; set: [number, number] } {
  switch (mode) {
    case "add":
      return { clear: [0, 0], set: [words.low, words.high] };
    case "remove":
      return { clear: [words.low, words.high], set: [0, 0] };
    case "replace":
      return { clear: [0xffffffff, 0xffffffff], set: [words.low, words.high] };
  }
}
function select(columns: Columns, uids: ArrayLike<number>, unchangedSince: number | null): { rows: number[]; modified: number[] } {
  const rows: number[] = [];
  const modified: number[] = [];
  let at = uids.length === 0 ? 0 : columns.lowerBound(uids[0]!);
  for (let i = 0; i < uids.length; i++) {
    const uid = uids[i]!;
    while (at < columns.count && columns.uid[at]! < uid) at += 1;
    if (at >= columns.count) break;
    if (columns.uid[at] !== uid) continue;
    if (unchangedSince !== null && columns.modseq[at]! > unchangedSince) modified.push(uid);
    else rows.push(at);
  }
  return { rows, modified };
}
