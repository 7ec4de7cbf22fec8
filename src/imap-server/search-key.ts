/**
 * Evaluates a SEARCH (RFC 9051 section 6.4.4). A key is first asked with what the columns know; only where that does not
 * decide is the message read. Text is compared without regard to case, after decoding, as a substring.
 */
import type { Columns } from "../account/columns.ts";
import { keywordIndex, keywordWords, SYSTEM_FLAGS, type FlagWords } from "../account/flags.ts";
import type { Mailbox } from "../account/mailbox.ts";
import { unreachable } from "../base/assert.ts";
import type { SearchKey } from "../imap/command.ts";
import { MessageText } from "../message/message-text.ts";
import { parseDate } from "../message/date.ts";
import type { Selected } from "./selected.ts";

export interface QuickFacts {
  readonly columns: Columns;
  readonly row: number;
  readonly number: number;
  readonly uid: number;
}
export interface FullFacts extends QuickFacts {
  readonly content: Buffer;
}
export interface Compiled {
  quick(facts: QuickFacts): boolean | "needs-content";
  full(facts: FullFacts): boolean;
}
/** Three-valued without the message, two-valued with it. */
type Quick = (facts: QuickFacts) => boolean | null;
type Full = (facts: FullFacts, text: MessageText) => boolean;
interface Node {
  readonly quick: Quick;
  readonly full: Full;
}
const DAY_MS = 86_400_000;

export function compileSearch(key: SearchKey, selected: Selected, mailbox: Mailbox): Compiled | "out-of-range" {
  const node = compile(key, selected, mailbox);
  if (node === null) return "out-of-range";
  return {
    quick: (facts) => node.quick(facts) ?? "needs-content",
    full: (facts) => node.full(facts, new MessageText(facts.content)),
  };
}

function byColumns(test: (facts: QuickFacts) => boolean): Node {
  return { quick: test, full: test };
}
function byText(test: Full): Node {
  return { quick: () => null, full: test };
}

function compile(key: SearchKey, selected: Selected, mailbox: Mailbox): Node | null {
  switch (key.kind) {
    case "all":
      return byColumns(() => true);
    case "flag":
      if (key.flag === "\\Recent") return byColumns(({ uid }) => selected.isRecent(uid) === key.set);
      return flagNode(key.flag, key.set, mailbox);
    case "larger":
      return byColumns(({ columns, row }) => columns.size[row]! > key.bytes);
    case "smaller":
      return byColumns(({ columns, row }) => columns.size[row]! < key.bytes);
    case "modseq":
      return byColumns(({ columns, row }) => columns.modseq[row]! >= key.modSeq);
    case "set":
      return setNode(key, selected);
    case "date":
      return dateNode(key);
    case "envelope":
      return textNode((text, wanted) => (key.field === "subject" ? text.headerContains("subject", wanted) : text.addressesContain(key.field, wanted)), key.text);
    case "header":
      return textNode((text, wanted) => text.headerContains(key.name, wanted), key.text);
    case "body":
      return textNode((text, wanted) => text.bodyContains(wanted), key.text);
    case "text":
      return textNode((text, wanted) => text.contains(wanted), key.text);
    case "not":
      return notNode(compile(key.key, selected, mailbox));
    case "or":
      return combine([compile(key.left, selected, mailbox), compile(key.right, selected, mailbox)], true);
    case "and":
      return combine(key.keys.map((one) => compile(one, selected, mailbox)), false);
    default:
      return unreachable(key);
  }
}

function textNode(test: (text: MessageText, wanted: string) => boolean, wanted: string): Node {
  const folded = MessageText.fold(wanted);
  return byText((_, text) => test(text, folded));
}
function flagNode(flag: string, set: boolean, mailbox: Mailbox): Node {
  const words = wordsOf(flag, mailbox);
  return byColumns(({ columns, row }) => (words !== null && ((columns.low[row]! & words.low) | (columns.high[row]! & words.high)) !== 0) === set);
}
/** Null for what no message here has: an unknown keyword. */
function wordsOf(flag: string, mailbox: Mailbox): FlagWords | null {
  const system = SYSTEM_FLAGS.find(([name]) => name.toLowerCase() === flag.toLowerCase());
  if (system !== undefined) return { low: system[1], high: 0 };
  const index = keywordIndex(mailbox.keywords, flag);
  return index < 0 ? null : keywordWords(index);
}
/** A set in a SEARCH names what exists of it: numbers past the end name nothing. */
function setNode(key: Extract<SearchKey, { kind: "set" }>, selected: Selected): Node {
  const members = new Set<number>();
  const largest = key.addressing === "uid" ? 4_294_967_295 : selected.count;
  const clipped = key.set.kind === "saved" ? key.set : { kind: "ranges" as const, ranges: key.set.ranges.filter((range) => Math.min(range.first || largest, range.last || largest) <= largest).map((range) => ({ first: Math.min(range.first, largest), last: Math.min(range.last, largest) })) };
  const resolved = selected.resolve(clipped, key.addressing);
  if (resolved.kind === "uids") for (const uid of resolved.uids) members.add(uid);
  return byColumns(({ uid }) => members.has(uid));
}
function dateNode(key: Extract<SearchKey, { kind: "date" }>): Node {
  const matches = (day: number): boolean => (key.is === "before" ? day < key.day : key.is === "since" ? day >= key.day : day === key.day);
  if (key.source === "internal") return byColumns(({ columns, row }) => matches(Math.floor(columns.internalDate[row]! / DAY_MS)));
  return byText(({ columns, row }, text) => {
    // RFC 9051: the date as it is written, disregarding time and zone. A message without one has the day it came.
    const written = text.header("date");
    const date = written === null ? null : parseDate(written);
    return matches(Math.floor((date === null ? columns.internalDate[row]! : date.ms + date.offsetMinutes * 60_000) / DAY_MS));
  });
}
function notNode(node: Node | null): Node | null {
  if (node === null) return null;
  return {
    quick(facts) {
      const answer = node.quick(facts);
      return answer === null ? null : !answer;
    },
    full: (facts, text) => !node.full(facts, text),
  };
}
/** `or`: one true suffices; otherwise one false does. */
function combine(nodes: readonly (Node | null)[], or: boolean): Node | null {
  if (nodes.includes(null)) return null;
  const all = nodes as readonly Node[];
  return {
    quick(facts) {
      let unknown = false;
      for (const node of all) {
        const answer = node.quick(facts);
        if (answer === or) return or;
        if (answer === null) unknown = true;
      }
      return unknown ? null : !or;
    },
    full(facts, text) {
      for (const node of all) if (node.full(facts, text) === or) return or;
      return !or;
    },
  };
}
