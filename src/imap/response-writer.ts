/**
 * Builds responses as octets (RFC 9051 sections 4 and 9) without intermediate strings.
 *
 * One writer serves a whole session: what it hands out is never written again, and it goes on in the rest of the same
 * memory. Large values are handed out as they are, not copied.
 */
import { EMPTY } from "../base/bytes.ts";
import { encodeModifiedUtf7 } from "./modified-utf7.ts";

const SLAB_BYTES = 32_768;
/** From here on referring to the octets is cheaper than copying them into memory that is new each time. */
const REFERENCE_BYTES_MIN = 3_072;
/** A longer string goes as a literal even if a quoted string could hold it: clients have line limits. */
const QUOTED_BYTES_MAX = 1024;

export class ResponseWriter {
  /** True after ENABLE of IMAP4rev2 or UTF8=ACCEPT: quoted strings may then be UTF-8, and mailbox names are. */
  utf8: boolean;
  readonly #slabBytes: number;
  readonly #firstSlabBytes: number;
  #slab: Buffer = EMPTY;
  #nextSlabBytes: number;
  /** Where the octets not yet handed out begin and end in the slab. */
  #start = 0;
  #end = 0;
  #pieces: Buffer[] = [];
  #piecesBytes = 0;

  /** `firstSlabBytes`: the first memory after `release`; as more is written it gets larger, up to `slabBytes`. */
  constructor(options: { readonly utf8?: boolean; readonly slabBytes?: number; readonly firstSlabBytes?: number } = {}) {
    this.utf8 = options.utf8 ?? false;
    this.#slabBytes = options.slabBytes ?? SLAB_BYTES;
    this.#firstSlabBytes = this.#nextSlabBytes = options.firstSlabBytes ?? this.#slabBytes;
  }

