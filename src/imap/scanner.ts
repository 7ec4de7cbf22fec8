/** Reads the tokens of one assembled command (RFC 9051 section 9). Private to the parsers of this folder. */
import type { RawCommand } from "./command-reader.ts";
import { ARGUMENT_LITERAL_BYTES_MAX, FLAGS_MAX, FLAG_BYTES_MAX, OPTIONS_MAX } from "./limits.ts";
import { canonicalMailboxName, NO_NAME } from "./mailbox-name.ts";
import { decodeModifiedUtf7 } from "./modified-utf7.ts";
import { parseSequenceSet } from "./sequence-set.ts";
import type { SequenceSet } from "./sequence-set.ts";

/** Thrown by the parsers of this folder and turned into a value by parseCommand. Its text goes to the client and never repeats the client's octets. */
export class CommandSyntaxError extends Error {
  override name = "CommandSyntaxError";
}
export function refuse(text: string): never {
  throw new CommandSyntaxError(text);
}

const ATOM = 1;
const ASTRING = 2;
const LIST = 4;
const TAG = 8;
/** For each octet, the kinds of token it may be part of. */
const CLASS = new Uint8Array(256);
for (let octet = 0x21; octet < 0x7f; octet++) {
  const c = String.fromCharCode(octet);
  if (!'(){%*"\\]'.includes(c)) CLASS[octet] = ATOM | ASTRING | LIST | (c === "+" ? 0 : TAG);
  else if (c === "]") CLASS[octet] = ASTRING | LIST | TAG;
  else if (c === "%" || c === "*") CLASS[octet] = LIST;
}
const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const BACKSLASH = 0x5c;

