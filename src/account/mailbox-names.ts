/** Creating, renaming, deleting and subscribing to mailboxes (RFC 9051 sections 6.3.4 to 6.3.8). Names are Unicode, "/" is the hierarchy. */
import { canonicalMailboxName, DELIMITER, mailboxNameProblem } from "../imap/mailbox-name.ts";
import type { Account } from "./account.ts";
import { addCopies } from "./copy.ts";
import type { AccountDraft } from "./draft.ts";
import { expungeRows, retentionOf } from "./expunge.ts";
import { expungedBatch } from "./expunged.ts";
import { type AccountFailure, done, type Outcome } from "./failure.ts";
import { type AccountState, INBOX_ID, MAILBOXES_MAX, SUBSCRIPTIONS_MAX } from "./state.ts";

const HIERARCHY = DELIMITER;

/** UIDVALIDITY rises with every mailbox that is made, and is a time, so that it also rises over a restored account. */
function nextUidValidity(account: Account, state: AccountState): number {
  return Math.max(state.uidValidityNext, Math.floor(account.journal.world.clock.now() / 1000));
}

function addMailbox(account: Account, state: AccountState, draft: AccountDraft, name: string, specialUse: string | null): void {
  draft.structural = true;
  draft.ops.push({ kind: "mailbox-create", mailbox: state.mailboxNext, name, uidValidity: nextUidValidity(account, state), specialUse });
}

/** Where another decision is in the draft already, names wait for an entry of their own. */
function structuralOrLater<R>(draft: AccountDraft, decide: () => { refusal: AccountFailure } | { result: R; wrote: boolean }) {
  if (!draft.isEmpty) return { kind: "later" } as const;
  const decided = decide();
  if ("refusal" in decided) return { kind: "nothing", result: decided.refusal } as const;
  return { kind: decided.wrote ? "write" : "nothing", result: done(decided.result) } as const;
}

export function createMailbox(account: Account, wanted: string, specialUse: string | null = null): Promise<Outcome<{ id: number }>> {
  const name = canonicalMailboxName(wanted);
  return account.commit((state, draft) =>
    structuralOrLater(draft, () => {
      const fault = mailboxNameProblem(name);
      if (fault !== null) return { refusal: { kind: "mailbox-name", why: fault } };
      if (state.byName.has(name)) return { refusal: { kind: "mailbox-exists" } };
      if (state.mailboxes.size >= MAILBOXES_MAX) return { refusal: { kind: "limit", of: "mailboxes" } };
      addMailbox(account, state, draft, name, specialUse);
      return { result: { id: state.mailboxNext }, wrote: true };
    }),
  );
}

/** Its messages can be brought back as expunged ones can; those of a mailbox that can't be read are gone. */
export async function deleteMailbox(account: Account, wanted: string): Promise<Outcome<null>> {
  const name = canonicalMailboxName(wanted);
  for (let tries = 0; ; tries++) {
    const mailbox = account.state.byName.get(name);
    const loaded = account.keepExpungedMs === 0 || mailbox === undefined || mailbox.exists === 0 ? null : await account.load(mailbox.id);
    if (loaded !== null && loaded.kind !== "done" && loaded.kind !== "corrupt" && loaded.kind !== "mailbox-missing") return loaded;
    const deleted = await deleteNow(account, name, tries >= RELOADS_MAX || loaded?.kind === "corrupt");
    if (deleted.kind !== "done" || deleted.value) return deleted.kind === "done" ? done(null) : deleted;
  }
}
/** The state may be read anew between the loading of a mailbox and its deletion. */
const RELOADS_MAX = 4;

/** False: the mailbox has to be loaded first. */
function deleteNow(account: Account, name: string, unread: boolean): Promise<Outcome<boolean>> {
  return account.commit((state, draft) =>
    structuralOrLater(draft, () => {
      const mailbox = state.byName.get(name);
      if (mailbox === undefined) return { refusal: { kind: "mailbox-missing" } };
      if (mailbox.id === INBOX_ID) return { refusal: { kind: "mailbox-fixed" } };
      const kept = mailbox.exists === 0 ? null : retentionOf(account);
      if (kept !== null && mailbox.columns === null && !unread) return { result: false, wrote: false };
      draft.structural = true;
      if (kept !== null && mailbox.columns !== null) {
        const rows = Array.from({ length: mailbox.columns.count }, (_, at) => at);
        draft.ops.push({ kind: "keep", before: kept.before, batch: expungedBatch(mailbox, mailbox.columns, rows, kept.at) });
      }
      draft.ops.push({ kind: "mailbox-delete", mailbox: mailbox.id });
      return { result: true, wrote: true };
    }),
  );
}

