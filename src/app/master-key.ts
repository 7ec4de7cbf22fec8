/**
 * The master key: 32 octets in a file of its own that only its owner may read, beside the store but never in it.
 * The store knows it by a check value, so that of several hosts on one store none works with a key of its own.
 */
import { createHmac } from "node:crypto";
import { closeSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { equal, utf8 } from "../base/bytes.ts";
import { KEY_BYTES } from "../journal/cipher.ts";
import type { ObjectStore } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";

export type MasterKeyAnswer = { readonly kind: "key"; readonly key: Buffer } | { readonly kind: "failed"; readonly detail: string };

/** Everything that a key sealed lies below these prefixes: accounts and queue shards. */
const SEALED_PREFIXES = ["a/", "q/"];
/** Says which key the store is sealed with, to whoever has it. */
const CHECK_KEY = "master-key-check";

/**
 * Reads the key, or makes one for a store that holds nothing sealed yet. For one that does, a new key would only hide
 * that the right one is missing.
 */
export async function openMasterKey(path: string, store: ObjectStore, random: Random): Promise<MasterKeyAnswer> {
  const kept = readKey(path);
  if (kept.kind === "failed") return kept;
  if (kept.kind === "key") return checkKey(path, store, kept.key);
  const checked = await store.get(CHECK_KEY);
  if (checked.kind === "failure") return { kind: "failed", detail: `the store cannot be read: ${checked.detail}` };
  if (checked.kind === "found") return { kind: "failed", detail: `the master key ${path} is missing, and the store has one: bring it from a host that has it, or back from its backup` };
  for (const prefix of SEALED_PREFIXES) {
    const listed = await store.list(prefix, { limit: 1 });
    if (listed.kind === "failure") return { kind: "failed", detail: `the store cannot be read: ${listed.detail}` };
    if (listed.keys.length > 0) return { kind: "failed", detail: `the master key ${path} is missing, and the store holds mail that only it opens: bring it back from its backup` };
  }
  let made: boolean;
  try {
    made = makeKey(path, random);
  } catch (error) {
    return { kind: "failed", detail: `the master key ${path} cannot be made: ${error instanceof Error ? error.message : String(error)}` };
  }
  const now = readKey(path);
  if (now.kind === "absent") return { kind: "failed", detail: `the master key ${path} was removed while it was made` };
  if (now.kind === "failed") return now;
  const answer = await checkKey(path, store, now.key);
  // Another host was first; ours has sealed nothing.
  if (answer.kind === "failed" && answer.other === true && made) unlinkSync(path);
  return answer;
}

/** Of hosts that begin at the same time, one writes the check value; the others have to come with its key. */
async function checkKey(path: string, store: ObjectStore, key: Buffer): Promise<MasterKeyAnswer & { readonly other?: true }> {
  const check = utf8(createHmac("sha256", key).update("tayori master key").digest("hex"));
  for (let tries = 0; tries < 3; tries++) {
    const there = await store.get(CHECK_KEY);
    if (there.kind === "failure") return { kind: "failed", detail: `the store cannot be read: ${there.detail}` };
    if (there.kind === "found") return equal(there.bytes, check) ? { kind: "key", key } : { kind: "failed", other: true, detail: `the master key ${path} is another than the store's: bring it from a host that has it, or back from its backup` };
    const put = await store.put(CHECK_KEY, check, { ifAbsent: true });
    if (put.kind === "done") return { kind: "key", key };
    if (put.kind === "failure" && put.outcome === "none") return { kind: "failed", detail: `the store cannot be written: ${put.detail}` };
  }
  return { kind: "failed", detail: "the store did not say whether it took the master key's check value" };
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

/** Written whole under another name, then linked: of two processes that start at once both get the same key, and none reads half of it. Whether it is ours. */
function makeKey(path: string, random: Random): boolean {
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
    return true;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    return false;
  } finally {
    unlinkSync(draft);
  }
}
