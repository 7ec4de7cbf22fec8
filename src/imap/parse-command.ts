/**
 * Commands of a client (RFC 9051 section 6), from an assembled line to a value. `parseCommand` is the way in;
 * nothing it calls throws further than to it.
 */
import { unreachable } from "../base/assert.ts";
import type { Command, SpecialUse } from "./command.ts";
import type { RawCommand } from "./command-reader.ts";
import { ID_FIELDS_MAX, ID_FIELD_BYTES_MAX, ID_VALUE_BYTES_MAX, OPTIONS_MAX, TAG_BYTES_MAX } from "./limits.ts";
import { parseAppend } from "./parse-append.ts";
import { parseFetch, parseStore } from "./parse-fetch.ts";
import { parseList, parseSelect, statusItems } from "./parse-select.ts";
import { parseSearch, UnsupportedCharset } from "./parse-search.ts";
import { CommandSyntaxError, refuse, Scanner } from "./scanner.ts";

export type ParseAnswer =
  | { readonly kind: "parsed"; readonly tag: string; readonly command: Command }
  /** To be answered `<tag> BAD <text>`, with `*` for a tag that is null. `name` is the command's, where it was read. */
  | { readonly kind: "bad"; readonly tag: string | null; readonly name: string | null; readonly text: string }
  /** To be answered `<tag> NO [BADCHARSET (US-ASCII UTF-8)] ...` (RFC 9051 section 6.4.4). */
  | { readonly kind: "bad-charset"; readonly tag: string };

/** `utf8`: the client enabled IMAP4rev2 or UTF8=ACCEPT, so mailbox names are UTF-8. */
export function parseCommand(raw: RawCommand, options: { readonly utf8: boolean }): ParseAnswer {
  const scanner = new Scanner(raw, options);
  const tag = scanner.tag();
  if (tag === "" || tag.length > TAG_BYTES_MAX) return { kind: "bad", tag: null, name: null, text: `A command begins with a tag of at most ${TAG_BYTES_MAX} octets` };
  let name: string | null = null;
  try {
    scanner.space();
    name = scanner.keyword("a command name");
    if (name === "UID") {
      scanner.space();
      name = `UID ${scanner.keyword("a command name after UID")}`;
    }
    const parse = PARSERS.get(name);
    if (parse === undefined) return { kind: "parsed", tag, command: { kind: "unknown", name } };
    const command = parse(scanner);
    scanner.end();
    return { kind: "parsed", tag, command };
  } catch (error) {
    if (error instanceof UnsupportedCharset) return { kind: "bad-charset", tag };
    if (!(error instanceof CommandSyntaxError)) throw error;
    return { kind: "bad", tag, name, text: name === null || !PARSERS.has(name) ? error.message : `${name}: ${error.message}` };
  }
}

/** The mailbox that an APPEND still waiting for its literal names; null when it cannot be read. For refusing before the octets come. */
export function appendTarget(soFar: RawCommand, options: { readonly utf8: boolean }): string | null {
  const scanner = new Scanner(soFar, options);
  try {
    scanner.tag();
    scanner.space();
    if (scanner.keyword("APPEND") !== "APPEND") return null;
    scanner.space();
    return scanner.mailbox();
  } catch (error) {
    if (error instanceof CommandSyntaxError) return null;
    throw error;
  }
}

type Parser = (scanner: Scanner) => Command;
const PARSERS: ReadonlyMap<string, Parser> = new Map<string, Parser>([
  ["CAPABILITY", () => ({ kind: "capability" })],
  ["NOOP", () => ({ kind: "noop" })],
  ["LOGOUT", () => ({ kind: "logout" })],
  ["STARTTLS", () => ({ kind: "starttls" })],
  ["NAMESPACE", () => ({ kind: "namespace" })],
  ["IDLE", () => ({ kind: "idle" })],
  ["CLOSE", () => ({ kind: "close" })],
  ["UNSELECT", () => ({ kind: "unselect" })],
  ["CHECK", () => ({ kind: "check" })],
  ["EXPUNGE", () => ({ kind: "expunge", uids: null })],
  ["UID EXPUNGE", (scanner) => ({ kind: "expunge", uids: setOf(scanner) })],
  ["AUTHENTICATE", parseAuthenticate],
  ["LOGIN", parseLogin],
  ["ENABLE", parseEnable],
  ["SELECT", (scanner) => parseSelect(scanner, "select")],
  ["EXAMINE", (scanner) => parseSelect(scanner, "examine")],
  ["CREATE", parseCreate],
  ["DELETE", (scanner) => ({ kind: "delete", mailbox: mailboxOf(scanner) })],
  ["SUBSCRIBE", (scanner) => ({ kind: "subscribe", mailbox: mailboxOf(scanner) })],
  ["UNSUBSCRIBE", (scanner) => ({ kind: "unsubscribe", mailbox: mailboxOf(scanner) })],
  ["RENAME", (scanner) => ({ kind: "rename", from: mailboxOf(scanner), to: mailboxOf(scanner) })],
  ["LIST", parseList],
  ["LSUB", parseLsub],
  ["STATUS", (scanner) => ({ kind: "status", mailbox: mailboxOf(scanner), items: (scanner.space(), statusItems(scanner)) })],
  ["APPEND", parseAppend],
  ["SEARCH", (scanner) => parseSearch(scanner, "sequence")],
  ["UID SEARCH", (scanner) => parseSearch(scanner, "uid")],
  ["FETCH", (scanner) => parseFetch(scanner, "sequence")],
  ["UID FETCH", (scanner) => parseFetch(scanner, "uid")],
  ["STORE", (scanner) => parseStore(scanner, "sequence")],
  ["UID STORE", (scanner) => parseStore(scanner, "uid")],
  ["COPY", (scanner) => ({ kind: "copy", addressing: "sequence", set: setOf(scanner), mailbox: mailboxOf(scanner) })],
  ["UID COPY", (scanner) => ({ kind: "copy", addressing: "uid", set: setOf(scanner), mailbox: mailboxOf(scanner) })],
  ["MOVE", (scanner) => ({ kind: "move", addressing: "sequence", set: setOf(scanner), mailbox: mailboxOf(scanner) })],
  ["UID MOVE", (scanner) => ({ kind: "move", addressing: "uid", set: setOf(scanner), mailbox: mailboxOf(scanner) })],
  ["ID", parseId],
  ["GETQUOTA", (scanner) => (scanner.space(), { kind: "getquota", root: scanner.text("a quota root") })],
  ["GETQUOTAROOT", (scanner) => ({ kind: "getquotaroot", mailbox: mailboxOf(scanner) })],
]);

