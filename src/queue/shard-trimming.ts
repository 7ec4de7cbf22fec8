/**
 * Removes entries of a shard that no snapshot, no state and no content needs any more.
 *
 * A busy shard has a new snapshot every minute, so its pointer is never old enough by itself. The pointers this process
 * has seen are remembered instead: what one of them passed longer ago than the margin may go.
 */
import { readHead } from "../journal/head.ts";
import { entryKey, seqOfEntryKey } from "../journal/keys.ts";
import { TRIM_AFTER_MS } from "../journal/limits.ts";
import { LIST_LIMIT_MAX, type StoreFailure } from "../port/object-store.ts";
import type { QueueJournal } from "./shard.ts";

interface Passed {
  readonly seq: number;
  /** By our monotonic clock. */
  readonly seenAt: number;
}
/** One pointer is remembered for each part of the margin. */
const REMEMBER_EVERY_MS = TRIM_AFTER_MS / 12;

export class ShardTrimming {
  readonly #journal: QueueJournal;
  #passed: Passed[] = [];

  constructor(journal: QueueJournal) {
    this.#journal = journal;
  }

  /** Looks where the pointer is, and trims below where it was a margin ago. */
  async trim(isLive: (seq: number) => boolean): Promise<StoreFailure | null> {
    const { store, clock } = this.#journal.world;
    const answer = await readHead(store, this.#journal.prefix);
    if (answer.kind === "failure") return answer;
    const now = clock.monotonic();
    const last = this.#passed.at(-1);
    if (answer.head !== null && (last === undefined || (answer.head.seq > last.seq && now - last.seenAt >= REMEMBER_EVERY_MS))) this.#passed.push({ seq: answer.head.seq, seenAt: now });
    const old = this.#passed.findLastIndex((passed) => now - passed.seenAt > TRIM_AFTER_MS);
    if (old < 0) return null;
    this.#passed = this.#passed.slice(old);
    return this.#below(this.#passed[0]!.seq, isLive);
  }

  async #below(seqMax: number, isLive: (seq: number) => boolean): Promise<StoreFailure | null> {
    const { store } = this.#journal.world;
    const { prefix } = this.#journal;
    for (let after: string | null = null; ; ) {
      const page = await store.list(`${prefix}j/`, { ...(after === null ? {} : { after }), limit: LIST_LIMIT_MAX });
      if (page.kind === "failure") return page;
      for (const key of page.keys) {
        const seq = seqOfEntryKey(prefix, key);
        if (seq === null || seq > seqMax) return null;
        if (isLive(seq)) continue;
        const deleted = await store.delete(entryKey(prefix, seq));
        if (deleted.kind === "failure") return deleted;
      }
      if (page.keys.length < LIST_LIMIT_MAX) return null;
      after = page.keys[page.keys.length - 1]!;
    }
  }
}
