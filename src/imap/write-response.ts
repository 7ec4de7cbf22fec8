/** Responses of a server (RFC 9051 section 7) that more than one command sends. Each function writes whole lines. */
import type { StatusItem } from "./command.ts";
import { DELIMITER } from "./mailbox-name.ts";
import type { ResponseWriter } from "./response-writer.ts";
import { writeNumbers, writeSequenceSet } from "./sequence-set.ts";
import type { SequenceRange } from "./sequence-set.ts";

type Numbers = Uint32Array | readonly number[];

/** RFC 9051 section 7.1 and the extensions' own. */
export type ResponseCode =
  | { readonly kind: PlainCode }
  | { readonly kind: "BADCHARSET"; readonly charsets: readonly string[] }
  | { readonly kind: "CAPABILITY"; readonly capabilities: readonly string[] }
  | { readonly kind: "PERMANENTFLAGS"; readonly flags: readonly string[] }
  | { readonly kind: "UIDNEXT" | "UIDVALIDITY" | "UNSEEN" | "HIGHESTMODSEQ"; readonly value: number }
  /** RFC 4315. Ascending. */
  | { readonly kind: "APPENDUID"; readonly uidValidity: number; readonly uids: Numbers }
  /** RFC 4315. Both ascending and of one length: the n-th source became the n-th destination. */
  | { readonly kind: "COPYUID"; readonly uidValidity: number; readonly source: Numbers; readonly destination: Numbers }
  /** RFC 7162 section 3.1.3: what a conditional STORE left alone. */
  | { readonly kind: "MODIFIED"; readonly numbers: Numbers };
export type PlainCode =
  | "ALERT" | "ALREADYEXISTS" | "AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "CANNOT" | "CLIENTBUG" | "CLOSED" | "CONTACTADMIN" | "CORRUPTION"
  | "EXPIRED" | "EXPUNGEISSUED" | "HASCHILDREN" | "INUSE" | "LIMIT" | "NOMODSEQ" | "NONEXISTENT" | "NOPERM" | "NOTSAVED" | "OVERQUOTA" | "PARSE"
  | "PRIVACYREQUIRED" | "READ-ONLY" | "READ-WRITE" | "SERVERBUG" | "TOOBIG" | "TRYCREATE" | "UIDNOTSTICKY" | "UNAVAILABLE" | "UNKNOWN-CTE" | "USEATTR";

export interface StatusResponse {
  readonly status: "OK" | "NO" | "BAD" | "BYE" | "PREAUTH";
  readonly code?: ResponseCode | null;
  /** For people, US-ASCII without line ends; never the client's own octets. */
  readonly text: string;
}

/** `tag OK [CODE] text`; null is the untagged `*`. */
export function writeStatusResponse(writer: ResponseWriter, tag: string | null, response: StatusResponse): ResponseWriter {
  writer.ascii(tag ?? "*").space().ascii(response.status).space();
  if (response.code !== undefined && response.code !== null) writeResponseCode(writer, response.code).space();
  return writer.ascii(response.text).crlf();
}

/** With its brackets. */
export function writeResponseCode(writer: ResponseWriter, code: ResponseCode): ResponseWriter {
  writer.byte(0x5b).ascii(code.kind);
  switch (code.kind) {
    case "BADCHARSET":
      if (code.charsets.length > 0) writer.ascii(` (${code.charsets.join(" ")})`);
      break;
    case "CAPABILITY":
      writer.space().ascii(code.capabilities.join(" "));
      break;
    case "PERMANENTFLAGS":
      writer.space().flags(code.flags);
      break;
    case "UIDNEXT": case "UIDVALIDITY": case "UNSEEN": case "HIGHESTMODSEQ":
      writer.space().number(code.value);
      break;
    case "APPENDUID":
      writeNumbers(writer.space().number(code.uidValidity).space(), code.uids);
      break;
    case "COPYUID":
      writeNumbers(writer.space().number(code.uidValidity).space(), code.source);
      writeNumbers(writer.space(), code.destination);
      break;
    case "MODIFIED":
      writeNumbers(writer.space(), code.numbers);
      break;
    default:
      code satisfies { readonly kind: PlainCode };
  }
  return writer.byte(0x5d);
}

/** `+ text`: the client may go on. */
export function writeContinuation(writer: ResponseWriter, text: string): ResponseWriter {
  return writer.ascii("+ ").ascii(text).crlf();
}
/** `* CAPABILITY ...` or `* ENABLED ...`. */
export function writeWords(writer: ResponseWriter, name: "CAPABILITY" | "ENABLED", words: readonly string[]): ResponseWriter {
  writer.ascii("* ").ascii(name);
  for (const word of words) writer.space().ascii(word);
  return writer.crlf();
}
/** `* 23 EXISTS` and its like. */
export function writeNumbered(writer: ResponseWriter, number: number, name: "EXISTS" | "RECENT" | "EXPUNGE"): ResponseWriter {
  return writer.ascii("* ").number(number).space().ascii(name).crlf();
}
/** `* FLAGS (...)`. */
export function writeFlags(writer: ResponseWriter, flags: readonly string[]): ResponseWriter {
  return writer.ascii("* FLAGS ").flags(flags).crlf();
}

