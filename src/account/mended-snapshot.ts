/** Writing a state that was made anew as the snapshot of its account, in the place of the one that is damaged. */
import { encodeEntry } from "../journal/entry.ts";
import { BinaryWriter } from "../base/binary.ts";
import { type Head, replaceHead } from "../journal/head.ts";
import { entryKey } from "../journal/keys.ts";
import { VALID_FOR_MS } from "../journal/limits.ts";
import type { ObjectSink } from "../journal/machine.ts";
import type { StoreFailure } from "../port/object-store.ts";
import type { AccountJournal } from "./account.ts";
import type { Chunk, Mailbox } from "./mailbox.ts";
import type { AccountState } from "./state.ts";
import { encodeSummaries } from "./summary.ts";

/** `behind`: somebody else wrote meanwhile; whoever repairs looks again. */
export type MendAnswer = { readonly kind: "mended" } | { readonly kind: "behind" } | StoreFailure;

/** Summaries of one chunk. */
const SUMMARY_ROWS = 4_096;

/** `broken` are summary chunks to write anew, from summaries that are in memory. */
export async function writeMended(journal: AccountJournal, state: AccountState, before: { readonly head: Head | null; readonly etag: string | null }, broken: ReadonlySet<Chunk>): Promise<MendAnswer> {
  const { clock, random, store } = journal.world;
  const startedAt = journal.moment();
  const parts: { readonly name: string; readonly plain: Buffer }[] = [];
  const sink: ObjectSink = {
    add(plain) {
      const name = journal.newObjectName("c");
      parts.push({ name, plain });
      return name;
    },
  };
  for (const mailbox of state.mailboxes.values()) writeSummaries(mailbox, sink, broken);
  const captured = journal.machine.capture(state, sink);
  const root = `s/${journal.newObjectName("c").slice(2)}`;
  for (const { name, plain } of [...parts, { name: root, plain: captured.root }]) {
    const failure = await journal.putObject(name, plain);
    if (failure !== null) return failure;
  }
  // What was written so long ago may have been taken for garbage.
  if (journal.ageMs(startedAt) > VALID_FOR_MS) return { kind: "behind" };
  const moved = await replaceHead(store, journal.prefix, before, { seq: state.seq, root, writtenAt: clock.now(), id: random.bytes(12).toString("hex") });
  return moved.kind === "moved" ? { kind: "mended" } : moved;
}

/** Chunks that are broken are written again; a mailbox that was made anew and has none gets all of its own. */
function writeSummaries(mailbox: Mailbox, sink: ObjectSink, broken: ReadonlySet<Chunk>): void {
  const { columns } = mailbox;
  if (columns === null || columns.count === 0) return;
  if (mailbox.summaryChunks.length > 0) {
    mailbox.summaryChunks = mailbox.summaryChunks.flatMap((chunk) => (broken.has(chunk) ? writeOne(mailbox, columns.lowerBound(chunk.firstUid), columns.lowerBound(chunk.lastUid + 1), sink) : [chunk]));
    return;
  }
  const written: Chunk[] = [];
  for (let from = 0; from < columns.count; from += SUMMARY_ROWS) written.push(...writeOne(mailbox, from, Math.min(columns.count, from + SUMMARY_ROWS), sink));
  mailbox.summaryChunks = written;
}
function writeOne(mailbox: Mailbox, from: number, to: number, sink: ObjectSink): Chunk[] {
  const columns = mailbox.columns!;
  const encoded = encodeSummaries(columns, mailbox.summaries, from, to);
  return encoded.length === 0 ? [] : [{ name: sink.add(encoded), firstUid: columns.uid[from]!, lastUid: columns.uid[to - 1]!, rows: to - from }];
}

/**
 * An entry after which nobody goes on from a state that is not the mended one: whoever has another reads the snapshot anew,
 * and whoever writes next has read this first.
 */
export async function writeMendedEntry(journal: AccountJournal, seq: number): Promise<MendAnswer> {
  const writer = new BinaryWriter();
  writer.number(1);
  journal.machine.encode(writer, { kind: "mended" });
  const bytes = encodeEntry(journal.cipher, { prefix: journal.prefix, seq }, journal.world.random.bytes(16), [], writer.finish());
  const put = await journal.world.store.put(entryKey(journal.prefix, seq), bytes, { ifAbsent: true });
  if (put.kind === "done") return { kind: "mended" };
  return put.kind === "conflict" ? { kind: "behind" } : put;
}
