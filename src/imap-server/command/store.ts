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
  if (command.unchangedSince !== null) session.enableCondstore();
  const before = await selected.load();
  if (before.kind !== "done") return refusal(before);
  const stored = await changeFlags(selected.account, selected.mailboxId, wanted.uids, { mode: command.mode, flags: flagSetOf(command.flags), unchangedSince: command.unchangedSince, knownModseq: selected.toldModseq });
  if (stored.kind !== "done") return refusal(stored);
  const { changed, surprising, modified, modseq } = stored.value;
  const withUid = command.addressing === "uid";
  // Others' changes first, also where ours came on top of them; ours alone are told below, or not at all.
  selected.knows({ modseq, uids: surprising.length === 0 ? changed : [...withoutThose(Uint32Array.from(changed), surprising)] });
  const synced = await selected.sync(session.writer, { expunges: false, condstore: session.condstore, withUid });
  if (synced.kind !== "done") return refusal(synced);
  if (!command.silent || session.condstore) await tell(session, selected, command.silent ? Uint32Array.from(changed) : withoutThose(wanted.uids, modified), { withUid, flags: !command.silent });
  if (modified.length > 0) return ok("Some had changed since", { kind: "MODIFIED", numbers: withUid ? modified : modified.map((uid) => selected.numberOf(uid)) });
  if (withUid || selected.goneOf(wanted.uids) === 0) return ok("Stored");
  // RFC 2180 section 4.2: what is there was changed. Who asked for silence is not told of a failure either.
  return (command.silent ? ok : no)("Some of the messages are gone", { kind: "EXPUNGEISSUED" });
}

function withoutThose(uids: Uint32Array, modified: readonly number[]): Uint32Array {
  if (modified.length === 0) return uids;
  const left = new Set(modified);
  return uids.filter((uid) => !left.has(uid));
}

/** Rows between two waits. */
const ROWS_AT_A_TIME = 1024;

async function tell(session: Session, selected: Selected, uids: Uint32Array, options: { readonly withUid: boolean; readonly flags: boolean }): Promise<void> {
  for (let from = 0; from < uids.length; from += ROWS_AT_A_TIME) {
    const loaded = await selected.load();
    if (loaded.kind !== "done") return;
    const { mailbox, columns } = loaded.value;
    const told = { condstore: session.condstore, ...options };
    selected.walk(columns, uids.subarray(from, from + ROWS_AT_A_TIME), (number, row) => selected.writeFlagsFetch(session.writer, number, mailbox, columns, row, told));
    await session.breathe();
  }
}
