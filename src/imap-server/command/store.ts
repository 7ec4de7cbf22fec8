import { changeFlags } from "../../account/flag-change.ts";
import { flagSetOf } from "../../account/flags.ts";
import type { StoreCommand } from "../../imap/command.ts";
import { bad, type Completion, no, ok, refusal } from "../response.ts";
import type { Selected } from "../selected.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.4.6, RFC 7162 section 3.1.3. */
export async function store(session: Session, selected: Selected, command: StoreCommand): Promise<Completion> {
  if (selected.readOnly) return no("The mailbox is read only", { kind: "NOPERM" });
  const wanted = selected.resolve(command.set, command.addressing);
  if (wanted.kind === "out-of-range") return bad("No such message");
  if (command.unchangedSince !== null) session.condstore = true;
  const before = await selected.load();
  if (before.kind !== "done") return refusal(before);
  const stored = await changeFlags(selected.account, selected.mailboxId, wanted.uids, { mode: command.mode, flags: flagSetOf(command.flags), unchangedSince: command.unchangedSince });
  if (stored.kind !== "done") return refusal(stored);
  const { changed, modified, modseq } = stored.value;
  const withUid = command.addressing === "uid";
  // Others' changes first; ours are told below, or not at all.
  selected.knows({ modseq, uids: changed });
  const synced = await selected.sync(session.writer, { expunges: false, condstore: session.condstore, withUid });
  if (synced.kind !== "done") return refusal(synced);
  if (!command.silent || session.condstore) await tell(session, selected, command.silent ? changed : withoutThose(wanted.uids, modified), { withUid, flags: !command.silent });
  if (modified.length === 0) return ok("Stored");
  const numbers = withUid ? modified : modified.map((uid) => selected.numberOf(uid));
  return ok("Some had changed since", { kind: "MODIFIED", numbers });
}

function withoutThose(uids: Uint32Array, modified: readonly number[]): ArrayLike<number> {
  if (modified.length === 0) return uids;
  const left = new Set(modified);
  return uids.filter((uid) => !left.has(uid));
}

async function tell(session: Session, selected: Selected, uids: ArrayLike<number>, options: { readonly withUid: boolean; readonly flags: boolean }): Promise<void> {
  let loaded = await selected.load();
  for (let i = 0; i < uids.length && loaded.kind === "done"; i++) {
    const { mailbox, columns } = loaded.value;
    const row = columns.rowOf(uids[i]!);
    if (row >= 0) selected.writeFlagsFetch(session.writer, selected.numberOf(uids[i]!), mailbox, columns, row, { condstore: session.condstore, ...options });
    if (i % 256 === 255 && (await session.breathe())) loaded = await selected.load();
  }
}