function setOf(scanner: Scanner) {
  scanner.space();
  return scanner.sequenceSet();
}
function mailboxOf(scanner: Scanner): string {
  scanner.space();
  return scanner.mailbox();
}

function parseAuthenticate(scanner: Scanner): Command {
  scanner.space();
  const mechanism = scanner.keyword("a SASL mechanism");
  if (!scanner.more()) return { kind: "authenticate", mechanism, initialResponse: null };
  // RFC 4959 section 3: `=` is an empty response.
  const response = scanner.atom("an initial response in base64");
  return { kind: "authenticate", mechanism, initialResponse: decodeBase64(response === "=" ? "" : response) ?? refuse("The initial response is not base64") };
}

/** Strict base64 with padding (RFC 4648 section 4), as SASL responses are; null when it is none. */
export function decodeBase64(text: string): Buffer | null {
  const octets = Buffer.from(text, "base64");
  return octets.toString("base64") === text ? octets : null;
}

function parseLogin(scanner: Scanner): Command {
  scanner.space();
  const userName = scanner.text("a user name");
  scanner.space();
  return { kind: "login", userName, password: scanner.text("a password") };
}

function parseEnable(scanner: Scanner): Command {
  const capabilities: string[] = [];
  scanner.space();
  do {
    if (capabilities.length === OPTIONS_MAX) refuse("Too many capabilities");
    capabilities.push(scanner.keyword("a capability"));
  } while (scanner.more());
  return { kind: "enable", capabilities };
}

const SPECIAL_USES: readonly SpecialUse[] = ["\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important"];

function parseCreate(scanner: Scanner): Command {
  const mailbox = mailboxOf(scanner);
  if (!scanner.more()) return { kind: "create", mailbox, specialUse: [] };
  scanner.expect("(");
  if (scanner.keyword("USE") !== "USE") refuse("Only USE is known as a parameter");
  scanner.space();
  const specialUse = scanner.list(() => {
    scanner.expect("\\");
    const use = `\\${scanner.atom("a special use")}`.toLowerCase();
    return SPECIAL_USES.find((known) => known.toLowerCase() === use) ?? refuse("Not a special use of RFC 6154");
  }, { what: "special uses", empty: true });
  scanner.expect(")");
  return { kind: "create", mailbox, specialUse: [...new Set(specialUse)] };
}

function parseLsub(scanner: Scanner): Command {
  const reference = mailboxOf(scanner);
  scanner.space();
  return { kind: "lsub", reference, pattern: scanner.listMailbox() };
}

function parseId(scanner: Scanner): Command {
  scanner.space();
  if (!scanner.isAtList()) return scanner.nstring("NIL or a list") === null ? { kind: "id", fields: null } : refuse("Expected NIL or a list");
  const fields = scanner.list(() => {
    const name = scanner.string("a field name");
    scanner.space();
    const value = scanner.nstring("a value");
    if (name.length > ID_FIELD_BYTES_MAX || (value !== null && value.length > ID_VALUE_BYTES_MAX)) refuse("A field is too long");
    return { name: name.toString("utf8"), value: value === null ? null : value.toString("utf8") };
  }, { what: "fields", max: ID_FIELDS_MAX, empty: true });
  return { kind: "id", fields };
}

/** The name to put in `<NAME> completed`. */
export function nameOf(command: Command): string {
  switch (command.kind) {
    case "search": case "fetch": case "store": case "copy": case "move":
      return (command.addressing === "uid" ? "UID " : "") + command.kind.toUpperCase();
    case "expunge":
      return command.uids === null ? "EXPUNGE" : "UID EXPUNGE";
    case "unknown":
      return command.name;
    case "capability": case "noop": case "logout": case "starttls": case "namespace": case "idle": case "close": case "unselect": case "check":
    case "authenticate": case "login": case "enable": case "select": case "examine": case "create": case "delete": case "subscribe": case "unsubscribe":
    case "rename": case "list": case "lsub": case "status": case "append": case "id": case "getquota": case "getquotaroot":
      return command.kind.toUpperCase();
    default:
      return unreachable(command);
  }
}
