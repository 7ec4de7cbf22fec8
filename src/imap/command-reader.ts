/**
 * Assembles commands from the chunks of a connection (RFC 9051 sections 2.2.1, 4.3; RFC 7888; RFC 3516).
 *
 * `push` what was read, then call `next` until it says `need-more`, and only then read on: so what is kept is bounded by
 * the limits and one chunk. How the octets are cut into chunks never changes what comes out.
 * A line ends with LF, with or without CR before it, for people who type; within a line CR is refused by the parser.
 */
import { EMPTY } from "../base/bytes.ts";
import {
  ARGUMENT_LITERALS_BYTES_MAX, ARGUMENT_LITERAL_BYTES_MAX, LINE_BYTES_MAX, LITERALS_MAX, LITERAL_DIGITS_MAX, MESSAGE_BYTES_MAX,
  RESPONSE_LINE_BYTES_MAX, TAG_BYTES_MAX,
} from "./limits.ts";

/** A command as it came: its line without the literals' octets, and these apart. */
export interface RawCommand {
  /** The whole line, with `{n}` and the line ends after it where literals were, without the last line end. */
  readonly text: Buffer;
  readonly literals: readonly RawLiteral[];
}
export interface RawLiteral {
  /** Where in `text` the octets stood: just after the line end that follows `{n}`. */
  readonly at: number;
  readonly octets: Buffer;
}

export type ReaderEvent =
  | { readonly kind: "need-more" }
  /**
   * The client waits for `+` before it sends a literal that is within the limits. Call `acceptLiteral` and send the continuation,
   * or `refuseLiteral` and send a tagged NO or BAD. `message`: the literal is a message of APPEND, and `soFar` (the line up to
   * and with `{n}`) tells where it shall go.
   */
  | { readonly kind: "continue"; readonly synchronizing: true; readonly tag: string | null; readonly literalBytes: number; readonly message: boolean; readonly soFar: RawCommand }
  | { readonly kind: "command"; readonly raw: RawCommand }
  /** To be answered `<tag> <response> [TOOBIG] <detail>` without waiting; the rest of the command is skipped. */
  | { readonly kind: "too-long"; readonly tag: string | null; readonly response: "NO" | "BAD"; readonly detail: string }
  /** The stream cannot be followed any more: answer BAD or BYE and close. */
  | { readonly kind: "bad"; readonly tag: string | null; readonly detail: string };

export type LineEvent =
  | { readonly kind: "need-more" }
  /** Without its line end. */
  | { readonly kind: "line"; readonly octets: Buffer }
  | { readonly kind: "too-long" };

interface Marker {
  readonly start: number;
  /** NaN when the number has more digits than any limit. */
  readonly size: number;
  readonly synchronizing: boolean;
}

const CR = 0x0d;
const LF = 0x0a;
/** `~{`, the digits, `+}` and CRLF fit in the tail that is kept of a line being skipped. */
const MARKER_BYTES_MAX = 64;

export class CommandReader {
  /** Octets of one message of APPEND. A server sets it low until the client has authenticated. */
  messageBytesMax: number;
  readonly #appendBytesMax: number | null;
  #buffer: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** Up to here no LF was found. */
  #scanned = 0;
  #segments: Buffer[] = [];
  #textBytes = 0;
  #literals: RawLiteral[] = [];
  #argumentBytes = 0;
  #messageBytes = 0;
  #filling: { readonly octets: Buffer; filled: number } | null = null;
  #asked: Extract<ReaderEvent, { kind: "continue" }> | null = null;
  #skipBytes = 0;
  #discarding: "nothing" | "command" | "line" = "nothing";

  /** `appendBytesMax`: octets of all messages of one APPEND together; twice `messageBytesMax` when absent. */
  constructor(options: { readonly messageBytesMax?: number; readonly appendBytesMax?: number } = {}) {
    this.messageBytesMax = options.messageBytesMax ?? MESSAGE_BYTES_MAX;
    this.#appendBytesMax = options.appendBytesMax ?? null;
  }

  /** Octets pushed and not yet taken. */
  get bytesWaiting(): number {
    return this.#end - this.#start;
  }

  /** Nothing of a command has come. */
  get isBetweenCommands(): boolean {
    return this.#end === this.#start && this.#segments.length === 0 && this.#skipBytes === 0 && this.#discarding === "nothing";
  }

