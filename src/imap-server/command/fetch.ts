import { changeFlags } from "../../account/flag-change.ts";
import type { Columns } from "../../account/columns.ts";
import type { AccountFailure } from "../../account/failure.ts";
import { FLAG } from "../../account/flags.ts";
import type { Mailbox } from "../../account/mailbox.ts";
import type { FetchCommand, FetchItem } from "../../imap/command.ts";
import { needsContent, needsSummary, type FetchedRow, setsSeen, writeItem } from "../fetch-item.ts";
import { bad, type Completion, no, ok, refusal } from "../response.ts";
import type { Selected } from "../selected.ts";
import type { Session } from "../session.ts";

/** How many summaries are looked after at once. */
const SUMMARY_BATCH = 512;

/** RFC 9051 section 6.4.5, RFC 7162 section 3.1.4. */
export async function fetch(session: Session, selected: Selected, command: FetchCommand): Promise<Completion> {
  if (command.vanished) return bad("VANISHED needs QRESYNC, which is not offered");
  const wanted = selected.resolve(command.set, command.addressing);
  if (wanted.kind === "out-of-range") return bad("No such message");
  if (command.changedSince !== null || command.items.some((item) => item.kind === "modseq")) session.enableCondstore();
  const loaded = await selected.load();
  if (loaded.kind !== "done") return refusal(loaded);
  const items = itemsOf(command, session);
  const uids = command.changedSince === null ? wanted.uids : changedSince(loaded.value.columns, wanted.uids, command.changedSince);
  const seen = await markSeen(selected, items, uids);
  if (seen.kind === "failed") return refusal(seen.failure);
  const written = await writeAll(session, selected, seen.flagsToo ? withFlags(items) : items, uids);
  if (written.failure !== null) return refusal(written.failure);
  if (written.unknownEncoding) return no("A part has an encoding that is not known here", { kind: "UNKNOWN-CTE" });
  return written.missing > 0 ? no("Some of the messages are gone", { kind: "EXPUNGEISSUED" }) : ok("Fetched");
}

/** UID FETCH always tells the UID (RFC 9051 section 6.4.9), CHANGEDSINCE always the mod-sequence. */
function itemsOf(command: FetchCommand, session: Session): FetchItem[] {
  const items = [...command.items];
  if (command.addressing === "uid" && !items.some((item) => item.kind === "uid")) items.unshift({ kind: "uid" });
  const tellsModseq = command.changedSince !== null || (session.condstore && items.some((item) => item.kind === "flags"));
  if (tellsModseq && !items.some((item) => item.kind === "modseq")) items.push({ kind: "modseq" });
  return items;
}
function withFlags(items: readonly FetchItem[]): FetchItem[] {
  return items.some((item) => item.kind === "flags") ? [...items] : [...items, { kind: "flags" }];
}
function changedSince(columns: Columns, uids: Uint32Array, modseq: number): Uint32Array {
  return uids.filter((uid) => {
    const row = columns.rowOf(uid);
    return row >= 0 && columns.modseq[row]! > modseq;
  });
}

/** Fetching a body sets \Seen, and the change is told with it (RFC 9051 section 6.4.5). */
async function markSeen(selected: Selected, items: readonly FetchItem[], uids: Uint32Array): Promise<{ kind: "done"; flagsToo: boolean } | { kind: "failed"; failure: AccountFailure }> {
  if (selected.readOnly || !items.some(setsSeen)) return { kind: "done", flagsToo: false };
  const loaded = await selected.load();
  if (loaded.kind !== "done") return { kind: "failed", failure: loaded };
  const { columns } = loaded.value;
  const unseen = uids.filter((uid) => {
    const row = columns.rowOf(uid);
    return row >= 0 && (columns.low[row]! & FLAG.seen) === 0;
  });
  if (unseen.length === 0) return { kind: "done", flagsToo: false };
  const changed = await changeFlags(selected.account, selected.mailboxId, unseen, { mode: "add", flags: { system: FLAG.seen, keywords: [] }, unchangedSince: null });
  if (changed.kind !== "done") return { kind: "failed", failure: changed };
  selected.knows({ modseq: changed.value.modseq, uids: changed.value.changed });
  return { kind: "done", flagsToo: true };
}

interface Written {
  missing: number;
  unknownEncoding: boolean;
  failure: AccountFailure | null;
}

async function writeAll(session: Session, selected: Selected, items: readonly FetchItem[], uids: Uint32Array): Promise<Written> {
  const written: Written = { missing: 0, unknownEncoding: false, failure: null };
  const summary = items.some(needsSummary);
  const content = items.some(needsContent);
  for (let from = 0; from < uids.length; from += SUMMARY_BATCH) {
    const batch = uids.subarray(from, from + SUMMARY_BATCH);
    if (summary) {
      const failed = await selected.account.loadSummaries(selected.mailboxId, batch);
      if (failed.kind !== "done") return { ...written, failure: failed };
    }
    const failure = content ? await writeWithContent(session, selected, items, batch, written) : await writeRows(session, selected, items, batch, written);
    if (failure !== null) return { ...written, failure };
  }
  return written;
}

/** Rows without message octets: no waiting inside a batch but for a slow reader between two. */
async function writeRows(session: Session, selected: Selected, items: readonly FetchItem[], uids: Uint32Array, written: Written): Promise<AccountFailure | null> {
  const loaded = await selected.load();
  if (loaded.kind !== "done") return loaded;
  const { mailbox, columns } = loaded.value;
  written.missing += selected.walk(columns, uids, (number, row) => writeMessage(session, selected, items, number, { mailbox, columns, row, content: null }, written));
  await session.breathe();
  return null;
}

async function writeWithContent(session: Session, selected: Selected, items: readonly FetchItem[], uids: Uint32Array, written: Written): Promise<AccountFailure | null> {
  for (const uid of uids) {
    const place = rowOf(selected, uid);
    if (place === null) {
      written.missing += 1;
      continue;
    }
    const content = await selected.account.content(place.columns.bodyAt(place.row));
    const now = rowOf(selected, uid);
    if (now === null) written.missing += 1;
    else if (content.kind !== "done") return content;
    else writeMessage(session, selected, items, selected.numberOf(uid), { ...now, content: content.value }, written);
    await session.breathe();
  }
  return null;
}
function rowOf(selected: Selected, uid: number): { mailbox: Mailbox; columns: Columns; row: number } | null {
  const mailbox = selected.account.state.mailboxes.get(selected.mailboxId);
  const columns = mailbox?.columns ?? null;
  if (mailbox === undefined || columns === null) return null;
  const row = columns.rowOf(uid);
  return row < 0 ? null : { mailbox, columns, row };
}

function writeMessage(session: Session, selected: Selected, items: readonly FetchItem[], number: number, fetched: FetchedRow, written: Written): void {
  const { writer } = session;
  writer.ascii("* ").number(number).ascii(" FETCH (");
  items.forEach((item, i) => {
    if (i > 0) writer.space();
    if (!writeItem(writer, item, fetched, selected)) written.unknownEncoding = true;
  });
  writer.ascii(")\r\n");
}
