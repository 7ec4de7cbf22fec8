/** Macros (RFC 7208 section 7, RFC 8616 section 4): read once with the record, expanded for each check. */
import { reversedLabels, writeIpAddress } from "../dns/ip-address.ts";
import { MACRO_DIGITS_MAX } from "./limits.ts";

/** `c`, `r` and `t` are known in explanations only. */
export type MacroLetter = "s" | "l" | "o" | "d" | "i" | "p" | "v" | "h" | "c" | "r" | "t";

export interface Macro {
  readonly letter: MacroLetter;
  /** How many parts are kept, from the right; 0 keeps all. */
  readonly digits: number;
  readonly reverse: boolean;
  /** The characters that part the value, "" for the dot. */
  readonly delimiters: string;
  /** The letter was a capital: what is not unreserved in URIs is escaped. */
  readonly escape: boolean;
}

/** Literal text (`%%`, `%_` and `%-` are read already) and macros in turn. */
export interface MacroText {
  readonly parts: readonly (string | Macro)[];
  /** The last thing written is a macro or one of `%%`, `%_`, `%-`: the second form of domain-end in section 7.1. */
  readonly endsInMacro: boolean;
  readonly usesP: boolean;
}

export type MacroFault = { readonly kind: "bad-macro" | "bad-character"; /** Offset in the text. */ readonly at: number };

const MACRO = /%(?:\{([slodipvhcrt])([0-9]*)(r?)([.\-+,/_=]*)\}|([%_-]))/iy;
const ESCAPES: Readonly<Record<string, string>> = { "%": "%", _: " ", "-": "%20" };
const EXPLANATION_ONLY = /[crt]/;

/** Reads macro-string, or explain-string with `where` "explanation" (RFC 7208 section 7.1). Text as octets in latin1. */
export function parseMacroText(text: string, where: "term" | "explanation"): MacroText | MacroFault {
  const odd = where === "explanation" ? /[^ -~]/.exec(text) : /[^!-~]/.exec(text);
  if (odd !== null) return { kind: "bad-character", at: odd.index };
  let percent = text.indexOf("%");
  if (percent < 0) return { parts: text === "" ? [] : [text], endsInMacro: false, usesP: false };
  const parts: (string | Macro)[] = [];
  let literal = "";
  let at = 0;
  let usesP = false;
  while (percent >= 0) {
    literal += text.slice(at, percent);
    MACRO.lastIndex = percent;
    const match = MACRO.exec(text);
    if (match === null) return { kind: "bad-macro", at: percent };
    at = MACRO.lastIndex;
    if (match[5] !== undefined) literal += ESCAPES[match[5]] ?? "";
    else {
      const macro = readMacro(match);
      if (macro === null || (where === "term" && EXPLANATION_ONLY.test(macro.letter))) return { kind: "bad-macro", at: percent };
      if (literal !== "") parts.push(literal);
      literal = "";
      parts.push(macro);
      usesP ||= macro.letter === "p";
    }
    percent = text.indexOf("%", at);
  }
  const endsInMacro = at === text.length;
  literal += text.slice(at);
  if (literal !== "") parts.push(literal);
  return { parts, endsInMacro, usesP };
}

function readMacro(match: RegExpExecArray): Macro | null {
  const [, written = "", digits = "", reverse = "", delimiters = ""] = match;
  const letter = written.toLowerCase() as MacroLetter;
  // Section 7.1: a number of parts must not be zero.
  if (digits !== "" && (digits.length > MACRO_DIGITS_MAX || Number(digits) === 0)) return null;
  return { letter, digits: Number(digits), reverse: reverse !== "", delimiters, escape: letter !== written };
}

/** What the letters stand for (RFC 7208 section 7.2). */
export interface MacroValues {
  /** 4 or 16 octets. */
  readonly ip: Uint8Array;
  readonly localPart: string;
  readonly senderDomain: string;
  /** The domain whose record is read. */
  readonly domain: string;
  readonly helo: string;
  /** The validated name of the client, "unknown" without one. Needed where `usesP` is set. */
  readonly validated: string;
  /** The host that checks. */
  readonly receiver: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/**
 * Null when a value has characters outside US-ASCII: a local part in UTF-8 has no form in the DNS, so a term with it never
 * matches (RFC 8616 section 4).
 */
export function expandMacros(text: MacroText, values: MacroValues): string | null {
  let out = "";
  for (const part of text.parts) {
    if (typeof part === "string") {
      out += part;
      continue;
    }
    const value = valueOf(part.letter, values);
    if (NOT_ASCII.test(value)) return null;
    out += transform(part, value);
  }
  return out;
}
const NOT_ASCII = /[^\x00-\x7f]/;

function valueOf(letter: MacroLetter, values: MacroValues): string {
  switch (letter) {
    case "s": return `${values.localPart}@${values.senderDomain}`;
    case "l": return values.localPart;
    case "o": return values.senderDomain;
    case "d": return values.domain;
    case "i": return values.ip.length === 4 ? writeIpAddress(values.ip) : reversedLabels(values.ip).split(".").reverse().join(".");
    case "p": return values.validated;
    case "v": return values.ip.length === 4 ? "in-addr" : "ip6";
    case "h": return values.helo;
    case "c": return writeIpAddress(values.ip);
    case "r": return values.receiver;
    case "t": return String(Math.floor(values.now / 1000));
  }
}

/** RFC 7208 section 7.3: part, turn around, keep the right, join by dots, escape. */
function transform(macro: Macro, value: string): string {
  let text = value;
  if (macro.digits > 0 || macro.reverse || macro.delimiters !== "") {
    const parts = split(value, macro.delimiters === "" ? "." : macro.delimiters);
    if (macro.reverse) parts.reverse();
    text = (macro.digits > 0 ? parts.slice(-macro.digits) : parts).join(".");
  }
  return macro.escape ? text.replace(/[^A-Za-z0-9\-._~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`) : text;
}

function split(value: string, delimiters: string): string[] {
  if (delimiters.length === 1) return value.split(delimiters);
  const parts: string[] = [];
  let start = 0;
  for (let i = 0; i < value.length; i++) {
    if (!delimiters.includes(value[i] ?? "")) continue;
    parts.push(value.slice(start, i));
    start = i + 1;
  }
  parts.push(value.slice(start));
  return parts;
}
