/** Encoded words (RFC 2047): text other than US-ASCII in header fields. */
import { decodeCharset, decodeRawText } from "./charset.ts";
import { decodeTransferEncoding } from "./transfer-encoding.ts";

/** The language is RFC 2231 section 5. Blanks in the text are not allowed, but agents write them. */
const WORD = /=\?([^\s?*]{1,64})(?:\*[^\s?]{0,64})?\?([BbQq])\?([^?]*)\?=/g;
/** RFC 2047 section 2, for one word and for a line that holds one. */
const WORD_MAX = 75;
const LINE_MAX = 76;
const PREFIX = "=?UTF-8?B?";
const SUFFIX = "?=";
/** A cut lasts at most four words of one length: their sum is then whole groups. */
const CUT_MAX = 4;

/** Encoded words of one charset that follow each other. */
interface Run {
  readonly charset: string;
  readonly octets: Buffer[];
  /** Words that some agents cut inside a group of four: they make sense only together. */
  cut: string[];
}

/**
 * Decodes the encoded words in unfolded header text, or in its octets. Words that follow each other in one charset are joined
 * before the charset is decoded, so characters that were cut apart are whole again. What is broken stays as it is.
 */
export function decodeEncodedWords(text: string | Uint8Array): string {
  const input = typeof text === "string" ? text : decodeRawText(text);
  if (!input.includes("=?")) return input;
  const out: string[] = [];
  let run: Run = { charset: "", octets: [], cut: [] };
  let end = 0;
  for (const match of input.matchAll(WORD)) {
    const [word, label, encoding, encoded] = match;
    const charset = label!.toLowerCase();
    const between = input.slice(end, match.index);
    const apart = end === 0 || !/^\s*$/.test(between);
    if (apart || run.charset !== charset) {
      out.push(decodeRun(run), apart ? between : "");
      run = { charset, octets: [], cut: [] };
    }
    if (/[^\x00-\x7f]/.test(encoded!)) {
      out.push(decodeRun(run), decodeRawQ(encoded!, charset));
      run = { charset, octets: [], cut: [] };
    } else if (encoding === "B" || encoding === "b") addBase64(run, encoded!.replace(/\s+/g, ""));
    else addQ(run, encoded!);
    end = match.index + word.length;
  }
  out.push(decodeRun(run), input.slice(end));
  return out.join("");
}

const fromBase64 = (text: string): Buffer => decodeTransferEncoding(Buffer.from(text, "latin1"), "base64");

function addBase64(run: Run, text: string): void {
  run.cut.push(text);
  const length = run.cut.reduce((sum, piece) => sum + piece.length, 0);
  if (length % 4 !== 0 && !text.endsWith("=") && run.cut.length < CUT_MAX) return;
  run.octets.push(fromBase64(run.cut.join("")));
  run.cut = [];
}

function addQ(run: Run, text: string): void {
  flushCut(run);
  run.octets.push(decodeQ(text));
}

/** Words that never came to whole groups of four only lack their padding. */
function flushCut(run: Run): void {
  for (const piece of run.cut) run.octets.push(fromBase64(piece));
  run.cut = [];
}

function decodeRun(run: Run): string {
  flushCut(run);
  return run.octets.length === 0 ? "" : decodeCharset(Buffer.concat(run.octets), run.charset);
}

/** Characters that are not allowed raw in a word, but are there, are text already; what is between them is in the charset. */
function decodeRawQ(text: string, charset: string): string {
  const pieces = text.split(/([^\x00-\x7f]+)/);
  return pieces.map((piece, at) => (at % 2 === 1 ? piece : decodeCharset(decodeQ(piece), charset))).join("");
}

/** RFC 2047 section 4.2. */
function decodeQ(text: string): Buffer {
  return Buffer.from(text.replace(/_/g, " ").replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))), "latin1");
}

/**
 * Text for an unstructured field or a phrase, folded by CRLF SP: printable US-ASCII words stay, the rest becomes encoded words
 * (B, UTF-8). Line ends and controls are encoded too, so no text can add a field. `column` is where the first line begins.
 */
export function encodeHeaderText(text: string, column = 0): string {
  const lines: string[] = [];
  let line = "";
  let used = column;
  const put = (piece: string, blank: string, mayFold: boolean): void => {
    if (mayFold && used + blank.length + piece.length > LINE_MAX) {
      lines.push(line);
      line = blank === "" ? ` ${piece}` : blank + piece;
      used = line.length;
      return;
    }
    line += blank + piece;
    used += blank.length + piece.length;
  };
  for (const [at, run] of runsOf(text.toWellFormed()).entries()) {
    const blank = at === 0 ? "" : " ";
    // A line of blanks alone would not survive, so only words start a line.
    if (!run.encoded) put(run.text, blank, at > 0 && run.text !== "" && line.trim() !== "");
    else for (const [nth, word] of encodedWords(run.text, LINE_MAX - used - 1).entries()) put(word, nth === 0 ? blank : " ", (at > 0 || nth > 0) && line.trim() !== "");
  }
  lines.push(line);
  return lines.join("\r\n");
}

interface TextRun {
  readonly encoded: boolean;
  readonly text: string;
}

/** Single blanks separate the runs. Words next to blanks in front or at the end are encoded with them, or the blanks would go. */
function runsOf(text: string): TextRun[] {
  const tokens = text.split(" ");
  const encoded = tokens.map(needsEncoding);
  const first = tokens.findIndex((token) => token !== "");
  const lastWord = tokens.findLastIndex((token) => token !== "");
  if (first > 0) encoded.fill(true, 0, first + 1);
  if (lastWord < tokens.length - 1) encoded.fill(true, Math.max(lastWord, 0));
  // Blanks between two encoded words vanish (RFC 2047 section 6.2), so they are encoded with them.
  let last = -1;
  for (let at = 0; at < tokens.length; at++) {
    if (!encoded[at]) {
      if (tokens[at] !== "") last = -1;
      continue;
    }
    if (last >= 0) encoded.fill(true, last, at);
    last = at;
  }
  const runs: TextRun[] = [];
  for (let at = 0; at < tokens.length; ) {
    const start = at++;
    if (!encoded[start]) {
      runs.push({ encoded: false, text: tokens[start]! });
      continue;
    }
    while (at < tokens.length && encoded[at]) at++;
    runs.push({ encoded: true, text: tokens.slice(start, at).join(" ") });
  }
  return runs;
}

function needsEncoding(token: string): boolean {
  return !/^[\x21-\x7e]*$/.test(token) || token.includes("=?") || token.length > 900;
}

/** Words of whole characters, each a character set and a B encoding of its own (RFC 2047 section 5). */
function encodedWords(text: string, firstMax: number): string[] {
  const words: string[] = [];
  const budget = (max: number): number => Math.floor((Math.min(max, WORD_MAX) - PREFIX.length - SUFFIX.length) / 4) * 3;
  let room = budget(firstMax);
  if (room < 12) room = budget(WORD_MAX);
  let piece: string[] = [];
  let octets = 0;
  const finish = (): void => {
    if (piece.length > 0) words.push(PREFIX + Buffer.from(piece.join(""), "utf8").toString("base64") + SUFFIX);
    piece = [];
    octets = 0;
    room = budget(WORD_MAX);
  };
  for (const char of text) {
    const length = Buffer.byteLength(char);
    if (octets + length > room) finish();
    piece.push(char);
    octets += length;
  }
  finish();
  return words;
}
