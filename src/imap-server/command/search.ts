import type { AccountFailure } from "../../account/failure.ts";
import type { SearchCommand } from "../../imap/command.ts";
import { writeESearch, writeSearch } from "../../imap/write-response.ts";
import { bad, type Completion, ok, refusal } from "../response.ts";
import { compileSearch, type Compiled } from "../search-key.ts";
import type { Selected } from "../selected.ts";
import type { Session } from "../session.ts";

/** RFC 9051 section 6.4.4, RFC 4731, RFC 5182, RFC 7162 section 3.1.5. */
export async function search(session: Session, selected: Selected, tag: string, command: SearchCommand): Promise<Completion> {
  if (command.usesModSeq) session.enableCondstore();
  const loaded = await selected.load();
  if (loaded.kind !== "done") return refusal(loaded);
  const compiled = compileSearch(command.key, selected, loaded.value.mailbox);
  if (compiled === "out-of-range") return bad("No such message");
  const found = await matching(session, selected, compiled);
  if (!Array.isArray(found)) {
    // RFC 9051 section 6.4.4.1: what fails with NO leaves an empty result.
    if (command.returns?.save === true) selected.saved = new Uint32Array(0);
    return refusal(found);
  }
  const uid = command.addressing === "uid";
  const { returns } = command;
  const asked = returns ?? { min: false, max: false, all: true, count: false, save: false };
  const relevant = relevantOf(found, asked);
  if (asked.save) selected.saved = Uint32Array.from(relevant);
  const numbers = uid ? found : found.map((one) => selected.numberOf(one));
  const modSeq = command.usesModSeq && found.length > 0 ? highestModseq(selected, relevant) : null;
  if (returns === null && !session.rev2) writeSearch(session.writer, numbers, modSeq);
  else if (asked.min || asked.max || asked.all || asked.count) {
    writeESearch(session.writer, {
      tag, uid,
      min: asked.min ? (numbers[0] ?? null) : null,
      max: asked.max ? (numbers[numbers.length - 1] ?? null) : null,
      all: asked.all ? numbers : null,
      count: asked.count ? numbers.length : null,
      modSeq,
    });
  }
  return ok("Searched");
}

/** What is saved, and whose mod-sequences are told: with MIN or MAX and nothing else only these (RFC 9051 section 6.4.4.1, RFC 4731 section 3.2). */
function relevantOf(found: readonly number[], asked: NonNullable<SearchCommand["returns"]>): readonly number[] {
  if (asked.all || asked.count || (!asked.min && !asked.max) || found.length === 0) return found;
  const first = found[0]!;
  const last = found[found.length - 1]!;
  if (!asked.max || first === last) return [asked.min ? first : last];
  return asked.min ? [first, last] : [last];
}

/** UIDs, ascending. */
async function matching(session: Session, selected: Selected, compiled: Compiled): Promise<number[] | AccountFailure> {
  const found: number[] = [];
  for (let number = 1; number <= selected.count && !session.gone; number++) {
    const uid = selected.uidAt(number);
    // Without a wait while the messages are in memory, which they are but for a state that was read anew.
    let columns = selected.account.state.mailboxes.get(selected.mailboxId)?.columns ?? null;
    if (columns === null) {
      const loaded = await selected.load();
      if (loaded.kind !== "done") return loaded;
      columns = loaded.value.columns;
    }
    const row = columns.rowOf(uid);
    if (row < 0) continue;
    const facts = compiled.quick({ columns, row, number, uid });
    if (facts === true) found.push(uid);
    else if (facts === "needs-content") {
      const content = await selected.account.content(columns.bodyAt(row));
      const now = columns.rowOf(uid);
      if (now < 0) continue;
      // A message that can't be read is not found, and keeps nobody from the others.
      if (content.kind !== "done" && content.kind !== "corrupt") return content;
      if (content.kind === "done" && compiled.full({ columns, row: now, number, uid, content: content.value })) found.push(uid);
      await session.breathe();
    }
    if (number % 4096 === 0) await session.breathe();
  }
  return found;
}

function highestModseq(selected: Selected, uids: readonly number[]): number | null {
  const columns = selected.account.state.mailboxes.get(selected.mailboxId)?.columns;
  if (columns === undefined || columns === null) return null;
  return uids.reduce((highest, uid) => Math.max(highest, columns.modseq[columns.rowOf(uid)] ?? 0), 0);
}
