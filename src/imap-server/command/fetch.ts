import { changeFlags } from "../../account/flag-change.ts";
import type { Columns } from "../../account/columns.ts";
import { type AccountFailure, done, type Outcome } from "../../account/failure.ts";
import { FLAG } from "../../account/flags.ts";
import type { FetchCommand, FetchItem } from "../../imap/command.ts";
import { needsContent, needsSummary, type FetchedRow, setsSeen, writeItem } from "../fetch-item.ts";
import { bad, type Completion, no, ok, refusal } from "../response.ts";
import type { KnownChange, Selected } from "../selected.ts";
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
  if (seen.kind !== "done") return refusal(seen);
  const written = await writeAll(session, selected, seen.value === null ? items : withFlags(items, session), uids);
  if (written.failure !== null) return refusal(written.failure);
  if (seen.value !== null) selected.knows(seen.value);
  if (written.corrupt !== null) return refusal(written.corrupt);
  if (written.unknownEncoding) return no("A part has an encoding that is not known here", { kind: "UNKNOWN-CTE" });
  // RFC 2180 section 4.1.2; UIDs of messages that are gone are passed over (RFC 9051 section 6.4.9).
  return written.missing > 0 && command.addressing === "sequence" ? no("Some of the messages are gone", { kind: "EXPUNGEISSUED" }) : ok("Fetched");
}

/** UID FETCH always tells the UID (RFC 9051 section 6.4.9), CHANGEDSINCE always the mod-sequence. */
function itemsOf(command: FetchCommand, session: Session): FetchItem[] {
  const items = [...command.items];
  if (command.addressing === "uid" && !items.some((item) => item.kind === "uid")) items.unshift({ kind: "uid" });
  const tellsModseq = command.changedSince !== null || (session.condstore && items.some((item) => item.kind === "flags"));
  return tellsModseq ? withItem(items, "modseq") : items;
}
/** What \Seen changed is told as any change is. */
function withFlags(items: readonly FetchItem[], session: Session): readonly FetchItem[] {
  const flags = withItem(items, "flags");
  return session.condstore ? withItem(flags, "modseq") : flags;
}
function withItem(items: readonly FetchItem[], kind: "flags" | "modseq"): FetchItem[] {
  return items.some((item) => item.kind === kind) ? [...items] : [...items, { kind }];
}
function changedSince(columns: Columns, uids: Uint32Array, modseq: number): Uint32Array {
  return uids.filter((uid) => {
    const row = columns.rowOf(uid);
    return row >= 0 && columns.modseq[row]! > modseq;
  });
}

/** Fetching a body sets \Seen, and the change is told with it (RFC 9051 section 6.4.5). Null where nothing changed. */
async function markSeen(selected: Selected, items: readonly FetchItem[], uids: Uint32Array): Promise<Outcome<KnownChange | null>> {
  if (selected.readOnly || !items.some(setsSeen)) return done(null);
  const loaded = await selected.load();
  if (loaded.kind !== "done") return loaded;
  const { columns } = loaded.value;
  const unseen = uids.filter((uid) => {
    const row = columns.rowOf(uid);
    return row >= 0 && (columns.low[row]! & FLAG.seen) === 0;
  });
  if (unseen.length === 0) return done(null);
  const changed = await changeFlags(selected.account, selected.mailboxId, unseen, { mode: "add", flags: { system: FLAG.seen, keywords: [] }, unchangedSince: null });
  return changed.kind === "done" ? done({ modseq: changed.value.modseq, uids: changed.value.changed }) : changed;
}

interface Written {
  missing: number;
  unknownEncoding: boolean;
  /** A message that can't be read keeps nobody from the others. */
  corrupt: AccountFailure | null;
  failure: AccountFailure | null;
}

async function writeAll(session: Session, selected: Selected, items: readonly FetchItem[], uids: Uint32Array): Promise<Written> {
  const written: Written = { missing: 0, unknownEncoding: false, corrupt: null, failure: null };
  const summary = items.some(needsSummary);
  const write = items.some(needsContent) ? writeOneByOne : writeRows;
  for (let from = 0; from < uids.length && written.failure === null && !session.gone; from += SUMMARY_BATCH) {
    const batch = uids.subarray(from, from + SUMMARY_BATCH);
    const ready = summary ? await selected.account.loadSummaries(selected.mailboxId, batch) : done(null);
    written.failure = ready.kind === "done" ? await write(session, selected, items, batch, written) : ready;
  }
  return written;
}

/** Rows without message octets: no waiting inside a batch but for a slow reader between two. */
async function writeRows(session: Session, selected: Selected, items: readonly FetchItem[], uids: Uint32Array, written: Written): Promise<AccountFailure | null> {
  const loaded = await selected.load();
  if (loaded.kind !== "done") return loaded;
  const { mailbox, columns } = loaded.value;
  const summary = items.some(needsSummary);
  const left: number[] = [];
  written.missing += selected.walk(columns, uids, (number, row) => {
    // The state was read anew after the summaries were there.
    if (summary && columns.summaryLength[row] === 0) left.push(columns.uid[row]!);
    else writeMessage(session, items, number, { mailbox, columns, row, content: null, selected }, written);
  });
  await session.breathe();
  return left.length === 0 ? null : writeOneByOne(session, selected, items, Uint32Array.from(left), written);
}

/** What is missing of a message is read before it is written, and looked at anew after each wait. */
async function writeOneByOne(session: Session, selected: Selected, items: readonly FetchItem[], uids: Uint32Array, written: Written): Promise<AccountFailure | null> {
  for (const uid of uids) {
    if (session.gone) return null;
    const failure = await writeOne(session, selected, items, uid, written);
    if (failure?.kind === "corrupt") written.corrupt = failure;
    else if (failure !== null) return failure;
    await session.breathe();
  }
  return null;
}
async function writeOne(session: Session, selected: Selected, items: readonly FetchItem[], uid: number, written: Written): Promise<AccountFailure | null> {
  const summary = items.some(needsSummary);
  const wantsContent = items.some(needsContent);
  let content: Buffer | null = null;
  for (;;) {
    const loaded = await selected.load();
    if (loaded.kind !== "done") return loaded;
    const { mailbox, columns } = loaded.value;
    const row = columns.rowOf(uid);
    if (row < 0) {
      written.missing += 1;
      return null;
    }
    if (wantsContent && content === null) {
      const read = await selected.account.content(columns.bodyAt(row));
      if (read.kind === "done") content = read.value;
      // The octets of a message that is gone may be gone too.
      else if (columns.rowOf(uid) >= 0) return read;
    } else if (summary && columns.summaryLength[row] === 0) {
      const ready = await selected.account.loadSummaries(selected.mailboxId, [uid]);
      if (ready.kind !== "done") return ready;
    } else {
      writeMessage(session, items, selected.numberOf(uid), { mailbox, columns, row, content, selected }, written);
      return null;
    }
  }
}

function writeMessage(session: Session, items: readonly FetchItem[], number: number, fetched: FetchedRow, written: Written): void {
  const { writer } = session;
  writer.ascii("* ").number(number).ascii(" FETCH (");
  items.forEach((item, i) => {
    if (i > 0) writer.space();
    if (!writeItem(writer, item, fetched)) written.unknownEncoding = true;
  });
  writer.ascii(")\r\n");
}