export interface ListResponse {
  readonly name: string;
  /** `\HasChildren`, `\Sent`, ... */
  readonly attributes: readonly string[];
  /** RFC 9051 section 6.3.9.6: the name the client asked for, where it had to be made canonical. */
  readonly oldName?: string | null;
  /** RFC 5258: which selection options children met (`SUBSCRIBED`). */
  readonly childInfo?: readonly string[];
  readonly lsub?: boolean;
}
/** `* LIST (\HasNoChildren) "/" INBOX`. */
export function writeList(writer: ResponseWriter, response: ListResponse): ResponseWriter {
  writer.ascii(response.lsub === true ? "* LSUB " : "* LIST ").flags(response.attributes).ascii(` "${DELIMITER}" `).mailbox(response.name);
  const childInfo = response.childInfo ?? [];
  const oldName = response.oldName ?? null;
  if (childInfo.length > 0 || oldName !== null) {
    writer.ascii(" (");
    if (childInfo.length > 0) writer.ascii(`CHILDINFO (${childInfo.map((option) => `"${option}"`).join(" ")})`);
    if (oldName !== null) writer.ascii(childInfo.length > 0 ? " OLDNAME (" : "OLDNAME (").mailbox(oldName).byte(0x29);
    writer.byte(0x29);
  }
  return writer.crlf();
}

/** `* STATUS name (MESSAGES 3 UIDNEXT 9)`, in the order given; a null value is NIL, as APPENDLIMIT may be (RFC 7889). */
export function writeStatus(writer: ResponseWriter, mailbox: string, values: readonly (readonly [item: StatusItem, value: number | null])[]): ResponseWriter {
  writer.ascii("* STATUS ").mailbox(mailbox).ascii(" (");
  values.forEach(([item, value], i) => {
    (i === 0 ? writer : writer.space()).ascii(item.toUpperCase()).space();
    if (value === null) writer.ascii("NIL");
    else writer.number(value);
  });
  return writer.byte(0x29).crlf();
}

/** `* SEARCH 2 84 882`, with `(MODSEQ n)` where asked (RFC 7162 section 3.1.5). Not sent to clients of RFC 9051. */
export function writeSearch(writer: ResponseWriter, numbers: Numbers, modSeq: number | null): ResponseWriter {
  writer.ascii("* SEARCH");
  for (let i = 0; i < numbers.length; i++) writer.space().number(numbers[i]!);
  if (modSeq !== null && numbers.length > 0) writer.ascii(" (MODSEQ ").number(modSeq).byte(0x29);
  return writer.crlf();
}

export interface ESearchResponse {
  /** Of the command that it answers. */
  readonly tag: string;
  readonly uid: boolean;
  /** Null: not asked for, or there is none. */
  readonly min: number | null;
  readonly max: number | null;
  /** Ascending. Null: not asked for; empty: nothing found, and ALL is left out (RFC 4731 section 3.1). */
  readonly all: Numbers | null;
  readonly count: number | null;
  readonly modSeq: number | null;
}
/** `* ESEARCH (TAG "A1") UID ALL 1:3 COUNT 3` (RFC 9051 section 7.3.4). */
export function writeESearch(writer: ResponseWriter, response: ESearchResponse): ResponseWriter {
  writer.ascii("* ESEARCH (TAG ").string(response.tag).byte(0x29);
  if (response.uid) writer.ascii(" UID");
  if (response.min !== null) writer.ascii(" MIN ").number(response.min);
  if (response.max !== null) writer.ascii(" MAX ").number(response.max);
  if (response.all !== null && response.all.length > 0) writeNumbers(writer.ascii(" ALL "), response.all);
  if (response.count !== null) writer.ascii(" COUNT ").number(response.count);
  if (response.modSeq !== null) writer.ascii(" MODSEQ ").number(response.modSeq);
  return writer.crlf();
}

/** `* VANISHED 405,407:410` (RFC 7162 section 3.2.10); `earlier` for those of SELECT and FETCH. Writes nothing for no UIDs. */
export function writeVanished(writer: ResponseWriter, uids: Numbers | { readonly ranges: readonly SequenceRange[] }, options: { readonly earlier: boolean }): ResponseWriter {
  const isRanges = "ranges" in uids;
  if ((isRanges ? uids.ranges : uids).length === 0) return writer;
  writer.ascii(options.earlier ? "* VANISHED (EARLIER) " : "* VANISHED ");
  if (isRanges) writer.ascii(writeSequenceSet({ kind: "ranges", ranges: uids.ranges }));
  else writeNumbers(writer, uids);
  return writer.crlf();
}
