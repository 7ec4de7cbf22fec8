/** FETCH and STORE (RFC 9051 sections 6.4.5 and 6.4.6; RFC 3516; RFC 7162 sections 3.1.3, 3.1.4 and 3.2.6). */
import type { Addressing, FetchCommand, FetchItem, Partial, Section, SectionText, StoreCommand } from "./command.ts";
import { FETCH_ITEMS_MAX, FLAGS_MAX, HEADER_NAMES_MAX, PART_DEPTH_MAX } from "./limits.ts";
import { eachOnce, refuse } from "./scanner.ts";
import type { Scanner } from "./scanner.ts";

export function parseFetch(scanner: Scanner, addressing: Addressing): FetchCommand {
  scanner.space();
  const set = scanner.sequenceSet();
  scanner.space();
  const items = fetchItems(scanner);
  let changedSince: number | null = null;
  let vanished = false;
  if (scanner.more()) {
    scanner.list(() => {
      switch (scanner.keyword("a modifier")) {
        case "CHANGEDSINCE":
          scanner.space();
          changedSince = scanner.number("a mod-sequence", { min: 1 });
          return;
        case "VANISHED":
          vanished = true;
          return;
        default:
          refuse("Unknown modifier");
      }
    }, { what: "modifiers" });
  }
  if (vanished && (addressing !== "uid" || changedSince === null)) refuse("VANISHED goes only with UID FETCH and CHANGEDSINCE");
  return { kind: "fetch", addressing, set, items, changedSince, vanished };
}

const FAST: readonly FetchItem[] = [{ kind: "flags" }, { kind: "internaldate" }, { kind: "rfc822.size" }];
const MACROS: ReadonlyMap<string, readonly FetchItem[]> = new Map<string, readonly FetchItem[]>([
  ["FAST", FAST],
  ["ALL", [...FAST, { kind: "envelope" }]],
  ["FULL", [...FAST, { kind: "envelope" }, { kind: "body" }]],
]);

function fetchItems(scanner: Scanner): FetchItem[] {
  if (scanner.isAtList()) {
    const items = scanner.list(() => fetchItem(scanner, scanner.dotted("a fetch item")), { what: "fetch items", max: FETCH_ITEMS_MAX });
    const seen = new Set<string>();
    return items.filter((item) => {
      const key = JSON.stringify(item);
      return !seen.has(key) && seen.add(key);
    });
  }
  const word = scanner.dotted("a fetch item");
  const macro = MACROS.get(word);
  return macro !== undefined ? [...macro] : [fetchItem(scanner, word)];
}

function fetchItem(scanner: Scanner, word: string): FetchItem {
  switch (word) {
    case "ENVELOPE": return { kind: "envelope" };
    case "FLAGS": return { kind: "flags" };
    case "INTERNALDATE": return { kind: "internaldate" };
    case "UID": return { kind: "uid" };
    case "MODSEQ": return { kind: "modseq" };
    case "BODYSTRUCTURE": return { kind: "bodystructure" };
    case "RFC822": return { kind: "rfc822" };
    case "RFC822.HEADER": return { kind: "rfc822.header" };
    case "RFC822.TEXT": return { kind: "rfc822.text" };
    case "RFC822.SIZE": return { kind: "rfc822.size" };
    case "BODY":
      if (!scanner.isAt("[")) return { kind: "body" };
      return { kind: "section", peek: false, section: section(scanner), partial: partial(scanner) };
    case "BODY.PEEK":
      return { kind: "section", peek: true, section: section(scanner), partial: partial(scanner) };
    case "BINARY": case "BINARY.PEEK":
      return { kind: "binary", peek: word === "BINARY.PEEK", part: binaryPart(scanner), partial: partial(scanner) };
    case "BINARY.SIZE":
      return { kind: "binary.size", part: binaryPart(scanner) };
    default:
      return refuse("Unknown fetch item");
  }
}

