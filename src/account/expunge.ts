/** Removing messages (RFC 9051 section 6.4.3, RFC 4315 section 2.1). */
import type { Account } from "./account.ts";
import { RangeBuilder, type Columns } from "./columns.ts";
import type { AccountDraft } from "./draft.ts";
import { expungedBatch } from "./expunged.ts";
import { done, type Outcome } from "./failure.ts";
import { FLAG } from "./flags.ts";
import type { Mailbox } from "./mailbox.ts";

export interface Expunged {
  /** Ascending. */
  readonly uids: readonly number[];
  readonly modseq: number;
}

/**
 * Removes messages that have \Deleted: all of them, or those among `uids` (ascending); with `flagged: false` those of
 * `uids` whatever their flags. The mailbox must be loaded.
 */
export async function expungeMessages(account: Account, mailboxId: number, which: { readonly uids: ArrayLike<number> | null; readonly flagged?: boolean }): Promise<Outcome<Expunged>> {
  return account.commit<Expunged>((state, draft, seq) => {
    const mailbox = state.mailboxes.get(mailboxId);
    if (mailbox === undefined || mailbox.columns === null) return { kind: "nothing", result: { kind: "mailbox-missing" } };
    if (draft.structural) return { kind: "later" };
    const rows = rowsOf(mailbox.columns, which.uids).filter((at) => which.flagged === false || (mailbox.columns!.low[at]! & FLAG.deleted) !== 0);
    if (rows.length === 0 && !draft.isEmpty) return { kind: "later" };
    if (rows.length === 0) return { kind: "nothing", result: done({ uids: [], modseq: seq - 1 }) };
    const uids = expungeRows(draft, mailbox, rows, retentionOf(account));
    return uids === null ? { kind: "later" } : { kind: "write", result: done({ uids, modseq: seq }) };
  });
}

/** When messages are removed that can be brought back, and what is too old by then. */
export interface Retention {
  readonly at: number;
  readonly before: number;
}
export function retentionOf(account: Account): Retention | null {
  const at = account.journal.world.clock.now();
  return account.keepExpungedMs === 0 ? null : { at, before: Math.max(0, at - account.keepExpungedMs) };
}

/** Has what is too old to be brought back forgotten, where the account has such. */
export async function forgetExpunged(account: Account): Promise<Outcome<null>> {
  const loaded = await account.loadExpunged();
  if (loaded.kind !== "done") return loaded;
  const before = account.journal.world.clock.now() - account.keepExpungedMs;
  return account.commit<null>((state, draft) => {
    if (!(state.expunged.batches ?? []).some((batch) => batch.at < before)) return { kind: "nothing", result: done(null) };
    if (draft.structural) return { kind: "later" };
    draft.ops.push({ kind: "forget", before, messages: [] });
    return { kind: "write", result: done(null) };
  });
}

/** Puts the removal of these rows into the draft, for good where nothing is kept. Null: an earlier decision in the draft changes one of them. */
export function expungeRows(draft: AccountDraft, mailbox: Mailbox, rows: readonly number[], kept: Retention | null = null): number[] | null {
  const columns = mailbox.columns!;
  const ranges = new RangeBuilder(columns);
  const uids: number[] = [];
  let unseen = 0;
  let bytes = 0;
  for (const at of rows) {
    ranges.add(at);
    uids.push(columns.uid[at]!);
    if ((columns.low[at]! & FLAG.seen) === 0) unseen += 1;
    bytes += columns.size[at]!;
  }
  if (draft.overlaps(mailbox, ranges.ranges)) return null;
  draft.touch(mailbox, ranges.ranges);
  if (kept !== null) draft.ops.push({ kind: "keep", before: kept.before, batch: expungedBatch(mailbox, columns, rows, kept.at) });
  draft.ops.push({ kind: "expunge", mailbox: mailbox.id, uids: ranges.ranges, count: rows.length, unseen, bytes });
  return uids;
}

/** The rows of these UIDs (ascending), or all. */
export function rowsOf(columns: Columns, uids: ArrayLike<number> | null): number[] {
  const rows: number[] = [];
  if (uids === null) {
    for (let at = 0; at < columns.count; at++) rows.push(at);
    return rows;
  }
  let at = uids.length === 0 ? 0 : columns.lowerBound(uids[0]!);
  for (let i = 0; i < uids.length; i++) {
    while (at < columns.count && columns.uid[at]! < uids[i]!) at += 1;
    if (at < columns.count && columns.uid[at] === uids[i]) rows.push(at);
  }
  return rows;
}
