/** Packing, trimming and collecting for one account: online, by whoever writes its snapshots, and never needed for correctness. */
import { passedSince, readHead } from "../journal/head.ts";
import { TRIM_AFTER_MS } from "../journal/limits.ts";
import { collect, trim } from "../journal/snapshot.ts";
import type { StoreFailure } from "../port/object-store.ts";
import type { Account } from "./account.ts";
import { compact } from "./compaction.ts";
import { forgetExpunged } from "./expunge.ts";
import { done, failureOf, type Outcome } from "./failure.ts";

export interface Maintained {
  readonly bodiesPacked: number;
  readonly entriesRemoved: number;
  readonly objectsRemoved: number;
}

/** Packs of one run: what is left waits for the next. */
const PACKS_MAX = 64;

/**
 * Packs small bodies of old entries, then removes what no message of the account needs any more. What is live is taken from one
 * state of the journal: whatever a later entry copies is live in it, too.
 */
export async function maintainAccount(account: Account): Promise<Outcome<Maintained>> {
  const forgotten = await forgetExpunged(account);
  if (forgotten.kind !== "done") return forgotten;
  const packed = await pack(account);
  if (packed.kind !== "done") return packed;
  const live = await loadAll(account);
  if (live.kind !== "done") return live;
  if (!live.value) return done({ bodiesPacked: packed.value, entriesRemoved: 0, objectsRemoved: 0 });
  const takenAt = account.journal.validatedAt.wall;
  const seqs = new Set<number>();
  const objects = new Set<string>([...account.state.packs.values()].map((one) => one.name));
  for (const { row: { body } } of account.state.expunged.rows()) {
    if (body.object === null) seqs.add(body.seq);
    else objects.add(body.object);
  }
  for (const { columns } of account.state.mailboxes.values()) {
    for (let row = 0; row < columns!.count; row++) seqs.add(columns!.bodySeq[row]!);
    for (const name of columns!.objects.values()) objects.add(name);
  }
  const trimmed = await trim(account.journal, (seq) => seqs.has(seq));
  if (isFailure(trimmed)) return failureOf(trimmed);
  const collected = await collect(account.journal, (name) => objects.has(name), takenAt);
  if (isFailure(collected)) return failureOf(collected);
  return done({ bodiesPacked: packed.value, entriesRemoved: trimmed.removed, objectsRemoved: collected.removed });
}

/** Bodies of entries that a snapshot passed long ago: until then they may be read where they are. */
async function pack(account: Account): Promise<Outcome<number>> {
  const { store, clock } = account.journal.world;
  const head = await readHead(store, account.journal.prefix);
  if (head.kind === "failure") return failureOf(head);
  const belowSeq = head.head === null ? 0 : passedSince(head.head, clock.now(), TRIM_AFTER_MS);
  let moved = 0;
  for (let packs = 0; belowSeq > 0 && packs < PACKS_MAX; packs++) {
    const loaded = await loadAll(account);
    if (loaded.kind !== "done") return loaded;
    if (!loaded.value) break;
    const answer = await compact(account, belowSeq);
    if (answer.kind !== "done") return answer;
    if (answer.value.moved === 0) break;
    moved += answer.value.moved;
  }
  return done(moved);
}

/** False when the state was read anew meanwhile: it is looked at next time. */
async function loadAll(account: Account): Promise<Outcome<boolean>> {
  for (const id of [...account.state.mailboxes.keys()]) {
    const loaded = await account.load(id);
    if (loaded.kind !== "done" && loaded.kind !== "mailbox-missing") return loaded;
  }
  const expunged = await account.loadExpunged();
  if (expunged.kind !== "done") return expunged;
  return done(account.state.expunged.batches !== null && [...account.state.mailboxes.values()].every((mailbox) => mailbox.columns !== null));
}

function isFailure(answer: { readonly removed: number } | StoreFailure): answer is StoreFailure {
  return "kind" in answer;
}
