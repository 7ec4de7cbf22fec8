/**
 * Compaction: small bodies leave their entries for packs, so that the entries can be trimmed and a mailbox is few objects
 * instead of one for each delivery. Sealed bodies are moved as they are; nobody but the journal learns of it.
 */
import { VALID_FOR_MS } from "../journal/limits.ts";
import type { Account } from "./account.ts";
import { done, failureOf, type Outcome } from "./failure.ts";
import type { AccountState } from "./state.ts";

/** Octets of one pack: enough that objects are few, little enough that a store which reads ranges by reading the whole is not slow. */
const PACK_BYTES = 512 * 1024;
/** Bodies worth an object of their own. */
const PACK_BODIES_MIN = 32;
const PACK_BODIES_MAX = 4096;

interface Body {
  /** Of the entry, or minus the number of a pack. */
  readonly seq: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * Moves bodies out of entries up to `belowSeq`, and out of packs that are mostly dead, into one new pack. Answers how many;
 * 0 when it is not worth it. Every mailbox must be loaded, and what was expunged.
 */
export async function compact(account: Account, belowSeq: number): Promise<Outcome<{ moved: number }>> {
  const bodies = candidates(account.state, belowSeq);
  if (bodies.length < PACK_BODIES_MIN) return dropDead(account);
  const { journal } = account;
  const startedAt = journal.moment();
  const name = journal.newObjectName("p");
  const parts: Buffer[] = [];
  const moves: number[] = [];
  let bytes = 0;
  for (const body of bodies) {
    const pack = body.seq < 0 ? (account.state.packs.get(-body.seq)?.name ?? null) : null;
    if (body.seq < 0 && pack === null) continue;
    const sealed = await journal.sealedBody(body, pack);
    if (sealed !== null && !Buffer.isBuffer(sealed)) return failureOf(sealed);
    // What can't be read whole stays where it is: a check will name it.
    if (sealed === null || sealed.length !== body.length) continue;
    moves.push(body.seq, body.offset, bytes);
    parts.push(sealed);
    bytes += sealed.length;
  }
  if (moves.length === 0) return done({ moved: 0 });
  const packed = Buffer.concat(parts);
  const failure = await journal.putPack(name, packed);
  if (failure !== null) return failureOf(failure);
  const isOld = (): boolean => journal.ageMs(startedAt) > VALID_FOR_MS;
  const committed = await account.commit<{ moved: number }>((state, draft) => {
    if (!draft.isEmpty) return { kind: "later" };
    // The pack may have been taken for garbage meanwhile.
    if (isOld()) return { kind: "nothing", result: done({ moved: 0 }) };
    draft.structural = true;
    draft.ops.push({ kind: "pack", pack: state.packNext, name, bytes, moves, dropped: deadPacks(state) });
    return { kind: "write", result: done({ moved: moves.length / 3 }) };
  });
  if (committed.kind === "done" && committed.value.moved > 0 && isOld()) {
    const again = await journal.putPack(name, packed);
    if (again !== null) return failureOf(again);
  }
  return committed;
}

/** Packs nobody refers to go even where there is nothing to pack. */
async function dropDead(account: Account): Promise<Outcome<{ moved: number }>> {
  if (deadPacks(account.state).length === 0) return done({ moved: 0 });
  return account.commit<{ moved: number }>((state, draft) => {
    const dropped = deadPacks(state);
    if (dropped.length === 0) return { kind: "nothing", result: done({ moved: 0 }) };
    if (!draft.isEmpty) return { kind: "later" };
    draft.structural = true;
    draft.ops.push({ kind: "pack", pack: state.packNext, name: "", bytes: 0, moves: [], dropped });
    return { kind: "write", result: done({ moved: 0 }) };
  });
}

/** Small bodies that lie in old entries or in packs of which less than half is alive, up to a pack full. */
function candidates(state: AccountState, belowSeq: number): Body[] {
  const live = liveBodies(state);
  const sparse = new Set<number>();
  for (const [number, pack] of state.packs) {
    let bytes = 0;
    for (const length of live.get(-number)?.values() ?? []) bytes += length;
    if (bytes > 0 && bytes * 2 < pack.bytes) sparse.add(-number);
  }
  const bodies: Body[] = [];
  let bytes = 0;
  for (const [seq, offsets] of [...live].sort(([a], [b]) => a - b)) {
    if (seq < 0 ? !sparse.has(seq) : seq > belowSeq) continue;
    for (const [offset, length] of offsets) {
      if (bytes + length > PACK_BYTES || bodies.length >= PACK_BODIES_MAX) return bodies;
      bodies.push({ seq, offset, length });
      bytes += length;
    }
  }
  return bodies;
}

/** seq -> offset -> length of every body that a message refers to, or one that was expunged, and that is no object of its own. */
function liveBodies(state: AccountState): Map<number, Map<number, number>> {
  const live = new Map<number, Map<number, number>>();
  for (const { columns } of state.mailboxes.values()) {
    for (let row = 0; columns !== null && row < columns.count; row++) {
      if (columns.objects.has(columns.uid[row]!)) continue;
      const offsets = live.get(columns.bodySeq[row]!) ?? new Map<number, number>();
      live.set(columns.bodySeq[row]!, offsets.set(columns.bodyOffset[row]!, columns.bodyLength[row]!));
    }
  }
  for (const { row: { body } } of state.expunged.rows()) {
    if (body.object !== null) continue;
    const offsets = live.get(body.seq) ?? new Map<number, number>();
    live.set(body.seq, offsets.set(body.offset, body.length));
  }
  return live;
}

/** Packs nobody refers to; none where a mailbox is not loaded. */
function deadPacks(state: AccountState): number[] {
  const used = new Set<number>();
  if (state.expunged.batches === null) return [];
  for (const { row } of state.expunged.rows()) if (row.body.seq < 0) used.add(-row.body.seq);
  for (const { columns } of state.mailboxes.values()) {
    if (columns === null) return [];
    for (let row = 0; row < columns.count; row++) if (columns.bodySeq[row]! < 0) used.add(-columns.bodySeq[row]!);
  }
  return [...state.packs.keys()].filter((number) => !used.has(number));
}
