/** Looking at everything one shard of the queue has in the store. Servers go on meanwhile. */
import { readHead } from "../journal/head.ts";
import { Journal, type JournalWorld } from "../journal/journal.ts";
import type { Cipher } from "../journal/cipher.ts";
import { entryKey, headKey, objectKey, seqOfEntryKey } from "../journal/keys.ts";
import { countLeftovers, keysUnder, type Leftovers, readEntry, readState } from "../journal/survey.ts";
import type { StoreFailure } from "../port/object-store.ts";
import { queueMachine } from "./machine.ts";
import type { QueueJournal } from "./shard.ts";
import { shardPrefix } from "./shard.ts";
import { emptyState, type QueueState } from "./state.ts";

export interface ShardFault {
  readonly key: string;
  readonly what: string;
}
export interface ShardInspection {
  readonly messages: number;
  readonly bytes: number;
  readonly faults: readonly ShardFault[];
  /** Null where the state could not be read. */
  readonly leftovers: Leftovers | null;
}
interface Reading {
  readonly state: QueueState;
  readonly passed: number;
  readonly names: Set<string>;
  sound: boolean;
}

const UNDELIVERED = "nothing of this part of the queue is delivered";

/** `pace` is called after every content with its octets. */
export async function inspectShard(number: number, world: JournalWorld, cipher: Cipher, pace?: (bytes: number) => Promise<void>): Promise<ShardInspection | StoreFailure> {
  const journal: QueueJournal = new Journal(shardPrefix(number), world, cipher, queueMachine);
  const faults: ShardFault[] = [];
  const reading = await readShard(journal, faults);
  if ("kind" in reading) return reading;
  let bytes = 0;
  const live = { passed: reading.passed, seqs: new Set<number>(), names: reading.names };
  for (const message of reading.state.messages.values()) {
    const place = message.content;
    const content = place.kind === "inline" ? await journal.body(place, message.contentBytes + 1) : await journal.object(place.name, message.contentBytes + 1);
    if (content !== null && !Buffer.isBuffer(content)) return content;
    const key = place.kind === "inline" ? entryKey(journal.prefix, place.seq) : objectKey(journal.prefix, place.name);
    if (content === null || content.length !== message.contentBytes) faults.push({ key, what: `the content of the queued message ${message.id} is absent or was changed: it can't be delivered` });
    if (place.kind === "inline") live.seqs.add(place.seq);
    else live.names.add(place.name);
    bytes += content?.length ?? 0;
    await pace?.(content?.length ?? 0);
  }
  const leftovers = reading.sound ? await countLeftovers(world, journal.prefix, live, (key) => faults.push({ key, what: "is no object that this version knows" })) : null;
  if (leftovers !== null && "kind" in leftovers) return leftovers;
  return { messages: reading.state.messages.size, bytes, faults, leftovers };
}

/** The state as far as it can be read. */
async function readShard(journal: QueueJournal, faults: ShardFault[]): Promise<Reading | StoreFailure> {
  const { world, prefix } = journal;
  const answer = await readHead(world.store, prefix);
  if (answer.kind === "failure") {
    if (answer.because !== "corrupt") return answer;
    faults.push({ key: headKey(prefix), what: `the snapshot pointer can't be read: ${UNDELIVERED}` });
    return { state: emptyState(), passed: 0, names: new Set(), sound: false };
  }
  const { head } = answer;
  const reading: Reading = { state: emptyState(), passed: head?.seq ?? 0, names: new Set(), sound: true };
  if (head === null) return (await readEntries(journal, reading, faults)) ?? reading;
  const read = await readState(journal, head.root);
  if (read.kind === "failure") return read;
  if (read.kind === "broken") {
    faults.push({ key: objectKey(prefix, head.root), what: `the snapshot can't be read (${read.detail}): ${UNDELIVERED}` });
    reading.sound = false;
    return (await readEntries(journal, reading, faults)) ?? reading;
  }
  const loaded = { ...reading, state: read.state, names: new Set([head.root, ...read.references]) };
  return (await readEntries(journal, loaded, faults)) ?? loaded;
}

async function readEntries(journal: QueueJournal, reading: Reading, faults: ShardFault[]): Promise<StoreFailure | null> {
  const { world, prefix } = journal;
  let last = reading.passed;
  for await (const key of keysUnder(world.store, `${prefix}j/`, last === 0 ? "" : entryKey(prefix, last))) {
    if (typeof key !== "string") return key;
    const seq = seqOfEntryKey(prefix, key);
    if (seq === null) continue;
    if (seq > last + 1) {
      faults.push({ key: entryKey(prefix, last + 1), what: `entries ${last + 1} to ${seq - 1} are missing: what they changed is lost, and what came after is not seen` });
      reading.sound = false;
    }
    last = seq;
    const read = await readEntry(journal, seq);
    if (read.kind === "failure") return read;
    if (read.kind === "ops") {
      if (reading.sound) journal.machine.apply(reading.state, read.ops, seq);
      continue;
    }
    faults.push({ key, what: `entry ${seq} can't be read (${read.kind === "absent" ? "it is absent" : read.detail}): ${UNDELIVERED}` });
    reading.sound = false;
  }
  return null;
}
