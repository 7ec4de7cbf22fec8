/** Whether what a node shows of an account is what its history says. */
import type { Account } from "../src/account/account.ts";
import { flagNames } from "../src/account/flags.ts";
import type { Mailbox } from "../src/account/mailbox.ts";
import type { AccountState } from "../src/account/state.ts";
import { summaryOf } from "../src/account/summary.ts";
import type { AccountTruth, TrueMailbox } from "./account-truth.ts";
import { holds, Violation } from "./trace.ts";

/** Every mailbox that is loaded is compared row by row; the counters of all are. */
export function compareState(where: string, state: AccountState, truth: AccountTruth): void {
  const same = (what: string, is: unknown, should: unknown): void => holds(Object.is(is, should), () => `${where}: ${what} is ${String(is)}, the history says ${String(should)}`);
  same("the mailboxes", [...state.mailboxes.keys()].sort().join(), [...truth.mailboxes.keys()].sort().join());
  same("the subscriptions", [...state.subscriptions].sort().join(), [...truth.subscriptions].sort().join());
  for (const expected of truth.mailboxes.values()) compareMailbox(same, state.mailbox(expected.id), expected);
  for (const expected of truth.mailboxes.values()) same(`the mailbox named ${expected.name}`, state.byName.get(expected.name)?.id, expected.id);
  same("how many names there are", state.byName.size, truth.mailboxes.size);
  same("the octets used", state.usedBytes, truth.usedBytes);
  same("the messages", state.messages, [...truth.mailboxes.values()].reduce((sum, mailbox) => sum + mailbox.messages.size, 0));
}

function compareMailbox(same: (what: string, is: unknown, should: unknown) => void, mailbox: Mailbox, expected: TrueMailbox): void {
  const of = (what: string): string => `${what} of mailbox ${expected.id}`;
  const messages = [...expected.messages.values()];
  for (const fact of ["name", "uidValidity", "specialUse", "uidNext", "highestModseq"] as const) same(of(fact), mailbox[fact], expected[fact]);
  same(of("exists"), mailbox.exists, messages.length);
  same(of("unseen"), mailbox.unseen, messages.filter((message) => !message.flags.has("\\Seen")).length);
  same(of("bytes"), mailbox.bytes, messages.reduce((sum, message) => sum + message.content.length, 0));
  same(of("the keywords"), mailbox.keywords.join(), expected.keywords.join());
  const { columns } = mailbox;
  if (columns === null) return;
  same(of("the UIDs"), Array.from(columns.uid.subarray(0, columns.count)).join(), messages.map((message) => message.uid).join());
  messages.forEach((message, at) => {
    const row = columns.row(at);
    same(of(`the flags of UID ${row.uid}`), flagNames(row, mailbox.keywords).sort().join(), [...message.flags].sort().join());
    same(of(`the modseq of UID ${row.uid}`), row.modseq, message.modseq);
    same(of(`the size of UID ${row.uid}`), row.size, message.content.length);
    same(of(`the dates of UID ${row.uid}`), `${row.internalDate} ${row.saveDate}`, `${message.internalDate} ${message.saveDate}`);
  });
  same(of("unseen by the columns"), columns.unseen(), mailbox.unseen);
}

export type ReadAnswer = "read" | "unavailable";

/** Refreshes, loads and compares, while others go on. `all` reads every message; else a few of each mailbox. */
export async function readAndCompare(where: string, account: Account, truth: AccountTruth, options: { readonly all: boolean; readonly pick: (below: number) => number }): Promise<ReadAnswer> {
  const from = truth.seq;
  const refreshed = await account.refresh();
  if (refreshed.kind !== "done") return unavailable(where, refreshed);
  holds(account.journal.seq >= from, () => `${where}: fresh at ${account.journal.seq}, where ${from} entries were there before`);
  for (const id of [...account.state.mailboxes.keys()]) {
    const loaded = await account.load(id);
    if (loaded.kind !== "done" && loaded.kind !== "mailbox-missing") return unavailable(where, loaded);
  }
  // What others wrote meanwhile is in the history and not here: such a moment says nothing.
  if (account.journal.seq === truth.seq) compareState(`${where} ${account.id} at ${truth.seq}`, account.state, truth);
  for (const mailbox of [...account.state.mailboxes.values()]) {
    const columns = mailbox.columns;
    if (columns === null || columns.count === 0) continue;
    const uids = Array.from(columns.uid.subarray(0, columns.count));
    const chosen = options.all ? uids : [uids[options.pick(uids.length)]!];
    for (const uid of chosen) if ((await readMessage(where, account, truth, mailbox.id, uid)) === "unavailable") return "unavailable";
  }
  return "read";
}

async function readMessage(where: string, account: Account, truth: AccountTruth, id: number, uid: number): Promise<ReadAnswer> {
  const content = await account.contentOf(id, uid);
  const trail = truth.trail(id, uid);
  holds(trail !== undefined, () => `${where} ${account.id}: UID ${uid} of mailbox ${id} was never made`);
  // Gone meanwhile: its octets may be, too.
  if (trail.goneAt !== null) return "read";
  if (content.kind !== "done") return unavailable(`${where} mailbox ${id} UID ${uid}`, content);
  holds(content.value.equals(trail.content), () => `${where} ${account.id}: UID ${uid} of mailbox ${id} has other octets`);
  for (let tries = 0; tries < 3; tries++) {
    const loaded = await account.loadSummaries(id, [uid]);
    if (trail.goneAt !== null || loaded.kind === "mailbox-missing") return "read";
    if (loaded.kind !== "done") return unavailable(where, loaded);
    const mailbox = account.state.mailboxes.get(id);
    const row = mailbox?.columns?.rowOf(uid) ?? -1;
    if (mailbox === undefined || row < 0) continue;
    const summary = mailbox.summaries.get(mailbox.columns!, row);
    // The state was read anew at this very moment, and its summaries are not.
    if (summary === null) continue;
    holds(summary.equals(summaryOf(trail.content)), () => `${where} ${account.id}: the summary of UID ${uid} of mailbox ${id} is not that of its content`);
    return "read";
  }
  return "unavailable";
}

/** A store that does not answer is no fault; anything else is. */
function unavailable(where: string, failure: { readonly kind: string }): "unavailable" {
  if (failure.kind !== "unavailable") throw new Violation(`${where}: ${JSON.stringify(failure)}`);
  return "unavailable";
}