const SYSTEM_FLAGS: ReadonlyMap<string, string> = new Map(["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"].map((flag) => [flag.toLowerCase(), flag]));
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Scanner {
  readonly #text: Buffer;
  readonly #raw: RawCommand;
  readonly #utf8: boolean;
  #at = 0;
  #literal = 0;

  constructor(raw: RawCommand, options: { readonly utf8: boolean }) {
    this.#raw = raw;
    this.#text = raw.text;
    this.#utf8 = options.utf8;
  }

  /** The next octet, -1 at the end. */
  peek(): number {
    return this.#text[this.#at] ?? -1;
  }
  isAt(character: string): boolean {
    return this.peek() === character.charCodeAt(0);
  }
  /** Takes the character where it is next. */
  skip(character: string): boolean {
    if (!this.isAt(character)) return false;
    this.#at++;
    return true;
  }
  expect(character: string): void {
    if (!this.skip(character)) refuse(`Expected ${character} in the arguments`);
  }
  /** The one space between arguments. */
  space(): void {
    if (this.peek() !== SPACE) refuse(this.#at >= this.#text.length ? "Missing argument" : "Expected a space between arguments");
    this.#at++;
  }
  /** Takes a space where another argument follows. Spaces at the very end, which some clients send, are none. */
  more(): boolean {
    if (this.peek() !== SPACE || this.#onlySpacesLeft()) return false;
    this.#at++;
    return true;
  }
  end(): void {
    if (!this.#onlySpacesLeft()) refuse("Unexpected text after the arguments");
  }
  #onlySpacesLeft(): boolean {
    for (let at = this.#at; at < this.#text.length; at++) if (this.#text[at] !== SPACE) return false;
    return true;
  }

  #run(kind: number): string {
    const start = this.#at;
    while (this.#at < this.#text.length && (CLASS[this.#text[this.#at]!]! & kind) !== 0) this.#at++;
    return this.#text.toString("latin1", start, this.#at);
  }
  /** Empty when there is none. */
  tag(): string {
    return this.#run(TAG);
  }
  atom(what: string): string {
    const atom = this.#run(ATOM);
    return atom === "" ? refuse(`Expected ${what}`) : atom;
  }
  /** An atom in upper case. */
  keyword(what: string): string {
    return this.atom(what).toUpperCase();
  }
  /** Letters, digits, `.`, `+` and `-` in upper case, as in BODY.PEEK, HEADER.FIELDS or -FLAGS.SILENT; a `[` ends it. */
  dotted(what: string): string {
    const start = this.#at;
    while (this.#at < this.#text.length && isDotted(this.#text[this.#at]!)) this.#at++;
    return start === this.#at ? refuse(`Expected ${what}`) : this.#text.toString("latin1", start, this.#at).toUpperCase();
  }

  /** A whole number of at most `max`, saturated at 2^53 - 1: larger ones compare alike with anything there is. */
  number(what: string, bounds: { readonly min?: number; readonly max?: number } = {}): number {
    const start = this.#at;
    while (this.peek() >= 0x30 && this.peek() <= 0x39) this.#at++;
    const digits = this.#at - start;
    if (digits === 0 || digits > 20) refuse(`Expected ${what}`);
    const value = Number(this.#text.toString("latin1", start, this.#at));
    if (value < (bounds.min ?? 0) || value > (bounds.max ?? Infinity)) refuse(`Out of range: ${what}`);
    return Math.min(value, Number.MAX_SAFE_INTEGER);
  }
  sequenceSet(): SequenceSet {
    const start = this.#at;
    while (isSetCharacter(this.peek())) this.#at++;
    return parseSequenceSet(this.#text.toString("latin1", start, this.#at)) ?? refuse("Expected a sequence set such as 1:3,7 with at most 10000 ranges");
  }

  /** A literal is next in the line. */
  isAtLiteral(): boolean {
    return this.isAt("{") || (this.isAt("~") && this.#text[this.#at + 1] === 0x7b);
  }
  literal(): { readonly octets: Buffer; readonly binary: boolean } {
    const next = this.#raw.literals[this.#literal];
    if (next === undefined) return refuse("Expected a literal");
    const marker = this.#text.toString("latin1", this.#at, next.at);
    if (!/^~?\{\d+\+?\}\r?\n$/.test(marker)) return refuse("Expected a literal");
    this.#literal++;
    this.#at = next.at;
    return { octets: next.octets, binary: marker.startsWith("~") };
  }
  /** The octets of a quoted string or an argument literal. */
  string(what: string): Buffer {
    if (this.peek() === QUOTE) return this.#quoted();
    if (!this.isAt("{")) return refuse(`Expected ${what}`);
    const { octets } = this.literal();
    if (octets.length > ARGUMENT_LITERAL_BYTES_MAX) refuse("The literal is too big");
    // RFC 9051 section 4.3: CHAR8 is any octet but NUL.
    return octets.includes(0) ? refuse("A string has no NUL in it") : octets;
  }
  astring(what: string): Buffer {
    return this.#octetsOf(ASTRING, what);
  }
  #octetsOf(kind: number, what: string): Buffer {
    const octet = this.peek();
    if (octet === QUOTE || octet === 0x7b) return this.string(what);
    const start = this.#at;
    while (this.#at < this.#text.length && (CLASS[this.#text[this.#at]!]! & kind) !== 0) this.#at++;
    return start === this.#at ? refuse(`Expected ${what}`) : this.#text.subarray(start, this.#at);
  }
  #quoted(): Buffer {
    const text = this.#text;
    const start = ++this.#at;
    let escapes = 0;
    let at = start;
    for (; ; at++) {
      const octet = text[at];
      if (octet === undefined || octet === 0x0d || octet === 0x0a) return refuse("A quoted string is not closed");
      if (octet === 0) return refuse("A string has no NUL in it");
      if (octet === QUOTE) break;
      if (octet !== BACKSLASH) continue;
      const escaped = text[++at];
      if (escaped !== QUOTE && escaped !== BACKSLASH) return refuse('In a quoted string only \\ and " follow a backslash');
      escapes++;
    }
    this.#at = at + 1;
    return escapes === 0 ? text.subarray(start, at) : unescape(text.subarray(start, at), escapes);
  }
  /** A string, or NIL as null. */
  nstring(what: string): Buffer | null {
    if (this.peek() === QUOTE || this.isAt("{")) return this.string(what);
    return this.keyword(what) === "NIL" ? null : refuse(`Expected ${what}`);
  }
  /** An astring that must be UTF-8. */
  text(what: string): string {
    return this.#decode(this.astring(what), what);
  }
  #decode(octets: Buffer, what: string): string {
    try {
      return strictUtf8.decode(octets);
    } catch {
      return refuse(`Not UTF-8: ${what}`);
    }
  }

  /** A mailbox name, decoded and canonical. */
  mailbox(): string {
    return canonicalMailboxName(this.#name(ASTRING, "a mailbox name"));
  }
  /** A mailbox name that may have wildcards, decoded. */
  listMailbox(): string {
    return this.#name(LIST, "a mailbox pattern");
  }
  #name(kind: number, what: string): string {
    const octets = this.#octetsOf(kind, what);
    // RFC 9051 section 5.1: after ENABLE names are UTF-8, and `&` is only itself.
    if (this.#utf8) return this.#decode(octets, what);
    const text = octets.toString("latin1");
    const decoded = decodeModifiedUtf7(text);
    if (decoded !== null) return decoded;
    if (/[^\x20-\x7e]/.test(text)) refuse("The mailbox name is not modified UTF-7 (RFC 3501 section 5.1.3); ENABLE IMAP4rev2 or UTF8=ACCEPT to send UTF-8");
    return NO_NAME + text;
  }

  /** `(` items separated by one space `)`, the opening parenthesis being next. `max` bounds the items. */
  list<T>(item: () => T, bounds: { readonly what: string; readonly max?: number; readonly empty?: boolean }): T[] {
    this.expect("(");
    const items: T[] = [];
    if (this.peek() === CLOSE) {
      if (bounds.empty !== true) refuse(`Expected ${bounds.what}`);
      this.#at++;
      return items;
    }
    for (;;) {
      if (items.length >= (bounds.max ?? OPTIONS_MAX)) refuse(`Too many: ${bounds.what}`);
      items.push(item());
      if (this.skip(")")) return items;
      this.space();
    }
  }
  isAtList(): boolean {
    return this.peek() === OPEN;
  }
  /** A flag that a client may set: a system flag in the RFC's spelling, or a keyword. */
  flag(): string {
    if (!this.skip("\\")) {
      const keyword = this.atom("a flag");
      return keyword.length > FLAG_BYTES_MAX ? refuse("A flag is too long") : keyword;
    }
    const flag = SYSTEM_FLAGS.get(`\\${this.atom("a flag").toLowerCase()}`);
    return flag ?? refuse("Not a system flag that a client can set");
  }
  /** Flags in parentheses, each once. */
  flagList(): string[] {
    return eachOnce(this.list(() => this.flag(), { what: "flags", max: FLAGS_MAX, empty: true }));
  }
}

/** Flags without repetition; they compare without case (RFC 9051 section 2.3.2). */
export function eachOnce(flags: readonly string[]): string[] {
  const seen = new Set<string>();
  return flags.filter((flag) => {
    const key = flag.toLowerCase();
    return !seen.has(key) && seen.add(key);
  });
}

function unescape(octets: Buffer, escapes: number): Buffer {
  const plain = Buffer.allocUnsafe(octets.length - escapes);
  let to = 0;
  for (let at = 0; at < octets.length; at++) {
    if (octets[at] === BACKSLASH) at++;
    plain[to++] = octets[at]!;
  }
  return plain;
}
const isSetCharacter = (octet: number): boolean => (octet >= 0x30 && octet <= 0x39) || octet === 0x3a || octet === 0x2c || octet === 0x2a || octet === 0x24;
const isDotted = (octet: number): boolean =>
  (octet >= 0x41 && octet <= 0x5a) || (octet >= 0x61 && octet <= 0x7a) || (octet >= 0x30 && octet <= 0x39) || octet === 0x2e || octet === 0x2b || octet === 0x2d;
