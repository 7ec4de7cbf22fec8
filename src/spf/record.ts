/**
 * SPF records (RFC 7208 sections 4.5, 4.6.1, 5, 6 and 12): recognised and read as a whole, so that a syntax error anywhere is known
 * before the first term is looked at (section 4.6). Faults carry offsets, for those who publish records.
 */
import { parseIpAddress } from "../dns/ip-address.ts";
import { FAULTS_MAX, RECORD_OCTETS_MAX } from "./limits.ts";
import { parseMacroText } from "./macro.ts";
import type { MacroText } from "./macro.ts";

export type Qualifier = "+" | "-" | "~" | "?";

export type Mechanism =
  | { readonly kind: "all" }
  | ({ readonly kind: "include" } & Target<MacroText>)
  | ({ readonly kind: "exists" } & Target<MacroText>)
  | ({ readonly kind: "a" } & Target<MacroText | null> & PrefixLengths)
  | ({ readonly kind: "mx" } & Target<MacroText | null> & PrefixLengths)
  | ({ readonly kind: "ptr" } & Target<MacroText | null>)
  | ({ readonly kind: "ip4" } & Network)
  | ({ readonly kind: "ip6" } & Network);

interface Target<T> {
  /** Null is the current domain. */
  readonly target: T;
}
/** In bits. */
export interface PrefixLengths {
  readonly prefix4: number;
  readonly prefix6: number;
}
interface Network {
  readonly network: Uint8Array;
  readonly prefix: number;
}

/** Offsets in the record, in octets. */
interface Placed {
  readonly text: string;
  readonly start: number;
}
export interface Directive extends Placed {
  readonly qualifier: Qualifier;
  readonly mechanism: Mechanism;
}
export interface Modifier extends Placed {
  readonly target: MacroText;
}
export interface SpfRecord {
  readonly directives: readonly Directive[];
  readonly redirect: Modifier | null;
  readonly exp: Modifier | null;
  /** Names of modifiers that nobody knows; they are ignored (section 6). */
  readonly unknownModifiers: readonly (Placed & { readonly name: string })[];
}

export type SyntaxFaultKind =
  | "record-too-long"
  | "unknown-mechanism"
  | "missing-domain"
  | "unexpected-argument"
  | "bad-domain"
  | "bad-macro"
  | "bad-character"
  | "bad-address"
  | "bad-prefix-length"
  | "bad-modifier-name"
  | "repeated-modifier";
export interface SyntaxFault extends Placed {
  readonly kind: SyntaxFaultKind;
}

export type ParsedRecord =
  | { readonly kind: "record"; readonly record: SpfRecord }
  /** At least one fault; `record` is what could be read of it. A check ends with permerror. */
  | { readonly kind: "broken"; readonly faults: readonly SyntaxFault[]; readonly record: SpfRecord };

/** Whether a TXT record is an SPF record: the version, ended by a space or the end (RFC 7208 section 4.5). */
export function isSpfRecord(text: string): boolean {
  return (text.length === 6 || text.charCodeAt(6) === 32) && /^v=spf1/i.test(text);
}

interface Draft {
  readonly directives: Directive[];
  readonly unknownModifiers: (Placed & { name: string })[];
  redirect: Modifier | null;
  exp: Modifier | null;
  readonly faults: SyntaxFault[];
}

/** Reads a record that `isSpfRecord` knows. Octets in latin1. */
export function parseSpfRecord(text: string): ParsedRecord {
  const draft: Draft = { directives: [], unknownModifiers: [], redirect: null, exp: null, faults: [] };
  if (text.length > RECORD_OCTETS_MAX) draft.faults.push({ kind: "record-too-long", text: "", start: RECORD_OCTETS_MAX });
  else readTerms(text, draft);
  const { faults, ...record } = draft;
  return faults.length === 0 ? { kind: "record", record } : { kind: "broken", faults: faults.slice(0, FAULTS_MAX), record };
}

function readTerms(text: string, draft: Draft): void {
  for (let start = 6; start < text.length && draft.faults.length < FAULTS_MAX; ) {
    if (text.charCodeAt(start) === 32) {
      start++;
      continue;
    }
    let end = text.indexOf(" ", start);
    if (end < 0) end = text.length;
    const term = { text: text.slice(start, end), start };
    const fault = readTerm(term, draft);
    if (fault !== null) draft.faults.push({ ...term, kind: fault });
    start = end;
  }
}

const MODIFIER_NAME = /^[a-z][a-z0-9_.-]*$/i;

