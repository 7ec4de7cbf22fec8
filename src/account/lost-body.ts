/** Messages whose octets are lost: each is replaced by a letter that says which one it was, never silently dropped. */
import { utf8 } from "../base/bytes.ts";
import { writeDate } from "../message/date.ts";
import type { Account } from "./account.ts";
import type { BodyPlace } from "./columns.ts";
import { expungeRows } from "./expunge.ts";
import { done, type Outcome } from "./failure.ts";
import { NO_FLAGS } from "./flags.ts";
import { createMailbox, subscribe } from "./mailbox-names.ts";
import type { AccountState } from "./state.ts";
import { summaryOf } from "./summary.ts";

export const DAMAGED_MAILBOX = "Damaged";

export interface LostMessage {
  readonly mailbox: number;
  readonly uid: number;
}
export interface Replacement {
  /** Of the letter in DAMAGED_MAILBOX. */
  readonly uid: number;
}
interface LostFacts {
  readonly mailbox: string;
  readonly uid: number;
  readonly internalDate: number;
  readonly size: number;
}

/** Puts a letter about a lost message in the place of it. Null: it is gone meanwhile, or is not lost after all. `author` is the letter's From. */
export async function replaceLostMessage(account: Account, lost: LostMessage, author: string): Promise<Outcome<Replacement | null>> {
  const content = await account.contentOf(lost.mailbox, lost.uid);
  if (content.kind === "done" || content.kind === "mailbox-missing") return done(null);
  if (content.kind !== "corrupt") return content;
  const made = account.mailboxNamed(DAMAGED_MAILBOX) === null ? await createMailbox(account, DAMAGED_MAILBOX) : null;
  if (made !== null && made.kind !== "done" && made.kind !== "mailbox-exists") return made;
  const shown = made === null ? made : await subscribe(account, DAMAGED_MAILBOX, true);
  if (shown !== null && shown.kind !== "done" && shown.kind !== "limit") return shown;
  const loaded = await account.load(lost.mailbox);
  if (loaded.kind === "mailbox-missing") return done(null);
  if (loaded.kind !== "done") return loaded;
  const place = placeOf(account.state, lost);
  if (place === null) return done(null);
  const messageId = account.journal.world.random.bytes(12).toString("hex");
  return account.commit<Replacement | null>((state, draft) => {
    if (!draft.isEmpty) return { kind: "later" };
    const [mailbox, target] = [state.mailboxes.get(lost.mailbox), state.byName.get(DAMAGED_MAILBOX)];
    const columns = mailbox?.columns ?? null;
    const row = columns?.rowOf(lost.uid) ?? -1;
    // It was removed, moved to a pack, or the state was read anew: whoever repairs looks again.
    if (mailbox === undefined || target === undefined || columns === null || row < 0 || !samePlace(placeOf(state, lost), place)) return { kind: "nothing", result: done(null) };
    draft.structural = true;
    const savedAt = account.journal.world.clock.now();
    const letter = lostLetter({ mailbox: mailbox.name, uid: lost.uid, internalDate: columns.internalDate[row]!, size: columns.size[row]! }, { author, messageId, now: savedAt });
    const uid = draft.takeUids(target, 1);
    const body = { seq: 0, ...draft.addBody(account.journal.packBody(letter)), object: null };
    draft.ops.push({ kind: "append", mailbox: target.id, uid, savedAt, row: { ...NO_FLAGS, internalDate: columns.internalDate[row]!, size: letter.length, body }, summary: summaryOf(letter) });
    expungeRows(draft, mailbox, [row]);
    return { kind: "write", result: done({ uid }) };
  });
}

function placeOf(state: AccountState, { mailbox, uid }: LostMessage): BodyPlace | null {
  const columns = state.mailboxes.get(mailbox)?.columns ?? null;
  const row = columns?.rowOf(uid) ?? -1;
  return columns === null || row < 0 ? null : columns.bodyAt(row);
}
function samePlace(a: BodyPlace | null, b: BodyPlace): boolean {
  return a !== null && a.seq === b.seq && a.offset === b.offset && a.object === b.object;
}

/** Facts only: nobody knows any more what it said, or who sent it. */
function lostLetter({ mailbox, uid, internalDate, size }: LostFacts, { author, messageId, now }: { readonly author: string; readonly messageId: string; readonly now: number }): Buffer {
  const [date, arrived] = [writeDate(now), new Date(internalDate).toISOString().replace(/\.\d{3}Z$/, "Z")];
  const domain = author.slice(author.lastIndexOf("@") + 1);
  return utf8([
    `Date: ${date}`, `From: ${author}`, `Message-ID: <${messageId}@${domain}>`,
    `Subject: =?utf-8?B?${utf8("メールが失われました / A message was lost").toString("base64")}?=`,
    "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit", "Auto-Submitted: auto-generated", "",
    "サーバーに保管されていたメール1通の内容が壊れ、読めなくなりました。",
    "差出人や件名を含め、内容はわかりません。わかっているのは次のことだけです。", "",
    `  メールボックス: ${mailbox}`, `  UID: ${uid}`, `  保管日時: ${arrived}`, `  大きさ: ${size} オクテット`, "",
    "このメールは、失われたメールの代わりに置かれています。心当たりのある方は、送信者に再送を依頼してください。",
    "管理者にお尋ねになるときは、上の内容をお伝えください。", "", "----", "",
    "The content of a message that was kept on this server was damaged and can't be read any more.",
    "Nothing of it is known, not even who sent it or its subject; only this:", "",
    `  Mailbox: ${mailbox}`, `  UID: ${uid}`, `  Kept since: ${arrived}`, `  Size: ${size} octets`, "",
    "This letter stands in its place. If you know which message it was, ask its sender to send it again.",
    "If you ask your operator about it, tell them what is written above.", "",
  ].join("\r\n"));
}
