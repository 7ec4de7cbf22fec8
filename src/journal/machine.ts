/** What a journal drives: a state, the operations that change it, and how both lie in the store. */
import type { BinaryReader, BinaryWriter } from "../base/binary.ts";
import { HEADER_BYTES } from "./entry.ts";

/** The place of an inline body: which entry, and where in its object. */
export interface InlineBody {
  readonly seq: number;
  readonly offset: number;
  readonly length: number;
}

/** What one entry will hold. A machine extends it with what its decisions need to know of each other. */
export class Draft<Op> {
  readonly ops: Op[] = [];
  readonly bodies: Buffer[] = [];
  #bodyBytes = 0;

  get bodyBytes(): number {
    return this.#bodyBytes;
  }
  /** Adds a packed body; the answer is its place in the entry's object. */
  addBody(packed: Buffer): { offset: number; length: number } {
    const offset = HEADER_BYTES + this.#bodyBytes;
    this.bodies.push(packed);
    this.#bodyBytes += packed.length;
    return { offset, length: packed.length };
  }
}

/** Where a snapshot's objects go. Objects are immutable and named once. */
export interface ObjectSink {
  /** Queues an object for writing and answers its name. The octets are not changed afterwards. */
  add(plain: Buffer): string;
}
export interface ObjectSource {
  /** Null when the object is absent or broken. */
  object(name: string): Promise<Buffer | null>;
}

export interface Machine<State, Op, D extends Draft<Op>> {
  empty(): State;
  draft(state: State): D;
  /** Changes `state`. Pure otherwise: the same operations in the same order give the same state on every node. */
  apply(state: State, ops: readonly Op[], seq: number): void;
  encode(writer: BinaryWriter, op: Op): void;
  /** May throw BrokenRecord. */
  decode(reader: BinaryReader): Op;
  /**
   * Writes the state down, all at once (no await): its root is returned, its larger parts go to the sink.
   * `settle(false)` is called when they did not reach the store, so that the next capture writes them again.
   */
  capture(state: State, sink: ObjectSink): { root: Buffer; settle: (stored: boolean) => void };
  /** May throw BrokenRecord. Larger parts may be read later from the source. */
  restore(root: Buffer, source: ObjectSource): Promise<State>;
  /** Names of the objects that a root refers to. */
  references(root: Buffer): readonly string[];
}
