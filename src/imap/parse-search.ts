/** SEARCH (RFC 9051 section 6.4.4; RFC 3501 section 6.4.4 for NEW, OLD and RECENT; RFC 4731; RFC 7162 section 3.1.5). */
import type { Addressing, SearchCommand, SearchKey } from "./command.ts";
import { parseDate } from "./date-time.ts";
import { SEARCH_DEPTH_MAX, SEARCH_KEYS_MAX } from "./limits.ts";
import { refuse } from "./scanner.ts";
import type { Scanner } from "./scanner.ts";

/** Private to parseCommand, which makes it an answer of its own. */
export class UnsupportedCharset extends Error {
  override name = "UnsupportedCharset";
}

interface Reading {
  readonly scanner: Scanner;
  readonly decode: (octets: Buffer) => string;
  keys: number;
  usesModSeq: boolean;
}

export function parseSearch(scanner: Scanner, addressing: Addressing): SearchCommand {
  scanner.space();
  let returns: SearchCommand["returns"] = null;
  let charset: string | null = null;
  let word = wordAt(scanner);
  if (word === "RETURN") {
    scanner.space();
    returns = returnOptions(scanner);
    scanner.space();
    word = wordAt(scanner);
  }
  if (word === "CHARSET") {
    scanner.space();
    charset = scanner.text("a charset");
    scanner.space();
    word = wordAt(scanner);
  }
  const reading: Reading = { scanner, decode: decoderOf(charset), keys: 0, usesModSeq: false };
  const keys = [keyAfter(reading, word, 1)];
  while (scanner.more()) keys.push(keyAt(reading, 1));
  return { kind: "search", addressing, returns, key: and(keys), usesModSeq: reading.usesModSeq };
}

/** The keyword that is next, or null at a parenthesis or a set. */
function wordAt(scanner: Scanner): string | null {
  const octet = scanner.peek();
  const isWord = (octet >= 0x41 && octet <= 0x5a) || (octet >= 0x61 && octet <= 0x7a);
  return isWord ? scanner.keyword("a search key") : null;
}
const and = (keys: readonly SearchKey[]): SearchKey => (keys.length === 1 ? keys[0]! : { kind: "and", keys });

function returnOptions(scanner: Scanner): SearchCommand["returns"] {
  const returns = { min: false, max: false, all: false, count: false, save: false };
  let any = false;
  scanner.list(() => {
    any = true;
    switch (scanner.keyword("a return option")) {
      case "MIN": returns.min = true; return;
      case "MAX": returns.max = true; return;
      case "ALL": returns.all = true; return;
      case "COUNT": returns.count = true; return;
      case "SAVE": returns.save = true; return;
      default: refuse("Unknown return option");
    }
  }, { what: "return options", empty: true });
  if (!any) returns.all = true;
  return returns;
}

/** US-ASCII is read as UTF-8, for clients that name no charset and send 8-bit text mean that. */
function decoderOf(charset: string | null): (octets: Buffer) => string {
  if (charset === null || /^(us-ascii|utf-8)$/i.test(charset)) return (octets) => octets.toString("utf8");
  let decoder: InstanceType<typeof TextDecoder>;
  try {
    decoder = new TextDecoder(charset);
  } catch {
    throw new UnsupportedCharset();
  }
  return (octets) => decoder.decode(octets);
}

function keyAt(reading: Reading, depth: number): SearchKey {
  return keyAfter(reading, wordAt(reading.scanner), depth);
}

