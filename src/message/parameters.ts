/** Content-Type and Content-Disposition: a value and parameters (RFC 2045 section 5.1, RFC 2183, RFC 2231), taken as they come. */
import { decodeCharset, decodeRawText } from "./charset.ts";
import { parameterOctetsMax, parametersMax } from "./limits.ts";
import { isBlank, trimBlanks } from "./octets.ts";
import type { ContentDisposition, ContentType, Parameters } from "./part.ts";

const NONE: Parameters = { params: new Map(), wireParams: [] };
const TOKEN = /[^\s()<>@,;:\\"/[\]?=]+/y;
/** The start of another parameter, whose semicolon was forgotten. */
const NEXT_PARAMETER = /[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}[ \t]*=/y;

/** Default of RFC 2045 section 5.2. */
export const TEXT_PLAIN: ContentType = { type: "text", subtype: "plain", ...NONE };
/** Default inside multipart/digest (RFC 2046 section 5.1.5). */
export const MESSAGE_RFC822: ContentType = { type: "message", subtype: "rfc822", ...NONE };
/** What nobody looked into. */
export const OCTET_STREAM: ContentType = { type: "application", subtype: "octet-stream", ...NONE };

/** Null when there is no type and subtype: RFC 2045 section 5.2 then wants the default. `text` is unfolded latin1. */
export function parseContentType(text: string): ContentType | null {
  const input = text.slice(0, parameterOctetsMax);
  let at = skipComments(input, 0);
  const type = tokenAt(input, at);
  at = skipComments(input, at + type.length);
  if (type === "") return null;
  if (input[at] !== "/") {
    // "Content-Type: text" is older than MIME.
    return type.toLowerCase() === "text" ? { type: "text", subtype: "plain", ...parseParameters(input, at) } : null;
  }
  at = skipComments(input, at + 1);
  const subtype = tokenAt(input, at);
  if (subtype === "") return null;
  return { type: type.toLowerCase(), subtype: subtype.toLowerCase(), ...parseParameters(input, at + subtype.length) };
}

/** Null when there is no token in front. */
export function parseContentDisposition(text: string): ContentDisposition | null {
  const input = text.slice(0, parameterOctetsMax);
  const at = skipComments(input, 0);
  const type = tokenAt(input, at);
  return type === "" ? null : { type: type.toLowerCase(), ...parseParameters(input, at + type.length) };
}

/** The first token of a field such as Content-Transfer-Encoding, in lower case; "" when there is none. */
export function firstToken(text: string): string {
  return tokenAt(text, skipComments(text, 0)).toLowerCase();
}

function tokenAt(text: string, at: number): string {
  TOKEN.lastIndex = at;
  return TOKEN.exec(text)?.[0] ?? "";
}

/** Behind blanks and comments (RFC 5322 section 3.2.2). A comment without an end is the rest. */
export function skipComments(text: string, from: number): number {
  let depth = 0;
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 40) depth++;
    else if (depth > 0 && code === 41) depth--;
    else if (depth > 0 && code === 92) at++;
    else if (depth === 0 && !isBlank(code)) return at;
  }
  return text.length;
}

function parseParameters(text: string, from: number): Parameters {
  const read: [name: string, value: string][] = [];
  let at = from;
  while (at < text.length && read.length < parametersMax) {
    at = skipComments(text, at);
    if (text[at] === ";") {
      at++;
      continue;
    }
    const nameEnd = endOfName(text, at);
    // A comment can stand between the name and its "=".
    const name = trimBlanks(text.slice(at, nameEnd).split("(", 1)[0]!).toLowerCase();
    if (text[nameEnd] !== "=") {
      at = nameEnd + (nameEnd === at ? 1 : 0);
      continue;
    }
    const value = valueAt(text, skipComments(text, nameEnd + 1));
    if (name !== "") read.push([name, value.text]);
    at = value.end;
  }
  return read.length === 0 ? NONE : joinSegments(read);
}

function endOfName(text: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== "=" && text[at] !== ";" && text[at] !== '"') at++;
  return at;
}

interface Read {
  readonly text: string;
  readonly end: number;
}

function valueAt(text: string, from: number): Read {
  if (text[from] === '"') return quotedStringAt(text, from);
  let at = from;
  for (; at < text.length && text[at] !== ";"; at++) {
    if (!isBlank(text.charCodeAt(at))) continue;
    // A blank ends the value before a comment or another parameter; else it is part of a file name nobody quoted.
    while (at < text.length && isBlank(text.charCodeAt(at))) at++;
    if (text[at] === "(" || text[at] === ";") break;
    NEXT_PARAMETER.lastIndex = at;
    if (NEXT_PARAMETER.test(text)) break;
    at--;
  }
  return { text: trimBlanks(text.slice(from, at)), end: at };
}

