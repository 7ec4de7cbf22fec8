/**
 * One journal entry, as it lies in the store:
 *
 *   magic "TYJ" | version (1) | entry id (16) | length of the bodies (4, LE) | bodies … | operations (packed)
 *
 * Bodies come first so that their place in the object is known before the operations that name it are encoded.
 * The entry id tells two writers of equal octets apart, and a lost reply from a lost race.
 */
import type { Cipher } from "./cipher.ts";
import { pack, unpack } from "./packing.ts";

export const ENTRY_VERSION = 1;
export const HEADER_BYTES = 24;
const ENTRY_ID_BYTES = 16;
/** Operations of one entry, unpacked. */
const OPERATIONS_BYTES_MAX = 64 * 1024 * 1024;

export interface Entry {
  readonly id: Buffer;
  readonly operations: Buffer;
}
export type EntryAnswer = { readonly kind: "entry"; readonly entry: Entry } | { readonly kind: "broken"; readonly detail: string };

/** The place of an entry in its journal is part of what is authenticated: entries can't be swapped. */
function contextOf(prefix: string, seq: number): string {
  return `${prefix}j/${seq}`;
}

export interface EntryPlace {
  readonly prefix: string;
  readonly seq: number;
}

export function encodeEntry(cipher: Cipher, place: EntryPlace, id: Buffer, bodies: readonly Buffer[], operations: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write("TYJ", 0, "latin1");
  header[3] = ENTRY_VERSION;
  id.copy(header, 4);
  header.writeUInt32LE(bodies.reduce((sum, body) => sum + body.length, 0), 20);
  return Buffer.concat([header, ...bodies, pack(cipher, operations, contextOf(place.prefix, place.seq))]);
}

export function decodeEntry(cipher: Cipher, place: EntryPlace, bytes: Buffer): EntryAnswer {
  if (bytes.length < HEADER_BYTES || bytes.toString("latin1", 0, 3) !== "TYJ") return { kind: "broken", detail: "not a journal entry" };
  if (bytes[3] !== ENTRY_VERSION) return { kind: "broken", detail: `entry version ${bytes[3]} is not known here` };
  const start = HEADER_BYTES + bytes.readUInt32LE(20);
  const operations = start > bytes.length ? null : unpack(cipher, bytes.subarray(start), contextOf(place.prefix, place.seq), OPERATIONS_BYTES_MAX);
  if (operations === null) return { kind: "broken", detail: "the entry was changed or belongs elsewhere" };
  return { kind: "entry", entry: { id: bytes.subarray(4, 4 + ENTRY_ID_BYTES), operations } };
}

/** The id of an entry whose content need not be opened; null when it is no entry. */
export function entryIdOf(bytes: Buffer): Buffer | null {
  return bytes.length < HEADER_BYTES || bytes.toString("latin1", 0, 3) !== "TYJ" ? null : bytes.subarray(4, 4 + ENTRY_ID_BYTES);
}
