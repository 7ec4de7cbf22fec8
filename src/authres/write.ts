/** Writes Authentication-Results (RFC 8601 section 2.2) and the payload that ARC-Authentication-Results shares with it. */
import type { AuthenticationResults, MethodResult } from "./authres.ts";
import { writtenTextMax } from "./limits.ts";

/** Characters of a line where a fold is possible (RFC 5322 section 2.1.1). */
const LINE_MAX = 76;
/** RFC 2045 section 5.1: no tspecials, blanks or controls. */
const TOKEN = /^[!#$%&'*+.^_`{|}~0-9A-Za-z-]+$/;
/** `[[local-part] "@"] domain-name` with a dot-atom or a quoted string in front; letters beyond US-ASCII as RFC 6531 has them. */
const IDENTITY = /^(?:[\w.!#$%&'*+/^`{|}~\u0080-\uffff-]+|"(?:[^"\\\x00-\x1f\x7f]|\\["\\])*")?@[\w.\u0080-\uffff-]+$/;

/** The whole field, folded and ended by CRLF, in UTF-8. Words that are no keywords are a caller's mistake and lose their odd characters. */
export function writeAuthenticationResults(value: AuthenticationResults): Buffer {
  return Buffer.from(`${fold("Authentication-Results:", payloadWords(value))}\r\n`, "utf8");
}

/** `ARC-Authentication-Results: i=1; …` (RFC 8617 section 4.1.1), without the last line end. */
export function writeArcAuthenticationResults(instance: number, value: AuthenticationResults): string {
  return fold("ARC-Authentication-Results:", [`i=${instance};`, ...payloadWords(value)]);
}

function payloadWords({ authservId, version, results }: AuthenticationResults): string[] {
  const words = [`${valueText(authservId)}${version === null ? "" : ` ${version}`};`];
  if (results.length === 0) return [...words, "none"];
  for (const [index, result] of results.entries()) {
    const own = resultWords(result);
    if (index < results.length - 1) own[own.length - 1] += ";";
    words.push(...own);
  }
  return words;
}

function resultWords({ method, methodVersion, result, comment, reason, properties }: MethodResult): string[] {
  const words = [`${keyword(method)}${methodVersion === null ? "" : `/${methodVersion}`}=${keyword(result)}`];
  if (comment !== null) words.push(`(${commentText(comment)})`);
  if (reason !== null) words.push(`reason=${valueText(reason)}`);
  for (const { ptype, property, value } of properties) words.push(`${keyword(ptype)}.${keyword(property)}=${IDENTITY.test(value) && value.length <= writtenTextMax ? value : valueText(value)}`);
  return words;
}

function keyword(word: string): string {
  const clean = word.toLowerCase().replace(/[^a-z0-9._-]/g, "-");
  return clean === "" ? "x" : clean;
}

/** Controls could end the field or the line: they become question marks. Too long a text is cut. */
function harmless(text: string): string {
  return text.slice(0, writtenTextMax).toWellFormed().replace(/[\x00-\x1f\x7f]/g, "?");
}

function valueText(value: string): string {
  return TOKEN.test(value) && value.length <= writtenTextMax ? value : `"${harmless(value).replace(/["\\]/g, "\\$&")}"`;
}

/** Parentheses are quoted, so that a comment ends where it should whatever is in it. */
function commentText(comment: string): string {
  return harmless(comment).replace(/[\\()]/g, "\\$&");
}

function fold(name: string, words: readonly string[]): string {
  let field = name;
  let column = name.length;
  for (const word of words) {
    if (column + 1 + word.length > LINE_MAX && column > 1) {
      field += "\r\n\t";
      column = 1;
    } else {
      field += " ";
      column++;
    }
    field += word;
    column += word.length;
  }
  return field;
}