function readTerm(term: Placed, draft: Draft): SyntaxFaultKind | null {
  const mark = /[:=/]/.exec(term.text);
  if (mark?.[0] === "=") return readModifier(term, mark.index, draft);
  const first = term.text[0] ?? "";
  const qualified = first === "+" || first === "-" || first === "~" || first === "?";
  const nameEnd = mark?.index ?? term.text.length;
  const mechanism = readMechanism(term.text.slice(qualified ? 1 : 0, nameEnd).toLowerCase(), term.text.slice(nameEnd));
  if (typeof mechanism === "string") return mechanism;
  draft.directives.push({ ...term, qualifier: qualified ? first : "+", mechanism });
  return null;
}

function readModifier(term: Placed, equals: number, draft: Draft): SyntaxFaultKind | null {
  const name = term.text.slice(0, equals);
  if (!MODIFIER_NAME.test(name)) return "bad-modifier-name";
  const lower = name.toLowerCase();
  const value = term.text.slice(equals + 1);
  if (lower !== "redirect" && lower !== "exp") {
    const parsed = parseMacroText(value, "term");
    if ("kind" in parsed) return parsed.kind;
    draft.unknownModifiers.push({ ...term, name });
    return null;
  }
  if (draft[lower] !== null) return "repeated-modifier";
  const target = readDomainSpec(value);
  if (typeof target === "string") return target;
  draft[lower] = { ...term, target };
  return null;
}

/** `argument` begins with its ":" or "/", or is empty. */
function readMechanism(name: string, argument: string): Mechanism | SyntaxFaultKind {
  switch (name) {
    case "all":
      return argument === "" ? { kind: "all" } : "unexpected-argument";
    case "include":
    case "exists": {
      if (!argument.startsWith(":")) return "missing-domain";
      const target = readDomainSpec(argument.slice(1));
      return typeof target === "string" ? target : { kind: name, target };
    }
    case "a":
    case "mx":
      return readHosts(name, argument);
    case "ptr": {
      if (argument === "") return { kind: "ptr", target: null };
      if (!argument.startsWith(":")) return "unexpected-argument";
      const target = readDomainSpec(argument.slice(1));
      return typeof target === "string" ? target : { kind: "ptr", target };
    }
    case "ip4":
    case "ip6":
      return readNetwork(name, argument);
    default:
      return "unknown-mechanism";
  }
}

/** RFC 7208 sections 5.3 and 5.4. A slash may belong to the domain-spec, so the prefix lengths are taken from the end. */
function readHosts(kind: "a" | "mx", argument: string): Mechanism | SyntaxFaultKind {
  let rest = argument;
  let prefix4 = 32;
  let prefix6 = 128;
  const suffix = argument.endsWith("}") ? null : /(?:\/([0-9]+))?(?:\/\/([0-9]+))?$/.exec(argument);
  if (suffix !== null && suffix[0] !== "") {
    rest = argument.slice(0, suffix.index);
    const four = suffix[1] === undefined ? 32 : prefixLength(suffix[1], 32);
    const six = suffix[2] === undefined ? 128 : prefixLength(suffix[2], 128);
    if (four === null || six === null) return "bad-prefix-length";
    prefix4 = four;
    prefix6 = six;
  }
  if (rest === "") return { kind, target: null, prefix4, prefix6 };
  if (!rest.startsWith(":")) return "bad-prefix-length";
  const target = readDomainSpec(rest.slice(1));
  return typeof target === "string" ? target : { kind, target, prefix4, prefix6 };
}

function readNetwork(kind: "ip4" | "ip6", argument: string): Mechanism | SyntaxFaultKind {
  if (!argument.startsWith(":")) return "bad-address";
  const slash = argument.indexOf("/");
  const bits = kind === "ip4" ? 32 : 128;
  const network = parseIpAddress(slash < 0 ? argument.slice(1) : argument.slice(1, slash));
  if (network === null || network.length * 8 !== bits) return "bad-address";
  const prefix = slash < 0 ? bits : prefixLength(argument.slice(slash + 1), bits);
  return prefix === null ? "bad-prefix-length" : { kind, network, prefix };
}

/** Without leading zeros (RFC 7208 section 5.6, ip4-cidr-length). */
function prefixLength(digits: string, max: number): number | null {
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(digits)) return null;
  const length = Number(digits);
  return length <= max ? length : null;
}

/** "." toplabel ["."] at the end (RFC 7208 section 7.1): letters, digits and hyphens, not digits alone. */
const TOP_LABEL_END = /\.(?![0-9]+\.?$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.?$/i;

function readDomainSpec(text: string): MacroText | SyntaxFaultKind {
  if (text === "") return "missing-domain";
  const parsed = parseMacroText(text, "term");
  if ("kind" in parsed) return parsed.kind;
  if (parsed.endsInMacro) return parsed;
  const last = parsed.parts.at(-1);
  return typeof last === "string" && TOP_LABEL_END.test(last) ? parsed : "bad-domain";
}