/**
 * A quoted string at `from` (RFC 5322 section 3.2.4); without its end it is the rest. A backslash before anything but a quote or
 * a backslash stays: file names with such paths and Shift_JIS octets are more common than other quoted pairs.
 */
export function quotedStringAt(text: string, from: number): Read {
  let at = from + 1;
  let escaped = false;
  for (; at < text.length && text[at] !== '"'; at++) {
    if (text[at] !== "\\") continue;
    escaped = true;
    at++;
  }
  const inside = text.slice(from + 1, at);
  return { text: escaped ? inside.replace(/\\(["\\])/g, "$1") : inside, end: Math.min(at + 1, text.length) };
}

interface Segment {
  readonly index: number;
  readonly encoded: boolean;
  readonly text: string;
}
interface Pieces {
  plain: string | null;
  /** `name*=` or `name*0*=` and its continuations (RFC 2231 section 3 and 4). */
  readonly segments: Segment[];
}

const SEGMENT = /^([^*]+)\*(?:([0-9]{1,4})(\*)?)?$/;

function joinSegments(read: readonly (readonly [string, string])[]): Parameters {
  const byName = new Map<string, Pieces>();
  for (const [written, text] of read) {
    const match = written.includes("*") ? SEGMENT.exec(written) : null;
    const name = match?.[1] ?? written;
    let pieces = byName.get(name);
    if (pieces === undefined) byName.set(name, (pieces = { plain: null, segments: [] }));
    if (match === null) pieces.plain ??= text;
    else pieces.segments.push({ index: Number(match[2] ?? 0), encoded: match[2] === undefined || match[3] !== undefined, text });
  }
  const params = new Map<string, string>();
  const wireParams: (readonly [string, string])[] = [];
  for (const [name, { plain, segments }] of byName) {
    const ordered = consecutive(segments);
    if (ordered.length === 0) {
      if (plain === null) continue;
      params.set(name, decodeRawText(Buffer.from(plain, "latin1")));
      wireParams.push([name, plain]);
      continue;
    }
    params.set(name, decodeSegments(ordered));
    const encoded = ordered.some((segment) => segment.encoded);
    wireParams.push(encoded ? [`${name}*`, writeSegments(ordered)] : [name, ordered.map(({ text }) => text).join("")]);
  }
  return { params, wireParams };
}

/** Segments in their order up to the first that is missing; the first of two with one number counts. */
function consecutive(segments: Segment[]): Segment[] {
  segments.sort((a, b) => a.index - b.index);
  const first = segments[0]?.index ?? 0;
  const ordered: Segment[] = [];
  for (const segment of segments) if (segment.index === first + ordered.length) ordered.push(segment);
  return ordered;
}

/** `charset'language'text` (RFC 2231 section 4). */
function splitCharset(text: string): { readonly charset: string; readonly language: string; readonly text: string } {
  const first = text.indexOf("'");
  const second = first < 0 ? -1 : text.indexOf("'", first + 1);
  if (second < 0) return { charset: "", language: "", text };
  return { charset: text.slice(0, first), language: text.slice(first + 1, second), text: text.slice(second + 1) };
}

function decodeSegments(segments: readonly Segment[]): string {
  let charset = "";
  const octets = segments.map((segment, at) => {
    if (!segment.encoded) return Buffer.from(segment.text, "latin1");
    if (at > 0) return percentDecode(segment.text);
    const split = splitCharset(segment.text);
    charset = split.charset;
    return percentDecode(split.text);
  });
  return decodeCharset(Buffer.concat(octets), charset);
}

function writeSegments(segments: readonly Segment[]): string {
  const first = segments[0]!.encoded ? splitCharset(segments[0]!.text) : { charset: "", language: "" };
  const text = segments.map((segment, at) => {
    if (!segment.encoded) return segment.text.replace(/[^!#$&+.^_`|~0-9A-Za-z-]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
    return at === 0 ? splitCharset(segment.text).text : segment.text;
  });
  return `${first.charset}'${first.language}'${text.join("")}`;
}

function percentDecode(text: string): Buffer {
  return Buffer.from(text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), "latin1");
}