/** `[1.2.HEADER.FIELDS (Date From)]` */
function section(scanner: Scanner): Section {
  scanner.expect("[");
  const part = partNumbers(scanner);
  let text: SectionText = { kind: "whole" };
  // After numbers a dot was taken only if a word must follow.
  if (part.wordFollows || (part.numbers.length === 0 && !scanner.isAt("]"))) text = sectionText(scanner, part.numbers);
  scanner.expect("]");
  return { part: part.numbers, text };
}

function partNumbers(scanner: Scanner): { numbers: number[]; wordFollows: boolean } {
  const numbers: number[] = [];
  while (scanner.peek() >= 0x30 && scanner.peek() <= 0x39) {
    if (numbers.length === PART_DEPTH_MAX) refuse("The part number is too long");
    numbers.push(scanner.number("a part number", { min: 1, max: 4_294_967_295 }));
    if (!scanner.skip(".")) return { numbers, wordFollows: false };
  }
  return { numbers, wordFollows: numbers.length > 0 };
}

function sectionText(scanner: Scanner, part: readonly number[]): SectionText {
  const word = scanner.dotted("a section");
  switch (word) {
    case "HEADER": return { kind: "header" };
    case "TEXT": return { kind: "text" };
    case "MIME":
      return part.length > 0 ? { kind: "mime" } : refuse("MIME needs a part number");
    case "HEADER.FIELDS": case "HEADER.FIELDS.NOT": {
      scanner.space();
      const names = scanner.list(() => fieldName(scanner), { what: "field names", max: HEADER_NAMES_MAX });
      return { kind: "header.fields", not: word === "HEADER.FIELDS.NOT", names };
    }
    default:
      return refuse("Unknown section");
  }
}

/** The answer repeats it, so it has to be what a field name is (RFC 5322 section 3.6.8). */
function fieldName(scanner: Scanner): string {
  const name = scanner.astring("a field name").toString("latin1");
  return /^[\x21-\x39\x3b-\x7e]{1,998}$/.test(name) ? name : refuse("Expected a header field name");
}

function binaryPart(scanner: Scanner): readonly number[] {
  scanner.expect("[");
  const { numbers, wordFollows } = partNumbers(scanner);
  if (wordFollows) refuse("Expected a part number");
  scanner.expect("]");
  return numbers;
}

/** `<offset.count>` */
function partial(scanner: Scanner): Partial | null {
  if (!scanner.skip("<")) return null;
  const offset = scanner.number("an offset");
  scanner.expect(".");
  const count = scanner.number("a count", { min: 1 });
  scanner.expect(">");
  return { offset, count };
}

export function parseStore(scanner: Scanner, addressing: Addressing): StoreCommand {
  scanner.space();
  const set = scanner.sequenceSet();
  scanner.space();
  let unchangedSince: number | null = null;
  if (scanner.isAtList()) {
    scanner.list(() => {
      if (scanner.keyword("a modifier") !== "UNCHANGEDSINCE") refuse("Unknown modifier");
      scanner.space();
      unchangedSince = scanner.number("a mod-sequence");
    }, { what: "modifiers" });
    scanner.space();
  }
  const found = /^([+-]?)FLAGS(\.SILENT)?$/.exec(scanner.dotted("FLAGS, +FLAGS or -FLAGS"));
  if (found === null) return refuse("Expected FLAGS, +FLAGS or -FLAGS");
  scanner.space();
  const mode = found[1] === "+" ? "add" : found[1] === "-" ? "remove" : "replace";
  return { kind: "store", addressing, set, mode, silent: found[2] !== undefined, flags: storeFlags(scanner), unchangedSince };
}

/** In parentheses, or bare and separated by spaces. */
function storeFlags(scanner: Scanner): string[] {
  if (scanner.isAtList()) return scanner.flagList();
  const flags: string[] = [];
  do {
    if (flags.length === FLAGS_MAX) refuse("Too many flags");
    flags.push(scanner.flag());
  } while (scanner.more());
  return eachOnce(flags);
}