  /** Octets written and not yet handed out. */
  get bytesWaiting(): number {
    return this.#piecesBytes + this.#end - this.#start;
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return;
    const waiting = this.#end - this.#start;
    const slab = Buffer.allocUnsafeSlow(Math.max(this.#nextSlabBytes, 2 * (waiting + bytes)));
    this.#nextSlabBytes = Math.min(this.#slabBytes, 4 * this.#nextSlabBytes);
    this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#start = 0;
    this.#end = waiting;
  }
  #closePiece(): void {
    if (this.#end === this.#start) return;
    this.#pieces.push(this.#slab.subarray(this.#start, this.#end));
    this.#piecesBytes += this.#end - this.#start;
    this.#start = this.#end;
  }

  /** Lets go of memory that nothing waits in, where the next words may be long in coming. */
  release(): void {
    if (this.bytesWaiting > 0) return;
    this.#slab = EMPTY;
    this.#start = this.#end = 0;
    this.#nextSlabBytes = this.#firstSlabBytes;
  }
  /** Hands out everything, in order. The sink keeps the octets; they do not change any more. */
  flushTo(sink: { write(bytes: Uint8Array): void }): void {
    this.#closePiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#piecesBytes = 0;
    for (const piece of pieces) sink.write(piece);
  }
  /** Everything in one Buffer. */
  take(): Buffer {
    this.#closePiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#piecesBytes = 0;
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  byte(octet: number): this {
    this.#room(1);
    this.#slab[this.#end++] = octet;
    return this;
  }
  space(): this {
    return this.byte(0x20);
  }
  crlf(): this {
    this.#room(2);
    this.#slab[this.#end++] = 0x0d;
    this.#slab[this.#end++] = 0x0a;
    return this;
  }
  /** Text of the protocol itself, US-ASCII, as it is. */
  ascii(text: string): this {
    const { length } = text;
    this.#room(length);
    if (length > 24) {
      this.#slab.write(text, this.#end, length, "latin1");
    } else {
      // For short words a loop is faster than the way into native code.
      for (let i = 0; i < length; i++) this.#slab[this.#end + i] = text.charCodeAt(i);
    }
    this.#end += length;
    return this;
  }
  /** A whole number, not negative, up to 2^53 - 1. */
  number(value: number): this {
    if (value > 0x7fffffff) return this.ascii(String(value));
    this.#room(10);
    let digits = 1;
    for (let power = 10; digits < 10 && value >= power; power *= 10) digits++;
    let rest = value | 0;
    for (let at = this.#end + digits - 1; at >= this.#end; at--) {
      const tenth = (rest / 10) | 0;
      this.#slab[at] = 0x30 + rest - tenth * 10;
      rest = tenth;
    }
    this.#end += digits;
    return this;
  }
  /** Octets as they are; large ones are referred to and must not change afterwards. */
  bytes(octets: Uint8Array): this {
    if (octets.length >= REFERENCE_BYTES_MIN) {
      this.#closePiece();
      this.#pieces.push(Buffer.isBuffer(octets) ? octets : Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength));
      this.#piecesBytes += octets.length;
      return this;
    }
    this.#room(octets.length);
    this.#slab.set(octets, this.#end);
    this.#end += octets.length;
    return this;
  }

  /** `{n}` and the octets (RFC 9051 section 4.3). */
  literal(octets: Uint8Array): this {
    return this.byte(0x7b).number(octets.length).byte(0x7d).crlf().bytes(octets);
  }
  /** `~{n}` and the octets, which may contain NUL (RFC 3516). */
  literal8(octets: Uint8Array): this {
    return this.byte(0x7e).literal(octets);
  }
  /** A quoted string of US-ASCII text without CR, LF and NUL. */
  quoted(text: string): this {
    this.#room(2 * text.length + 2);
    this.#slab[this.#end++] = 0x22;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 0x22 || code === 0x5c) this.#slab[this.#end++] = 0x5c;
      this.#slab[this.#end++] = code;
    }
    this.#slab[this.#end++] = 0x22;
    return this;
  }

  /**
   * Octets as a `string`: quoted where the grammar allows it, else a literal. Octets above 127 go as a literal,
   * which is legal for every client (RFC 3501 section 9, CHAR8), unless they are known to be UTF-8 and the client takes that.
   */
  octetString(octets: Uint8Array, options: { readonly utf8Text?: boolean } = {}): this {
    const { length } = octets;
    if (length > QUOTED_BYTES_MAX) return this.literal(withoutNul(octets));
    this.#room(2 * length + 2);
    let end = this.#end;
    this.#slab[end++] = 0x22;
    for (let i = 0; i < length; i++) {
      const octet = octets[i]!;
      if (octet === 0x0d || octet === 0x0a || octet === 0 || (octet > 0x7f && !(options.utf8Text === true && this.utf8))) return this.literal(withoutNul(octets));
      if (octet === 0x22 || octet === 0x5c) this.#slab[end++] = 0x5c;
      this.#slab[end++] = octet;
    }
    this.#slab[end++] = 0x22;
    this.#end = end;
    return this;
  }
  /** `NIL` or a string. */
  nstring(octets: Uint8Array | null): this {
    return octets === null ? this.ascii("NIL") : this.octetString(octets);
  }
  /** Any text as a `string`. */
  string(text: string): this {
    return isPlain(text) && text.length <= QUOTED_BYTES_MAX ? this.quoted(text) : this.octetString(Buffer.from(text, "utf8"), { utf8Text: true });
  }
  /** Any text as an `astring`: an atom where it is one. */
  astring(text: string): this {
    return isAtom(text) ? this.ascii(text) : this.string(text);
  }
  /** A mailbox name, in UTF-8 or modified UTF-7 as the client takes it. */
  mailbox(name: string): this {
    return this.astring(this.utf8 ? name : encodeModifiedUtf7(name));
  }
  /** `(\Seen $Forwarded)`. Flags are atoms, or a backslash and an atom. */
  flags(flags: readonly string[]): this {
    this.byte(0x28);
    for (let i = 0; i < flags.length; i++) {
      if (i > 0) this.byte(0x20);
      this.ascii(flags[i]!);
    }
    return this.byte(0x29);
  }
}

/** Every character may stand in a quoted string of RFC 3501: US-ASCII but CR, LF and NUL. */
function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7e || code < 0x20) return false;
  }
  return true;
}

/** ASTRING-CHAR only, and not NIL, which some clients read as absent. */
function isAtom(text: string): boolean {
  if (text.length === 0 || text.length > 200) return false;
  for (let i = 0; i < text.length; i++) if (!isAtomCode(text.charCodeAt(i))) return false;
  return text.toUpperCase() !== "NIL";
}
/** ATOM-CHAR of RFC 9051 section 9; the `]` that ASTRING-CHAR adds is quoted by us, since it also ends response codes. */
function isAtomCode(code: number): boolean {
  if (code <= 0x20 || code >= 0x7f) return false;
  switch (code) {
    case 0x28: case 0x29: case 0x7b: case 0x25: case 0x2a: case 0x22: case 0x5c: case 0x5d:
      return false;
    default:
      return true;
  }
}

/** A literal holds no NUL (RFC 9051 section 4.3.1). Where a header has one all the same, `?` stands for it. */
function withoutNul(octets: Uint8Array): Uint8Array {
  if (!octets.includes(0)) return octets;
  return Uint8Array.from(octets, (octet) => (octet === 0 ? 0x3f : octet));
}