/** Names below the mailbox move with it. Renaming INBOX moves its messages and leaves it empty (RFC 9051 section 6.3.6); INBOX must be loaded then. */
export function renameMailbox(account: Account, wantedFrom: string, wantedTo: string): Promise<Outcome<null>> {
  const from = canonicalMailboxName(wantedFrom);
  const to = canonicalMailboxName(wantedTo);
  return account.commit((state, draft) =>
    structuralOrLater<null>(draft, () => {
      const fault = mailboxNameProblem(to);
      if (fault !== null) return { refusal: { kind: "mailbox-name", why: fault } };
      if (state.byName.has(to)) return { refusal: { kind: "mailbox-exists" } };
      if (from === "INBOX") return renameInbox(account, state, draft, to);
      const moved = [...state.mailboxes.values()].filter((mailbox) => mailbox.name === from || mailbox.name.startsWith(from + HIERARCHY));
      if (moved.length === 0) return { refusal: { kind: "mailbox-missing" } };
      if (to.startsWith(from + HIERARCHY)) return { refusal: { kind: "mailbox-name", why: "a mailbox can't move below itself" } };
      const renamed = moved.map((mailbox) => ({ mailbox, name: to + mailbox.name.slice(from.length) }));
      for (const { name } of renamed) {
        const broken = mailboxNameProblem(name);
        if (broken !== null) return { refusal: { kind: "mailbox-name", why: broken } };
        if (state.byName.has(name)) return { refusal: { kind: "mailbox-exists" } };
      }
      draft.structural = true;
      for (const { mailbox, name } of renamed) draft.ops.push({ kind: "mailbox-rename", mailbox: mailbox.id, name });
      return { result: null, wrote: true };
    }),
  );
}

function renameInbox(account: Account, state: AccountState, draft: AccountDraft, to: string): { refusal: AccountFailure } | { result: null; wrote: boolean } {
  const inbox = state.mailbox(INBOX_ID);
  if (inbox.columns === null) return { refusal: { kind: "mailbox-missing" } };
  const id = state.mailboxNext;
  addMailbox(account, state, draft, to, null);
  const rows = inbox.columns.count;
  if (rows === 0) return { result: null, wrote: true };
  const all = Array.from({ length: rows }, (_, at) => at);
  addCopies(account, draft, inbox, { id, uidNext: 1, keywords: [] }, all);
  expungeRows(draft, inbox, all);
  return { result: null, wrote: true };
}

export function subscribe(account: Account, wanted: string, subscribed: boolean): Promise<Outcome<null>> {
  const name = canonicalMailboxName(wanted);
  return account.commit((state, draft) => {
    if (draft.structural) return { kind: "later" };
    if (subscribed && mailboxNameProblem(name) !== null) return { kind: "nothing", result: { kind: "mailbox-name", why: mailboxNameProblem(name)! } };
    if (state.subscriptions.has(name) === subscribed) return { kind: "nothing", result: done(null) };
    if (subscribed && state.subscriptions.size >= SUBSCRIPTIONS_MAX) return { kind: "nothing", result: { kind: "limit", of: "subscriptions" } };
    draft.ops.push({ kind: "subscribe", name, subscribed });
    return { kind: "write", result: done(null) };
  });
}

/** The mailboxes of a new account, with their special uses (RFC 6154). */
const FIRST_MAILBOXES: readonly (readonly [name: string, specialUse: string | null])[] = [
  ["INBOX", null],
  ["Drafts", "\\Drafts"],
  ["Sent", "\\Sent"],
  ["Junk", "\\Junk"],
  ["Trash", "\\Trash"],
  ["Archive", "\\Archive"],
];

/** Makes the first mailboxes where the account has none. */
export function createFirstMailboxes(account: Account): Promise<Outcome<null>> {
  return account.commit((state, draft) => {
    if (state.mailboxes.size > 0) return { kind: "nothing", result: done(null) };
    if (!draft.isEmpty) return { kind: "later" };
    draft.structural = true;
    const uidValidity = nextUidValidity(account, state);
    FIRST_MAILBOXES.forEach(([name, specialUse], i) => {
      draft.ops.push({ kind: "mailbox-create", mailbox: state.mailboxNext + i, name, uidValidity: uidValidity + i, specialUse });
      draft.ops.push({ kind: "subscribe", name, subscribed: true });
    });
    return { kind: "write", result: done(null) };
  });
}
