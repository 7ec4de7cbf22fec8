/** COPY and MOVE (RFC 9051 sections 6.4.7 and 6.4.8): bodies are shared, only rows are written. A move is one entry. */
import { assert } from "../base/assert.ts";
import type { Account } from "./account.ts";
import type { Columns } from "./columns.ts";
import type { AccountDraft, Target } from "./draft.ts";
import { expungeRows, rowsOf } from "./expunge.ts";
import { done, type Outcome } from "./failure.ts";
import { flagNames, flagSetOf, keywordIndex } from "./flags.ts";
import type { Mailbox } from "./mailbox.ts";
import type { NewRow } from "./op.ts";
import type { AccountState } from "./state.ts";

export interface Copied {
  /** UIDVALIDITY of the mailbox that has them now. */
  readonly uidValidity: number;
  readonly sources: readonly number[];
  readonly uids: readonly number[];
  readonly modseq: number;
}

/** `uids` ascending; those that are gone are passed over. The source must be loaded, the target need not be. */
export async function copyMessages(account: Account, fromId: number, uids: ArrayLike<number>, target: (state: AccountState) => Mailbox | null, options: { readonly move: boolean }): Promise<Outcome<Copied>> {
  return account.commit<Copied>((state, draft, seq) => {
    const from = state.mailboxes.get(fromId);
    const to = target(state);
    if (from === undefined || from.columns === null || to === null) return { kind: "nothing", result: { kind: "mailbox-missing" } };
    if (draft.structural || !draft.isEmpty) return { kind: "later" };
    const rows = rowsOf(from.columns, uids);
    if (rows.length === 0) return { kind: "nothing", result: done({ uidValidity: to.uidValidity, sources: [], uids: [], modseq: seq - 1 }) };
    const bytes = rows.reduce((sum, at) => sum + from.columns!.size[at]!, 0);
    if (!options.move && state.usedBytes + bytes > account.quotaBytes) return { kind: "nothing", result: { kind: "over-quota" } };
    if (newKeywords(from, to, from.columns, rows) > draft.roomForKeywords(to)) return { kind: "nothing", result: { kind: "limit", of: "keywords" } };
    if (!options.move) draft.addedBytes += bytes;
    const first = addCopies(account, draft, from, to, rows);
    const sources = rows.map((at) => from.columns!.uid[at]!);
    if (options.move) {
      const moved = expungeRows(draft, from, rows);
      assert(moved !== null, "nothing else is in the draft");
    }
    return { kind: "write", result: done({ uidValidity: to.uidValidity, sources, uids: sources.map((_, i) => first + i), modseq: seq }) };
  });
}

/** Puts copies of these rows into the draft; the first UID they get. */
export function addCopies(account: Account, draft: AccountDraft, from: Mailbox, to: Target, rows: readonly number[]): number {
  const columns = from.columns!;
  const words = new Map<string, { low: number; high: number }>();
  const copies: NewRow[] = rows.map((at) => {
    const key = `${columns.low[at]} ${columns.high[at]}`;
    let mapped = words.get(key);
    if (mapped === undefined) {
      mapped = draft.wordsFor(to, flagSetOf(flagNames({ low: columns.low[at]!, high: columns.high[at]! }, from.keywords)))!;
      words.set(key, mapped);
    }
    return { ...mapped, internalDate: columns.internalDate[at]!, size: columns.size[at]!, body: columns.bodyAt(at) };
  });
  const uid = draft.takeUids(to, rows.length);
  draft.ops.push({ kind: "copy", from: from.id, mailbox: to.id, uid, savedAt: account.journal.world.clock.now(), sources: rows.map((at) => columns.uid[at]!), rows: copies });
  return uid;
}

function newKeywords(from: Mailbox, to: Mailbox, columns: Columns, rows: readonly number[]): number {
  let low = 0;
  let high = 0;
  for (const at of rows) {
    low |= columns.low[at]!;
    high |= columns.high[at]!;
  }
  const used = flagNames({ low: low >>> 0, high: high >>> 0 }, from.keywords).filter((name) => !name.startsWith("\\"));
  return used.filter((name) => keywordIndex(to.keywords, name) < 0).length;
}
