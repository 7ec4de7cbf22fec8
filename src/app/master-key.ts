/** The master key: 32 octets in a file of its own that only its owner may read, beside the store but never in it. */
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { KEY_BYTES } from "../journal/cipher.ts";
import type { ObjectStore } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";

export type MasterKeyAnswer = { readonly kind: "key"; readonly key: Buffer } | { readonly kind: "failed"; readonly detail: string };

/** Everything that a key sealed lies below these prefixes: accounts and queue shards. */
const SEALED_PREFIXES = ["a/", "q/"];

/**
 * Reads the key, or makes one for a store that holds nothing sealed yet. For one that does, a new key would only hide
 * that the right one is missing.
 */
export async function openMasterKey(path: string, store: ObjectStore, random: Random): Promise<MasterKeyAnswer> {
  const kept = readKey(path);
  if (kept.kind !== "absent") return kept;
  for (const prefix of SEALED_PREFIXES) {
    const listed = await store.list(prefix, { limit: 1 });
    if (listed.kind === "failure") return { kind: "failed", detail: `the store cannot be read: ${listed.detail}` };
    if (listed.keys.length > 0) return { kind: "failed", detail: `the master key ${path} is missing, and the store holds mail that only it opens: bring it back from its backup` };
  }
  try {
    makeKey(path, random);
  } catch (error) {
    return { kind: "failed", detail: `the master key ${path} cannot be made: ${error instanceof Error ? error.message : String(error)}` };
  }
  const made = readKey(path);
  return made.kind === "absent" ? { kind: "failed", detail: `the master key ${path} was removed while it was made` } : made;
}

function readKey(path: string): MasterKeyAnswer | { readonly kind: "absent" } {
  let text: string;
  try {
    text = readFileSync(path, "latin1").trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { kind: "absent" };
    return { kind: "failed", detail: `the master key ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (text.length !== 2 * KEY_BYTES || !/^[0-9a-f]+$/.test(text)) return { kind: "failed", detail: `${path} is no master key: it must hold ${2 * KEY_BYTES} hexadecimal digits` };
  return { kind: "key", key: Buffer.from(text, "hex") };
}

/** Written whole under another name, then linked: of two processes that start at once both get the same key, and none reads half of it. */
function makeKey(path: string, random: Random): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${random.bytes(6).toString("hex")}`;
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, `${random.bytes(KEY_BYTES).toString("hex")}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path);
    const folder = openSync(dirname(path), "r");
    fsyncSync(folder);
    closeSync(folder);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  } finally {
    unlinkSync(draft);
  }
}
