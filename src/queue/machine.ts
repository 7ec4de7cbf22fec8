/** The queue's state as the journal drives it: one shard, one journal. */
import { BinaryReader, BinaryWriter, BrokenRecord } from "../base/binary.ts";
import { Draft, type Machine, type ObjectSource } from "../journal/machine.ts";
import { decodeMessage, decodeOperation, encodeMessage, encodeOperation } from "./encoding.ts";
import { apply, emptyState, place, type Chunk, type QueueState, type QueueOperation } from "./state.ts";

export type QueueDraft = Draft<QueueOperation>;

const SNAPSHOT_VERSION = 1;

export const queueMachine: Machine<QueueState, QueueOperation, QueueDraft> = {
  empty: emptyState,
  draft: () => new Draft<QueueOperation>(),
  apply(state, operations) {
    for (const operation of operations) apply(state, operation);
  },
  encode: encodeOperation,
  decode: decodeOperation,
  capture(state, sink) {
    const written: { chunk: Chunk; name: string }[] = [];
    const root = new BinaryWriter();
    root.byte(SNAPSHOT_VERSION).number(state.epoch).number(state.enqueued);
    if (state.lease === null) root.byte(0);
    else root.byte(1).text(state.lease.holder).number(state.lease.epoch).number(state.lease.until);
    root.number(state.chunks.size);
    for (const [number, chunk] of state.chunks) {
      if (chunk.name === null) {
        chunk.name = sink.add(encodeChunk(state, chunk));
        written.push({ chunk, name: chunk.name });
      }
      root.number(number).text(chunk.name);
    }
    const settle = (stored: boolean): void => {
      if (stored) return;
      for (const { chunk, name } of written) if (chunk.name === name) chunk.name = null;
    };
    return { root: root.finish(), settle };
  },
  async restore(bytes, source) {
    const root = decodeRoot(bytes);
    const state: QueueState = { ...emptyState(), lease: root.lease, epoch: root.epoch, enqueued: root.enqueued };
    for (const { number, name } of root.chunks) {
      await restoreChunk(state, number, name, source);
      state.chunks.get(number)!.name = name;
    }
    return state;
  },
  references: (root) => decodeRoot(root).chunks.map((chunk) => chunk.name),
};

function encodeChunk(state: QueueState, chunk: Chunk): Buffer {
  const writer = new BinaryWriter(64 * 1024);
  writer.number(chunk.ids.size);
  for (const id of chunk.ids) encodeMessage(writer, state.messages.get(id)!);
  return writer.finish();
}

async function restoreChunk(state: QueueState, number: number, name: string, source: ObjectSource): Promise<void> {
  const bytes = await source.object(name);
  if (bytes === null) throw new BrokenRecord(`${name} is absent or was changed`);
  const reader = new BinaryReader(bytes);
  const count = reader.number();
  if (count === 0) throw new BrokenRecord(`${name} is empty`);
  for (let i = 0; i < count; i++) place(state, decodeMessage(reader), number);
}

function decodeRoot(bytes: Buffer): { readonly lease: QueueState["lease"]; readonly epoch: number; readonly enqueued: number; readonly chunks: readonly { number: number; name: string }[] } {
  const reader = new BinaryReader(bytes);
  const version = reader.byte();
  if (version !== SNAPSHOT_VERSION) throw new BrokenRecord(`snapshot version ${version} is not known here`);
  const [epoch, enqueued] = [reader.number(), reader.number()];
  const lease = reader.byte() === 0 ? null : { holder: reader.text(), epoch: reader.number(), until: reader.number() };
  const count = reader.number();
  const chunks: { number: number; name: string }[] = [];
  for (let i = 0; i < count; i++) chunks.push({ number: reader.number(), name: reader.text() });
  return { lease, epoch, enqueued, chunks };
}
