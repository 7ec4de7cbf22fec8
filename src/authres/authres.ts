/**
 * The Authentication-Results field (RFC 8601), read and written.
 *
 * A field says what the host `authservId` found; it is worth as much as the way it came (section 1.6): fields in our name are
 * removed at the border (remove.ts), and others are a stranger's word. Values are text; header octets are read as UTF-8 (RFC 8601
 * section 2.2 takes RFC 6532's quoted strings).
 */
import { fieldOctetsMax, propertiesMax, resultsMax } from "./limits.ts";
import { Lexer } from "./lexer.ts";

export interface Property {
  /** "smtp", "header", "body", "policy" or another, lower case. */
  readonly ptype: string;
  /** Lower case. */
  readonly property: string;
  /** Without quotes; an address whose local part needs quotes keeps them, as in `"a b"@example.test`. */
  readonly value: string;
}
export interface MethodResult {
  /** Lower case: "spf", "dkim", "dmarc", … */
  readonly method: string;
  /** Null for the usual one, 1. */
  readonly methodVersion: number | null;
  /** Lower case. */
  readonly result: string;
  /** The text of the comment behind the result; for people only. */
  readonly comment: string | null;
  readonly reason: string | null;
  readonly properties: readonly Property[];
}
export interface AuthenticationResults {
  readonly authservId: string;
  /** Null for the usual one, 1. */
  readonly version: number | null;
  /** Empty when the field says "none". */
  readonly results: readonly MethodResult[];
}
export type AuthenticationResultsOutcome =
  | { readonly kind: "parsed"; readonly value: AuthenticationResults }
  /** No authserv-id that can be read: nobody says this. */
  | { readonly kind: "malformed" };

/** RFC 5321's Keyword, with the underscore and the dots of property names that stand in real fields. */
const KEYWORD = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;
const VERSION = /^[0-9]{1,9}$/;

/** Reads a field's value. What cannot be read of one result is left out, up to the next semicolon; the others stay. */
export function parseAuthenticationResults(value: string): AuthenticationResultsOutcome {
  const lexer = new Lexer(value.slice(0, fieldOctetsMax));
  const authservId = readAuthservId(lexer);
  if (authservId === null) return { kind: "malformed" };
  if (lexer.skip() === false) return { kind: "malformed" };
  // Yahoo writes `from=…` here, which is no version and means nothing.
  const word = lexer.word("=");
  const version = VERSION.test(word) ? Number(word) : 1;
  const results: MethodResult[] = [];
  lexer.toSemicolon();
  while (lexer.take(";") && results.length < resultsMax) {
    const result = readResult(lexer);
    if (result !== null) results.push(result);
    lexer.toSemicolon();
  }
  return { kind: "parsed", value: { authservId, version: version === 1 ? null : version, results } };
}

/** The authserv-id alone, for whoever asks only whose field it is. Null when there is none. */
export function authservIdOf(value: string): string | null {
  return readAuthservId(new Lexer(value.slice(0, fieldOctetsMax)));
}

/** A word that an equals sign follows is a result already: some agents write no authserv-id. */
function readAuthservId(lexer: Lexer): string | null {
  if (lexer.skip() === false) return null;
  const id = lexer.peek() === '"' ? lexer.quoted() : lexer.word("=");
  const position = lexer.position;
  if (id === null || id === "" || lexer.skip() === false || lexer.peek() === "=") return null;
  lexer.back(position);
  return id;
}

function readResult(lexer: Lexer): MethodResult | null {
  if (lexer.skip() === false) return null;
  const method = lexer.word("=/").toLowerCase();
  if (!KEYWORD.test(method) || lexer.skip() === false) return null;
  let methodVersion: number | null = null;
  if (lexer.take("/")) {
    if (lexer.skip() === false) return null;
    const version = lexer.word("=");
    if (!VERSION.test(version)) return null;
    methodVersion = Number(version) === 1 ? null : Number(version);
  }
  if (lexer.skip() === false || !lexer.take("=") || lexer.skip() === false) return null;
  const result = lexer.word("=").toLowerCase();
  if (!KEYWORD.test(result)) return null;
  const comment = lexer.skip();
  if (comment === false) return null;
  return { method, methodVersion, result, comment, ...readDetails(lexer) };
}

/** reason= and the properties, in whatever order they stand; words that are neither are passed over. */
function readDetails(lexer: Lexer): { reason: string | null; properties: Property[] } {
  let reason: string | null = null;
  const properties: Property[] = [];
  while (lexer.skip() !== false && !lexer.atEnd && lexer.peek() !== ";" && properties.length < propertiesMax) {
    const before = lexer.position;
    const name = readPropertyName(lexer);
    const value = name === null ? null : readValue(lexer);
    if (name !== null && value !== null) {
      if (name.property !== null) properties.push({ ptype: name.ptype, property: name.property, value });
      else if (name.ptype === "reason") reason ??= value;
    }
    if (lexer.position === before && lexer.word("") === "" && (lexer.peek() !== '"' || lexer.quoted() === null)) break;
  }
  return { reason, properties };
}

/** `ptype . property =`, or a word and `=`. Null, and nothing is read but words, when there is no equals sign. */
function readPropertyName(lexer: Lexer): { ptype: string; property: string | null } | null {
  const ptype = lexer.word(".=").toLowerCase();
  if (!KEYWORD.test(ptype) || lexer.skip() === false) return null;
  let property: string | null = null;
  if (lexer.take(".")) {
    if (lexer.skip() === false) return null;
    property = lexer.word("=").toLowerCase();
    if (!/^[a-z0-9][a-z0-9_.-]*$/.test(property) || lexer.skip() === false) return null;
  }
  return lexer.take("=") ? { ptype, property } : null;
}

function readValue(lexer: Lexer): string | null {
  if (lexer.skip() === false) return null;
  if (lexer.peek() !== '"') return lexer.word("");
  const start = lexer.quoted();
  if (start === null || lexer.peek() !== "@") return start;
  // A quoted local part: it keeps its quotes, so that it can be read as an address.
  return `"${start.replace(/["\\]/g, "\\$&")}"${lexer.word("")}`;
}
