/**
 * Binary records: unsigned variable-length integers (LEB128), length-prefixed octets, fixed 64-bit floats.
 * The writer grows one buffer; the reader never reads past its end and says so with one exception, caught at the module that decodes.
 */
import { asBuffer } from "./bytes.ts";

export class BinaryWriter {
  #buffer: Buffer;
  #length = 0;

  constructor(initialBytes = 256) {
    this.#buffer = Buffer.allocUnsafe(initialBytes);
  }
  get length(): number {
    return this.#length;
  }
  #room(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
  byte(value: number): this {
    this.#room(1);
    this.#buffer[this.#length++] = value;
    return this;
  }
  /** A whole number from 0 to 2^53 - 1. */
  number(value: number): this {
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#length++] = rest;
    return this;
  }
  /** A whole number of either sign, in zigzag, so that small ones are short. */
  signed(value: number): this {
    return this.number(value >= 0 ? value * 2 : -value * 2 - 1);
  }
  /** Any number, as IEEE 754 double. */
  double(value: number): this {
    this.#room(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
    return this;
  }
  bytes(value: Uint8Array): this {
    this.number(value.byteLength);
    return this.raw(value);
  }
  /** Octets without a length in front. */
  raw(value: Uint8Array): this {
    this.#room(value.byteLength);
    this.#buffer.set(value, this.#length);
    this.#length += value.byteLength;
    return this;
  }
  text(value: string): this {
    return this.bytes(Buffer.from(value, "utf8"));
  }
  /** What was written; the writer is not used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }
}

/** The record ends early or holds a number out of range. */
export class BrokenRecord extends Error {
  override name = "BrokenRecord";
}

export class BinaryReader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = asBuffer(bytes);
  }
  get position(): number {
    return this.#at;
  }
  get atEnd(): boolean {
    return this.#at >= this.#buffer.length;
  }
  #take(bytes: number): number {
    const from = this.#at;
    if (from + bytes > this.#buffer.length) throw new BrokenRecord("the record ends early");
    this.#at = from + bytes;
    return from;
  }
  byte(): number {
    return this.#buffer[this.#take(1)]!;
  }
  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new BrokenRecord("a number is out of range");
  }
  signed(): number {
    const value = this.number();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
  double(): number {
    return this.#buffer.readDoubleLE(this.#take(8));
  }
  bytes(): Buffer {
    return this.raw(this.number());
  }
  raw(length: number): Buffer {
    const from = this.#take(length);
    return this.#buffer.subarray(from, from + length);
  }
  text(): string {
    return this.bytes().toString("utf8");
  }
}
