/** Trimming and collecting for one account: online, by whoever writes its snapshots, and never needed for correctness. */
import { collect, trim } from "../journal/snapshot.ts";
import type { StoreFailure } from "../port/object-store.ts";
import type { Account } from "./account.ts";
import { done, failureOf, type Outcome } from "./failure.ts";

export interface Maintained {
  readonly entriesRemoved: number;
  readonly objectsRemoved: number;
}

/**
 * Removes what no message of the account needs any more. What is live is taken from one state of the journal: whatever a
 * later entry copies is live in it, too.
 */
export async function maintainAccount(account: Account): Promise<Outcome<Maintained>> {
  const seqs = new Set<number>();
  const objects = new Set<string>();
  for (const id of [...account.state.mailboxes.keys()]) {
    const loaded = await account.load(id);
    if (loaded.kind !== "done" && loaded.kind !== "mailbox-missing") return loaded;
  }
  for (const mailbox of account.state.mailboxes.values()) {
    // A mailbox made meanwhile has its messages in memory; one that was read anew has to be looked at next time.
    if (mailbox.columns === null) return done({ entriesRemoved: 0, objectsRemoved: 0 });
    const { columns } = mailbox;
    for (let row = 0; row < columns.count; row++) seqs.add(columns.bodySeq[row]!);
    for (const name of columns.objects.values()) objects.add(name);
  }
  const trimmed = await trim(account.journal, (seq) => seqs.has(seq));
  if (isFailure(trimmed)) return failureOf(trimmed);
  const collected = await collect(account.journal, (name) => objects.has(name));
  if (isFailure(collected)) return failureOf(collected);
  return done({ entriesRemoved: trimmed.removed, objectsRemoved: collected.removed });
}

function isFailure(answer: { readonly removed: number } | StoreFailure): answer is StoreFailure {
  return "kind" in answer;
}
