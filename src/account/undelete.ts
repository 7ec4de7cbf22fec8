/** Bringing expunged messages back: under new UIDs, from what the account still keeps (expunged.ts). */
import { canonicalMailboxName } from "../imap/mailbox-name.ts";
import type { Account } from "./account.ts";
import type { AccountDraft } from "./draft.ts";
import type { ExpungedRow } from "./expunged-batch.ts";
import { done, type Outcome } from "./failure.ts";
import { FLAG, flagNames, flagSetOf, keywordIndex } from "./flags.ts";
import type { Mailbox } from "./mailbox.ts";
import { createMailbox } from "./mailbox-names.ts";
import type { NewRow } from "./op.ts";
import type { AccountState } from "./state.ts";

/** Messages of one entry. */
const RESTORED_TOGETHER_MAX = 1000;
/** The state may be read anew before an entry is decided, and the list with it. */
const RELOADS_MAX = 4;
/** No mailbox has this id: what a copy that was nowhere visible comes from. */
const NOWHERE = 0;

export interface UndeleteWish {
  /** What was expunged at this time or later, in milliseconds since the epoch; null for everything. */
  readonly since: number | null;
  /** What was in the mailbox that has, or had, this name; null for every mailbox. */
  readonly mailbox: string | null;
  /** Where it goes; null for where it was. A mailbox that is not there is made. */
  readonly to: string | null;
}
export interface Undeleted {
  readonly mailbox: string;
  readonly uids: readonly number[];
}
export interface UndeleteResult {
  readonly restored: readonly Undeleted[];
  /** Messages whose octets can't be read any more: they stay in the list until they are too old. */
  readonly unreadable: number;
}
interface Wanted {
  readonly from: number;
  readonly keywords: readonly string[];
  readonly row: ExpungedRow;
}

/** What was restored before a failure stays restored. */
export async function undeleteMessages(account: Account, wish: UndeleteWish): Promise<Outcome<UndeleteResult>> {
  const fresh = await account.refresh();
  if (fresh.kind !== "done") return fresh;
  const loaded = await account.loadExpunged();
  if (loaded.kind !== "done") return loaded;
  const restored: Undeleted[] = [];
  let unreadable = 0;
  for (const [name, wanted] of wantedByTarget(account.state, wish)) {
    const made = account.mailboxNamed(name) === null ? await createMailbox(account, name) : null;
    if (made !== null && made.kind !== "done" && made.kind !== "mailbox-exists") return made;
    const uids: number[] = [];
    for (let from = 0; from < wanted.length; from += RESTORED_TOGETHER_MAX) {
      const readable = await readableOf(account, wanted.slice(from, from + RESTORED_TOGETHER_MAX));
      if (readable.kind !== "done") return readable;
      unreadable += Math.min(RESTORED_TOGETHER_MAX, wanted.length - from) - readable.value.length;
      const answer = await restore(account, name, readable.value);
      if (answer.kind !== "done") return answer;
      uids.push(...answer.value);
    }
    if (uids.length > 0) restored.push({ mailbox: name, uids });
  }
  return done({ restored, unreadable });
}

/** The rows that are asked for, by the name of the mailbox they go to, in the order of their mailbox and UID. */
function wantedByTarget(state: AccountState, { since, mailbox, to }: UndeleteWish): Map<string, Wanted[]> {
  const asked = mailbox === null ? null : canonicalMailboxName(mailbox);
  const targets = new Map<string, Wanted[]>();
  for (const { batch, row } of state.expunged.rows()) {
    const now = state.mailboxes.get(batch.mailbox)?.name;
    if ((since !== null && batch.at < since) || (asked !== null && asked !== now && asked !== batch.name)) continue;
    const target = to === null ? (now ?? batch.name) : canonicalMailboxName(to);
    const wanted = targets.get(target) ?? [];
    targets.set(target, wanted);
    wanted.push({ from: batch.mailbox, keywords: batch.keywords, row });
  }
  for (const wanted of targets.values()) wanted.sort((a, b) => a.from - b.from || a.row.uid - b.row.uid);
  return targets;
}

async function readableOf(account: Account, wanted: readonly Wanted[]): Promise<Outcome<readonly Wanted[]>> {
  const readable: Wanted[] = [];
  for (const one of wanted) {
    const content = await account.content(one.row.body);
    if (content.kind === "done") readable.push(one);
    else if (content.kind !== "corrupt") return content;
  }
  return done(readable);
}

async function restore(account: Account, name: string, wanted: readonly Wanted[]): Promise<Outcome<readonly number[]>> {
  if (wanted.length === 0) return done([]);
  for (let tries = 0; ; tries++) {
    const loaded = await account.loadExpunged();
    if (loaded.kind !== "done") return loaded;
    const answer = await account.commit<readonly number[] | "again">((state, draft) => {
      if (!draft.isEmpty) return { kind: "later" };
      if (state.expunged.batches === null) return { kind: "nothing", result: done("again") };
      const target = state.byName.get(name);
      if (target === undefined) return { kind: "nothing", result: { kind: "mailbox-missing" } };
      const rows = stillThere(state, wanted);
      if (rows.length === 0) return { kind: "nothing", result: done([]) };
      if (state.usedBytes + rows.reduce((sum, { row }) => sum + row.size, 0) > account.quotaBytes) return { kind: "nothing", result: { kind: "over-quota" } };
      if (newKeywords(target, rows).length > draft.roomForKeywords(target)) return { kind: "nothing", result: { kind: "limit", of: "keywords" } };
      return { kind: "write", result: done(addRestored(account, draft, target, rows)) };
    });
    if (answer.kind !== "done") return answer;
    if (answer.value !== "again") return done(answer.value);
    if (tries >= RELOADS_MAX) return { kind: "unavailable", outcome: "none" };
  }
}

/** Where the octets are may have changed, and somebody else may have brought some back. */
function stillThere(state: AccountState, wanted: readonly Wanted[]): Wanted[] {
  const rows = new Map<string, ExpungedRow>();
  for (const { batch, row } of state.expunged.rows()) rows.set(`${batch.mailbox} ${row.uid}`, row);
  return wanted.flatMap((one) => {
    const row = rows.get(`${one.from} ${one.row.uid}`);
    return row === undefined ? [] : [{ ...one, row }];
  });
}

function namesOf({ row, keywords }: Wanted): string[] {
  // What made it go does not come back with it.
  return flagNames({ low: (row.low & ~FLAG.deleted) >>> 0, high: row.high }, keywords);
}
function newKeywords(target: Mailbox, rows: readonly Wanted[]): string[] {
  const found = new Set(rows.flatMap(namesOf).filter((name) => !name.startsWith("\\")).map((name) => name.toLowerCase()));
  return [...found].filter((name) => keywordIndex(target.keywords, name) < 0);
}

function addRestored(account: Account, draft: AccountDraft, target: Mailbox, wanted: readonly Wanted[]): readonly number[] {
  draft.structural = true;
  const rows: NewRow[] = wanted.map((one) => {
    const { internalDate, size, body } = one.row;
    return { ...draft.wordsFor(target, flagSetOf(namesOf(one)))!, internalDate, size, body };
  });
  const uid = draft.takeUids(target, rows.length);
  const savedAt = account.journal.world.clock.now();
  draft.ops.push({ kind: "copy", from: NOWHERE, mailbox: target.id, uid, savedAt, sources: wanted.map((one) => one.row.uid), rows });
  draft.ops.push({ kind: "forget", before: 0, messages: wanted.flatMap((one) => [one.from, one.row.uid]) });
  return rows.map((_, i) => uid + i);
}
