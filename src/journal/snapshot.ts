/**
 * Snapshots bound what a cold open replays; trimming removes entries that no state and no body needs any more;
 * collection removes objects that no snapshot refers to. None of them is needed for correctness, all of them run online.
 */
import type { StoreFailure } from "../port/object-store.ts";
import { LIST_LIMIT_MAX } from "../port/object-store.ts";
import { type Head, moveHead, passedSince, readHead } from "./head.ts";
import { entryKey, objectKey, seqOfEntryKey, timeOfObjectName } from "./keys.ts";
import type { Journal } from "./journal.ts";
import { TRIM_AFTER_MS, VALID_FOR_MS } from "./limits.ts";
import type { Draft } from "./machine.ts";

export type SnapshotAnswer = { readonly kind: "written"; readonly seq: number } | { readonly kind: "behind" } | StoreFailure;

/**
 * Writes the state down and moves the pointer. Writers and readers go on meanwhile. `base` is the id of the pointer whose
 * snapshot the state's references come from: what only an older one refers to may be gone.
 */
export async function writeSnapshot<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, base: string | null = journal.base): Promise<SnapshotAnswer> {
  const seq = journal.seq;
  const startedAt = journal.moment();
  const parts: { name: string; plain: Buffer }[] = [];
  const captured = journal.machine.capture(journal.state, {
    add(plain) {
      const name = journal.newObjectName("c");
      parts.push({ name, plain });
      return name;
    },
  });
  const root = `s/${journal.newObjectName("c").slice(2)}`;
  parts.push({ name: root, plain: captured.root });
  const isOld = (): boolean => journal.ageMs(startedAt) > VALID_FOR_MS;
  const moved = (await putAll(journal, parts)) ?? (isOld() ? TOO_LATE : await moveTo(journal, base, { seq, root }));
  captured.settle(moved.kind === "moved");
  if (moved.kind !== "moved") return moved;
  journal.noteHead(moved.head, { own: true });
  // They may have been taken for garbage between the writing and the pointer.
  const lost = isOld() ? await putAll(journal, parts) : null;
  return lost ?? { kind: "written", seq };
}

const TOO_LATE: StoreFailure = { kind: "failure", retryable: true, outcome: "none", because: "timeout", detail: "writing the snapshot took so long that its objects may be taken for garbage" };

async function putAll<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, parts: readonly { name: string; plain: Buffer }[]): Promise<StoreFailure | null> {
  for (const part of parts) {
    const failure = await journal.putObject(part.name, part.plain);
    if (failure !== null) return failure;
  }
  return null;
}
function moveTo<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, base: string | null, snapshot: { readonly seq: number; readonly root: string }): ReturnType<typeof moveHead> {
  const { clock, random, store } = journal.world;
  return moveHead(store, journal.prefix, base, { ...snapshot, writtenAt: clock.now(), id: random.bytes(12).toString("hex") });
}

/**
 * Entries below the snapshot whose bodies nobody refers to; called long enough after the pointer passed them. `isLive` speaks
 * for the state as it is at the call: of what others wrote since, it knows nothing, so that stays whatever the clocks say.
 */
export async function trim<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, isLive: (seq: number) => boolean): Promise<{ removed: number } | StoreFailure> {
  const { store, clock } = journal.world;
  const known = journal.seq;
  const answer = await readHead(store, journal.prefix);
  if (answer.kind === "failure") return answer;
  const head = answer.head;
  const passed = head === null ? 0 : Math.min(known, passedSince(head, clock.now(), TRIM_AFTER_MS));
  if (passed === 0) return { removed: 0 };
  let removed = 0;
  let after = "";
  for (;;) {
    const page = await store.list(`${journal.prefix}j/`, { ...(after === "" ? {} : { after }), limit: LIST_LIMIT_MAX });
    if (page.kind === "failure") return page;
    for (const key of page.keys) {
      const seq = seqOfEntryKey(journal.prefix, key);
      if (seq === null || seq > passed) return { removed };
      if (isLive(seq)) continue;
      const deleted = await store.delete(entryKey(journal.prefix, seq));
      if (deleted.kind === "failure") return deleted;
      removed += 1;
    }
    if (page.keys.length < LIST_LIMIT_MAX) return { removed };
    after = page.keys[page.keys.length - 1]!;
  }
}

/** The root of a pointer that was read a moment ago is gone: another node has moved on and collects, so there is nothing to do here. */
async function collectedMeanwhile<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, read: Head): Promise<{ removed: number } | StoreFailure> {
  const now = await readHead(journal.world.store, journal.prefix);
  if (now.kind === "failure") return now;
  if (now.head !== null && now.head.id !== read.id) return { removed: 0 };
  return { kind: "failure", retryable: false, outcome: "none", because: "corrupt", detail: `${journal.prefix}${read.root} is absent` };
}

/**
 * Objects older than the margin that neither the newest snapshot nor `isLive` knows. Both may be out of date before the last
 * object is looked at; so age is counted up to `takenAt`, the time by our clock at which the state that `isLive` speaks for
 * was validated: what others wrote and named since, it does not know.
 */
export async function collect<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, isLive: (name: string) => boolean, takenAt: number): Promise<{ removed: number } | StoreFailure> {
  const { store } = journal.world;
  const answer = await readHead(store, journal.prefix);
  if (answer.kind === "failure") return answer;
  const marked = new Set<string>();
  if (answer.head !== null) {
    const root = await journal.object(answer.head.root, 256 * 1024 * 1024);
    if (root === null) return collectedMeanwhile(journal, answer.head);
    if (!Buffer.isBuffer(root)) return root;
    marked.add(answer.head.root);
    for (const name of journal.machine.references(root)) marked.add(name);
  }
  let removed = 0;
  for (const kind of ["b/", "c/", "p/", "s/"]) {
    let after = "";
    for (;;) {
      const page = await store.list(journal.prefix + kind, { ...(after === "" ? {} : { after }), limit: LIST_LIMIT_MAX });
      if (page.kind === "failure") return page;
      for (const key of page.keys) {
        const name = key.slice(journal.prefix.length);
        const namedAt = timeOfObjectName(name);
        if (namedAt === null || takenAt - namedAt < TRIM_AFTER_MS || marked.has(name) || isLive(name)) continue;
        const deleted = await store.delete(objectKey(journal.prefix, name));
        if (deleted.kind === "failure") return deleted;
        removed += 1;
      }
      if (page.keys.length < LIST_LIMIT_MAX) break;
      after = page.keys[page.keys.length - 1]!;
    }
  }
  return { removed };
}