/** A key whose keyword, if it has one, was read already. */
function keyAfter(reading: Reading, word: string | null, depth: number): SearchKey {
  const { scanner } = reading;
  if (depth > SEARCH_DEPTH_MAX) refuse(`Keys are nested more than ${SEARCH_DEPTH_MAX} deep`);
  if (++reading.keys > SEARCH_KEYS_MAX) refuse(`More than ${SEARCH_KEYS_MAX} keys`);
  if (word === null) {
    if (!scanner.isAtList()) return { kind: "set", addressing: "sequence", set: scanner.sequenceSet() };
    return and(scanner.list(() => keyAt(reading, depth + 1), { what: "search keys", max: SEARCH_KEYS_MAX }));
  }
  const plain = PLAIN_KEYS.get(word);
  if (plain !== undefined) return plain;
  scanner.space();
  switch (word) {
    case "NOT":
      return { kind: "not", key: keyAt(reading, depth + 1) };
    case "OR": {
      const left = keyAt(reading, depth + 1);
      scanner.space();
      return { kind: "or", left, right: keyAt(reading, depth + 1) };
    }
    case "BCC": case "CC": case "FROM": case "SUBJECT": case "TO":
      return { kind: "envelope", field: ENVELOPE_FIELD[word], text: text(reading) };
    case "BODY":
      return { kind: "body", text: text(reading) };
    case "TEXT":
      return { kind: "text", text: text(reading) };
    case "HEADER": {
      const name = scanner.text("a field name").toLowerCase();
      scanner.space();
      return { kind: "header", name, text: text(reading) };
    }
    case "KEYWORD": case "UNKEYWORD":
      return { kind: "flag", flag: scanner.atom("a keyword"), set: word === "KEYWORD" };
    case "LARGER": case "SMALLER":
      return { kind: word === "LARGER" ? "larger" : "smaller", bytes: scanner.number("a size in octets") };
    case "UID":
      return { kind: "set", addressing: "uid", set: scanner.sequenceSet() };
    case "MODSEQ":
      reading.usesModSeq = true;
      return modSeqKey(scanner);
    default:
      return dateKey(scanner, word);
  }
}
const ENVELOPE_FIELD = { BCC: "bcc", CC: "cc", FROM: "from", SUBJECT: "subject", TO: "to" } as const;

function text(reading: Reading): string {
  return reading.decode(reading.scanner.astring("a string"));
}

/** `[entry-name SP entry-type SP] mod-sequence` (RFC 7162 section 3.1.5); all our entries share one mod-sequence. */
function modSeqKey(scanner: Scanner): SearchKey {
  if (scanner.isAt('"')) {
    scanner.string("an entry name");
    scanner.space();
    if (!["ALL", "PRIV", "SHARED"].includes(scanner.keyword("an entry type"))) refuse("An entry type is all, priv or shared");
    scanner.space();
  }
  return { kind: "modseq", modSeq: scanner.number("a mod-sequence") };
}

function dateKey(scanner: Scanner, word: string): SearchKey {
  const found = /^(SENT)?(BEFORE|ON|SINCE)$/.exec(word);
  if (found === null) return refuse("Unknown search key");
  const is = found[2] === "BEFORE" ? "before" : found[2] === "ON" ? "on" : "since";
  const date = scanner.isAt('"') ? scanner.string("a date").toString("latin1") : scanner.atom("a date");
  return { kind: "date", source: found[1] === undefined ? "internal" : "sent", is, day: parseDate(date) ?? refuse("Expected a date such as 1-Feb-1994") };
}

const flag = (name: string, set: boolean): SearchKey => ({ kind: "flag", flag: name, set });
const PLAIN_KEYS: ReadonlyMap<string, SearchKey> = new Map<string, SearchKey>([
  ["ALL", { kind: "all" }],
  ["ANSWERED", flag("\\Answered", true)], ["UNANSWERED", flag("\\Answered", false)],
  ["DELETED", flag("\\Deleted", true)], ["UNDELETED", flag("\\Deleted", false)],
  ["DRAFT", flag("\\Draft", true)], ["UNDRAFT", flag("\\Draft", false)],
  ["FLAGGED", flag("\\Flagged", true)], ["UNFLAGGED", flag("\\Flagged", false)],
  ["SEEN", flag("\\Seen", true)], ["UNSEEN", flag("\\Seen", false)],
  ["RECENT", flag("\\Recent", true)], ["OLD", flag("\\Recent", false)],
  ["NEW", { kind: "and", keys: [flag("\\Recent", true), flag("\\Seen", false)] }],
]);
