/** SELECT and EXAMINE with their parameters (RFC 7162), LIST with its options (RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154). */
import type { ListCommand, QresyncParameters, SelectCommand, StatusItem } from "./command.ts";
import { LIST_PATTERNS_MAX, PATTERN_CHARACTERS_MAX } from "./limits.ts";
import { refuse } from "./scanner.ts";
import type { Scanner } from "./scanner.ts";

export function parseSelect(scanner: Scanner, kind: "select" | "examine"): SelectCommand {
  scanner.space();
  const mailbox = scanner.mailbox();
  let condstore = false;
  let qresync: QresyncParameters | null = null;
  if (scanner.more()) {
    scanner.list(() => {
      switch (scanner.keyword("a parameter")) {
        case "CONDSTORE":
          condstore = true;
          return;
        case "QRESYNC":
          scanner.space();
          qresync = qresyncParameters(scanner);
          return;
        default:
          refuse("Unknown parameter");
      }
    }, { what: "parameters" });
  }
  return { kind, mailbox, condstore, qresync };
}

/** `(uidvalidity modseq [known-uids] [(known-sequence-set known-uid-set)])` (RFC 7162 section 3.2.5). */
function qresyncParameters(scanner: Scanner): QresyncParameters {
  scanner.expect("(");
  const uidValidity = scanner.number("a UIDVALIDITY", { min: 1, max: 4_294_967_295 });
  scanner.space();
  const modSeq = scanner.number("a mod-sequence", { min: 1 });
  let knownUids: QresyncParameters["knownUids"] = null;
  let match: QresyncParameters["match"] = null;
  if (!scanner.isAt(")")) {
    scanner.space();
    if (!scanner.isAtList()) {
      knownUids = knownSet(scanner);
      if (!scanner.isAt(")")) scanner.space();
    }
    if (scanner.skip("(")) {
      const sequences = knownSet(scanner);
      scanner.space();
      match = { sequences, uids: knownSet(scanner) };
      scanner.expect(")");
    }
  }
  scanner.expect(")");
  return { uidValidity, modSeq, knownUids, match };
}
/** RFC 7162 section 7: without `*`, and no saved result. */
function knownSet(scanner: Scanner) {
  const set = scanner.sequenceSet();
  if (set.kind === "saved" || set.ranges.some(({ first, last }) => first === 0 || last === 0)) refuse("A known set has no * and no $");
  return set;
}

export function parseList(scanner: Scanner): ListCommand {
  scanner.space();
  let extended = false;
  const select = { subscribed: false, remote: false, recursiveMatch: false, specialUse: false };
  if (scanner.isAtList()) {
    extended = true;
    scanner.list(() => selectOption(scanner, select), { what: "selection options", empty: true });
    scanner.space();
  }
  // RFC 5258 section 3.1: RECURSIVEMATCH says how another option matches, and REMOTE is no such option.
  if (select.recursiveMatch && !select.subscribed && !select.specialUse) refuse("RECURSIVEMATCH needs another selection option");
  const reference = scanner.mailbox();
  scanner.space();
  const several = scanner.isAtList();
  const patterns = several ? scanner.list(() => pattern(scanner), { what: "patterns", max: LIST_PATTERNS_MAX }) : [pattern(scanner)];
  const returns: { -readonly [K in keyof ListCommand["returns"]]: ListCommand["returns"][K] } = { subscribed: false, children: false, specialUse: false, status: null };
  const hasReturn = scanner.more();
  if (hasReturn) {
    if (scanner.keyword("RETURN") !== "RETURN") refuse("Expected RETURN");
    scanner.space();
    scanner.list(() => returnOption(scanner, returns), { what: "return options", empty: true });
  }
  return { kind: "list", extended: extended || several || hasReturn, reference, patterns, select, returns };
}

function pattern(scanner: Scanner): string {
  const text = scanner.listMailbox();
  return text.length > PATTERN_CHARACTERS_MAX ? refuse("A pattern is too long") : text;
}

function selectOption(scanner: Scanner, select: { subscribed: boolean; remote: boolean; recursiveMatch: boolean; specialUse: boolean }): void {
  switch (scanner.keyword("a selection option")) {
    case "SUBSCRIBED":
      select.subscribed = true;
      return;
    case "REMOTE":
      select.remote = true;
      return;
    case "RECURSIVEMATCH":
      select.recursiveMatch = true;
      return;
    case "SPECIAL-USE":
      select.specialUse = true;
      return;
    default:
      refuse("Unknown selection option");
  }
}

function returnOption(scanner: Scanner, returns: { subscribed: boolean; children: boolean; specialUse: boolean; status: readonly StatusItem[] | null }): void {
  switch (scanner.keyword("a return option")) {
    case "SUBSCRIBED":
      returns.subscribed = true;
      return;
    case "CHILDREN":
      returns.children = true;
      return;
    case "SPECIAL-USE":
      returns.specialUse = true;
      return;
    case "STATUS":
      scanner.space();
      returns.status = statusItems(scanner);
      return;
    default:
      refuse("Unknown return option");
  }
}

const STATUS_ITEMS: ReadonlyMap<string, StatusItem> = new Map(
  (["messages", "recent", "uidnext", "uidvalidity", "unseen", "deleted", "size", "highestmodseq", "appendlimit"] as const).map((item) => [item.toUpperCase(), item]),
);
/** `(MESSAGES UNSEEN)`, each once. */
export function statusItems(scanner: Scanner): StatusItem[] {
  const items = scanner.list(() => STATUS_ITEMS.get(scanner.keyword("a status item")) ?? refuse("Unknown status item"), { what: "status items" });
  return [...new Set(items)];
}