  /** Takes over the octets; the caller does not change them afterwards. */
  push(bytes: Buffer): void {
    const left = this.#end - this.#start;
    if (left === 0) {
      this.#buffer = bytes;
      this.#start = this.#scanned = 0;
      this.#end = bytes.length;
      return;
    }
    if (this.#buffer.length - this.#end < bytes.length) {
      // What was handed out refers to the old memory, so octets move to new memory; doubling keeps the cost linear.
      const grown = Buffer.allocUnsafeSlow(Math.max(4096, 2 * (left + bytes.length)));
      this.#buffer.copy(grown, 0, this.#start, this.#end);
      this.#buffer = grown;
      this.#scanned -= this.#start;
      this.#start = 0;
      this.#end = left;
    }
    bytes.copy(this.#buffer, this.#end);
    this.#end += bytes.length;
  }

  next(): ReaderEvent {
    for (;;) {
      if (this.#asked !== null) return this.#asked;
      if (!this.#skipped() || !this.#filled()) return { kind: "need-more" };
      const lineEnd = this.#findLineEnd();
      if (this.#discarding !== "nothing") {
        if (!this.#discard(lineEnd)) return { kind: "need-more" };
        continue;
      }
      const bytes = (lineEnd < 0 ? this.#end : lineEnd) - this.#start;
      if (this.#textBytes + bytes > LINE_BYTES_MAX) return this.#tooLong("The command line is too long", "BAD", 0);
      if (lineEnd < 0) return { kind: "need-more" };
      const event = this.#takeSegment(lineEnd);
      if (event !== null) return event;
    }
  }

  /** The literal last asked about shall come. */
  acceptLiteral(): void {
    if (this.#asked === null) return;
    this.#filling = { octets: Buffer.allocUnsafeSlow(this.#asked.literalBytes), filled: 0 };
    this.#asked = null;
  }
  /** It shall not: the command is forgotten, and what comes next is a new one. */
  refuseLiteral(): void {
    if (this.#asked === null) return;
    this.#asked = null;
    this.#forget();
  }

  /** One line by itself, between commands: a SASL response, or the DONE of IDLE. Literals mean nothing in it. */
  nextLine(): LineEvent {
    for (;;) {
      if (!this.#skipped()) return { kind: "need-more" };
      const lineEnd = this.#findLineEnd();
      if (this.#discarding !== "nothing") {
        if (!this.#discard(lineEnd)) return { kind: "need-more" };
        continue;
      }
      const bytes = (lineEnd < 0 ? this.#end : lineEnd) - this.#start;
      if (bytes > RESPONSE_LINE_BYTES_MAX) {
        this.#discarding = "line";
        return { kind: "too-long" };
      }
      if (lineEnd < 0) return { kind: "need-more" };
      const octets = this.#buffer.subarray(this.#start, this.#contentEnd(lineEnd));
      this.#consumeTo(lineEnd);
      return { kind: "line", octets };
    }
  }

  /** Throws away what was pushed and not taken (RFC 9051 section 6.2.1: nothing sent before TLS counts after it). */
  discardAll(): number {
    const bytes = this.#end - this.#start;
    this.#buffer = EMPTY;
    this.#start = this.#end = this.#scanned = 0;
    this.#asked = null;
    this.#skipBytes = 0;
    this.#discarding = "nothing";
    this.#forget();
    return bytes;
  }

  #forget(): void {
    this.#segments = [];
    this.#textBytes = 0;
    this.#literals = [];
    this.#argumentBytes = 0;
    this.#messageBytes = 0;
    this.#filling = null;
  }
  #consumeTo(at: number): void {
    this.#start = this.#scanned = at;
  }

  /** Skips octets of a refused literal; false while more of them are to come. */
  #skipped(): boolean {
    const bytes = Math.min(this.#skipBytes, this.#end - this.#start);
    if (bytes > 0) this.#consumeTo(this.#start + bytes);
    this.#skipBytes -= bytes;
    return this.#skipBytes === 0;
  }
  /** Copies into the literal being filled; false while more of it is to come. */
  #filled(): boolean {
    const filling = this.#filling;
    if (filling === null) return true;
    const bytes = Math.min(filling.octets.length - filling.filled, this.#end - this.#start);
    this.#buffer.copy(filling.octets, filling.filled, this.#start, this.#start + bytes);
    filling.filled += bytes;
    this.#consumeTo(this.#start + bytes);
    if (filling.filled < filling.octets.length) return false;
    this.#literals.push({ at: this.#textBytes, octets: filling.octets });
    this.#filling = null;
    return true;
  }
  /** Just after the next LF, or -1. No octet is looked at twice. */
  #findLineEnd(): number {
    const at = this.#buffer.subarray(0, this.#end).indexOf(LF, this.#scanned);
    this.#scanned = at < 0 ? this.#end : at;
    return at < 0 ? -1 : at + 1;
  }
  #contentEnd(lineEnd: number): number {
    return lineEnd - 2 >= this.#start && this.#buffer[lineEnd - 2] === CR ? lineEnd - 2 : lineEnd - 1;
  }

  /** Skips a line, and the literals the client sends unasked after it: their octets are no commands. True when the line's end was there. */
  #discard(lineEnd: number): boolean {
    if (lineEnd < 0) {
      this.#start = Math.max(this.#start, this.#end - MARKER_BYTES_MAX);
      return false;
    }
    const marker = this.#discarding === "command" ? this.#markerBefore(this.#contentEnd(lineEnd)) : null;
    this.#consumeTo(lineEnd);
    if (marker === null || marker.synchronizing || Number.isNaN(marker.size)) this.#discarding = "nothing";
    else this.#skipBytes = marker.size;
    return true;
  }

  /** One line of the command, which ends it or announces a literal. */
  #takeSegment(lineEnd: number): ReaderEvent | null {
    const contentEnd = this.#contentEnd(lineEnd);
    const marker = this.#markerBefore(contentEnd);
    if (marker === null) {
      const last = this.#buffer.subarray(this.#start, contentEnd);
      const text = this.#segments.length === 0 ? last : Buffer.concat([...this.#segments, last]);
      const raw = { text, literals: this.#literals };
      this.#consumeTo(lineEnd);
      this.#forget();
      return { kind: "command", raw };
    }
    this.#segments.push(this.#buffer.subarray(this.#start, lineEnd));
    this.#textBytes += lineEnd - this.#start;
    const message = this.#announcesMessage(marker.start - this.#start);
    this.#consumeTo(lineEnd);
    const refused = this.#refusalOf(marker, message);
    if (refused !== null) return refused;
    if (message) this.#messageBytes += marker.size;
    else this.#argumentBytes += marker.size;
    if (!marker.synchronizing) {
      this.#filling = { octets: Buffer.allocUnsafeSlow(marker.size), filled: 0 };
      return null;
    }
    const soFar = { text: Buffer.concat(this.#segments), literals: this.#literals };
    this.#asked = { kind: "continue", synchronizing: true, tag: this.#tag(), literalBytes: marker.size, message, soFar };
    return this.#asked;
  }

  #refusalOf(marker: Marker, message: boolean): ReaderEvent | null {
    const { size, synchronizing } = marker;
    if (Number.isNaN(size) && !synchronizing) return { kind: "bad", tag: this.#tag(), detail: "The size of the literal is beyond all limits" };
    const fits = message
      ? size <= this.messageBytesMax && this.#messageBytes + size <= (this.#appendBytesMax ?? 2 * this.messageBytesMax)
      : size <= ARGUMENT_LITERAL_BYTES_MAX && this.#argumentBytes + size <= ARGUMENT_LITERALS_BYTES_MAX;
    const few = this.#literals.length < LITERALS_MAX;
    if (fits && few) return null;
    const detail = !few ? "The command has too many literals" : message ? "The message is too big" : "The literal is too big";
    // RFC 7888 section 4 asks for BAD after an unasked literal; a client that asked learns with NO that its message was the reason.
    return this.#tooLong(detail, synchronizing && message ? "NO" : "BAD", synchronizing ? null : size);
  }
  /** `skip`: octets to skip before the rest of the line; null when the client sends nothing more of this command. */
  #tooLong(detail: string, response: "NO" | "BAD", skip: number | null): ReaderEvent {
    const tag = this.#tag();
    this.#forget();
    if (skip !== null) {
      this.#skipBytes = skip;
      this.#discarding = "command";
    }
    return { kind: "too-long", tag, response, detail };
  }

  /** `{n}`, `{n+}`, `~{n}` or `~{n+}` that ends at `end`. */
  #markerBefore(end: number): Marker | null {
    const buffer = this.#buffer;
    let at = end - 1;
    if (at <= this.#start || buffer[at] !== 0x7d) return null;
    at--;
    const synchronizing = buffer[at] !== 0x2b;
    if (!synchronizing) at--;
    const digitsEnd = at + 1;
    const lowest = Math.max(this.#start, digitsEnd - (MARKER_BYTES_MAX - 8));
    while (at >= lowest && buffer[at]! >= 0x30 && buffer[at]! <= 0x39) at--;
    if (at < lowest || buffer[at] !== 0x7b || at + 1 === digitsEnd) return null;
    const size = digitsEnd - at - 1 > LITERAL_DIGITS_MAX ? Number.NaN : Number(buffer.toString("latin1", at + 1, digitsEnd));
    return { start: at > this.#start && buffer[at - 1] === 0x7e ? at - 1 : at, size, synchronizing };
  }

  /** Whether a literal announced at `offset` of the newest segment is a message: any literal of APPEND but the mailbox's name. */
  #announcesMessage(offset: number): boolean {
    const first = this.#segments[0]!;
    const head = first.toString("latin1", 0, TAG_BYTES_MAX + 8);
    const found = /^[^ ]+ APPEND /i.exec(head);
    return found !== null && (this.#segments.length > 1 || offset > found[0].length);
  }

  /** The tag of the command in progress, where it has one. */
  #tag(): string | null {
    const first = this.#segments[0] ?? this.#buffer.subarray(this.#start, this.#end);
    const found = /^([\x21\x23\x24\x26\x27\x2c-\x5b\x5d-\x7a\x7c-\x7e]+) /.exec(first.toString("latin1", 0, TAG_BYTES_MAX + 1));
    return found?.[1] ?? null;
  }
}
