/** Adding messages. One PUT makes them durable and visible and gives them their UIDs; a large body is one more, before. */
import { INLINE_BODY_BYTES_MAX, VALID_FOR_MS } from "../journal/limits.ts";
import type { MessagePart } from "../message/part.ts";
import type { Account } from "./account.ts";
import { type AccountFailure, done, failureOf, type Outcome } from "./failure.ts";
import type { FlagSet } from "./flags.ts";
import type { AccountDraft } from "./draft.ts";
import type { Mailbox } from "./mailbox.ts";
import type { AccountState } from "./state.ts";
import { summaryOf } from "./summary.ts";

export interface NewMessage {
  readonly content: Buffer;
  readonly flags: FlagSet;
  /** Milliseconds since the epoch; null for the time of the commit. */
  readonly internalDate: number | null;
  /** The message's tree or summary, where the caller has it already. */
  readonly part?: MessagePart;
  readonly summary?: Buffer;
}
export interface Appended {
  readonly uidValidity: number;
  readonly uids: readonly number[];
}
interface Prepared {
  readonly message: NewMessage;
  readonly summary: Buffer;
  readonly packed: Buffer | null;
  readonly object: string | null;
}

/** `target` is asked at every try: the mailbox of a name may be another one by then. All messages or none. */
export async function appendMessages(account: Account, target: (state: AccountState) => Mailbox | null, messages: readonly NewMessage[]): Promise<Outcome<Appended>> {
  const startedAt = account.journal.moment();
  const prepared: Prepared[] = [];
  for (const message of messages) {
    const one = await prepare(account, message);
    if ("kind" in one) return one;
    prepared.push(one);
  }
  // A body that no entry names for so long may be taken for garbage.
  const slept = (): boolean => prepared.some((one) => one.object !== null) && account.journal.ageMs(startedAt) > VALID_FOR_MS;
  const bodyBytes = prepared.reduce((sum, one) => sum + (one.packed?.length ?? 0), 0);
  const committed = await account.commit<Appended>((state, draft) => {
    if (slept()) return { kind: "nothing", result: { kind: "unavailable", outcome: "none" } };
    const mailbox = target(state);
    if (mailbox === null) return { kind: "nothing", result: { kind: "mailbox-missing" } };
    if (draft.structural) return { kind: "later" };
    const refusal = refusalOf(account, state, draft, mailbox, prepared);
    if (refusal !== null) return { kind: "nothing", result: refusal };
    const first = draft.takeUids(mailbox, prepared.length);
    prepared.forEach((one, i) => addTo(account, draft, mailbox, first + i, one));
    return { kind: "write", result: done({ uidValidity: mailbox.uidValidity, uids: prepared.map((_, i) => first + i) }) };
  }, bodyBytes);
  return slept() ? putAgain(account, prepared, committed) : committed;
}

/** For a node that slept while the entry was written. Where the entry does not count, these are garbage once more. */
async function putAgain(account: Account, prepared: readonly Prepared[], committed: Outcome<Appended>): Promise<Outcome<Appended>> {
  for (const { object, message } of prepared) {
    const failure = object === null ? null : await account.journal.putObject(object, message.content);
    if (failure !== null) return failureOf({ ...failure, outcome: "unknown" });
  }
  return committed;
}

async function prepare(account: Account, message: NewMessage): Promise<Prepared | AccountFailure> {
  const summary = message.summary ?? summaryOf(message.content, message.part);
  const packed = account.journal.packBody(message.content);
  if (packed.length <= INLINE_BODY_BYTES_MAX) return { message, summary, packed, object: null };
  const object = account.journal.newObjectName("b");
  const failure = await account.journal.putObject(object, message.content);
  return failure === null ? { message, summary, packed: null, object } : failureOf(failure);
}

function refusalOf(account: Account, state: AccountState, draft: AccountDraft, mailbox: Mailbox, prepared: readonly Prepared[]): AccountFailure | null {
  const added = prepared.reduce((sum, one) => sum + one.message.content.length, 0);
  if (state.usedBytes + draft.addedBytes + added > account.quotaBytes) return { kind: "over-quota" };
  const keywords = new Set(prepared.flatMap((one) => one.message.flags.keywords.map((name) => name.toLowerCase())));
  for (const known of mailbox.keywords) keywords.delete(known.toLowerCase());
  if (keywords.size > draft.roomForKeywords(mailbox)) return { kind: "limit", of: "keywords" };
  draft.addedBytes += added;
  return null;
}

function addTo(account: Account, draft: AccountDraft, mailbox: Mailbox, uid: number, one: Prepared): void {
  const savedAt = account.journal.world.clock.now();
  const words = draft.wordsFor(mailbox, one.message.flags)!;
  const body = one.packed === null ? { seq: 0, offset: 0, length: 0, object: one.object } : { seq: 0, ...draft.addBody(one.packed), object: null };
  const row = { ...words, internalDate: one.message.internalDate ?? savedAt, size: one.message.content.length, body };
  draft.ops.push({ kind: "append", mailbox: mailbox.id, uid, savedAt, row, summary: one.summary });
}
