/**
 * Reading a journal piece by piece, for checks and repairs: what can't be read is said, and the rest is read all the same.
 * The journal need not be open. Whoever serves from it goes on meanwhile, so what was there may be gone at the next look.
 */
import { BrokenRecord } from "../base/binary.ts";
import { LIST_LIMIT_MAX, type ObjectStore, type StoreFailure } from "../port/object-store.ts";
import { decodeEntry } from "./entry.ts";
import type { Journal } from "./journal.ts";
import { entryKey, objectKey, seqOfEntryKey, timeOfObjectName } from "./keys.ts";
import type { Draft } from "./machine.ts";

export type Broken = { readonly kind: "broken"; readonly detail: string };
export type EntryReading<Op> = { readonly kind: "ops"; readonly ops: readonly Op[] } | { readonly kind: "absent" } | Broken | StoreFailure;
export type StateReading<State> = { readonly kind: "state"; readonly state: State; /** Names of the objects that the snapshot consists of. */ readonly references: readonly string[] } | Broken | StoreFailure;

const ROOT_BYTES_MAX = 256 * 1024 * 1024;
export const PART_BYTES_MAX = 1024 * 1024 * 1024;

export async function readEntry<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, seq: number): Promise<EntryReading<Op>> {
  const answer = await journal.world.store.get(entryKey(journal.prefix, seq));
  if (answer.kind === "failure") return answer;
  if (answer.kind !== "found") return { kind: "absent" };
  const decoded = decodeEntry(journal.cipher, { prefix: journal.prefix, seq }, answer.bytes);
  if (decoded.kind === "broken") return decoded;
  try {
    return { kind: "ops", ops: journal.decodeOperations(decoded.entry.operations) };
  } catch (error) {
    if (error instanceof BrokenRecord) return { kind: "broken", detail: error.message };
    throw error;
  }
}

/** The state that a snapshot's root says. What a machine reads later is not looked at. */
export async function readState<State, Op, D extends Draft<Op>>(journal: Journal<State, Op, D>, root: string): Promise<StateReading<State>> {
  const bytes = await journal.object(root, ROOT_BYTES_MAX);
  if (bytes === null) return { kind: "broken", detail: "it is absent or was changed" };
  if (!Buffer.isBuffer(bytes)) return bytes;
  let failure: StoreFailure | null = null;
  const object = async (name: string): Promise<Buffer | null> => {
    const part = await journal.object(name, PART_BYTES_MAX);
    if (part === null || Buffer.isBuffer(part)) return part;
    failure = part;
    return null;
  };
  try {
    return { kind: "state", state: await journal.machine.restore(bytes, { object }), references: journal.machine.references(bytes) };
  } catch (error) {
    if (!(error instanceof BrokenRecord)) throw error;
    return failure ?? { kind: "broken", detail: error.message };
  }
}

/** Every key under a prefix, a page at a time; a failure ends it. */
export async function* keysUnder(store: ObjectStore, prefix: string, after = ""): AsyncGenerator<string | StoreFailure> {
  for (let last = after; ; ) {
    const page = await store.list(prefix, { ...(last === "" ? {} : { after: last }), limit: LIST_LIMIT_MAX });
    if (page.kind === "failure") {
      yield page;
      return;
    }
    yield* page.keys;
    if (page.keys.length < LIST_LIMIT_MAX) return;
    last = page.keys[page.keys.length - 1]!;
  }
}

/** What lies in a journal and is needed by nothing: trimming and collecting remove it in time. */
export interface Leftovers {
  /** Entries below the snapshot. */
  entries: number;
  /** Objects named less than an hour ago: somebody may be writing what refers to them. */
  objectsUnderAnHour: number;
  objectsUnderAWeek: number;
  objectsOlder: number;
  /** What a repair kept of what it could not read. */
  lost: number;
}
export function noLeftovers(): Leftovers {
  return { entries: 0, objectsUnderAnHour: 0, objectsUnderAWeek: 0, objectsOlder: 0, lost: 0 };
}
const HOUR_MS = 60 * 60 * 1000;

export interface Live {
  /** Entries up to here are in the snapshot. */
  readonly passed: number;
  readonly seqs: ReadonlySet<number>;
  readonly names: ReadonlySet<string>;
}

/** Walks every key of the journal. `unknown` is called for those that no version before or of now writes. */
export async function countLeftovers(world: { readonly store: ObjectStore; readonly clock: { now(): number } }, prefix: string, live: Live, unknown: (key: string) => void): Promise<Leftovers | StoreFailure> {
  const found = noLeftovers();
  const now = world.clock.now();
  for await (const key of keysUnder(world.store, prefix)) {
    if (typeof key !== "string") return key;
    const name = key.slice(prefix.length);
    const seq = seqOfEntryKey(prefix, key);
    const namedAt = timeOfObjectName(name);
    if (seq !== null) found.entries += seq <= live.passed && !live.seqs.has(seq) ? 1 : 0;
    else if (name.startsWith("lost/")) found.lost += 1;
    else if (namedAt !== null) {
      if (live.names.has(name)) continue;
      if (now - namedAt < HOUR_MS) found.objectsUnderAnHour += 1;
      else if (now - namedAt < 7 * 24 * HOUR_MS) found.objectsUnderAWeek += 1;
      else found.objectsOlder += 1;
    } else if (name !== "key" && name !== "head") unknown(objectKey(prefix, name));
  }
  return found;
}
