/**
 * IMAP commands as values (RFC 9051 section 6, RFC 3501 section 6, and the extensions named beside each).
 *
 * `CommandReader` assembles a command from chunks, `parseCommand` makes one of these of it. Strings are decoded:
 * mailbox names are Unicode whatever the wire used, search strings went through their charset, flags of the
 * system are spelled as in the RFC (`\Seen`). A UID form is the same command with `addressing: "uid"`.
 */
import type { SequenceSet } from "./sequence-set.ts";

export type Command =
  | Bare<"capability" | "noop" | "logout" | "starttls" | "namespace" | "idle" | "close" | "unselect" | "check">
  /** RFC 9051 section 6.2.2, RFC 4959. `mechanism` in upper case; `initialResponse` is decoded, null when the client gave none. */
  | { readonly kind: "authenticate"; readonly mechanism: string; readonly initialResponse: Buffer | null }
  | { readonly kind: "login"; readonly userName: string; readonly password: string }
  /** RFC 5161. In upper case, as asked: unknown ones are to be ignored. */
  | { readonly kind: "enable"; readonly capabilities: readonly string[] }
  | SelectCommand
  /** RFC 6154 section 3: USE attributes as `\Sent`. */
  | { readonly kind: "create"; readonly mailbox: string; readonly specialUse: readonly SpecialUse[] }
  | OnMailbox<"delete" | "subscribe" | "unsubscribe">
  | { readonly kind: "rename"; readonly from: string; readonly to: string }
  | ListCommand
  | { readonly kind: "lsub"; readonly reference: string; readonly pattern: string }
  | { readonly kind: "status"; readonly mailbox: string; readonly items: readonly StatusItem[] }
  /** RFC 9051 section 6.3.12, RFC 3502. At least one message. */
  | { readonly kind: "append"; readonly mailbox: string; readonly messages: readonly AppendMessage[] }
  /** UID EXPUNGE (RFC 4315) has `uids`, EXPUNGE has null. */
  | { readonly kind: "expunge"; readonly uids: SequenceSet | null }
  | SearchCommand
  | FetchCommand
  | StoreCommand
  | { readonly kind: "copy" | "move"; readonly addressing: Addressing; readonly set: SequenceSet; readonly mailbox: string }
  /** RFC 2971. Null is `ID NIL`. */
  | { readonly kind: "id"; readonly fields: readonly { readonly name: string; readonly value: string | null }[] | null }
  /** RFC 9208. */
  | { readonly kind: "getquota"; readonly root: string }
  | { readonly kind: "getquotaroot"; readonly mailbox: string }
  /** Well-formed so far as its name; the name is in upper case, with "UID " in front where it was. */
  | { readonly kind: "unknown"; readonly name: string };

/** One member of the union per kind, so that a switch narrows to it. */
type Bare<K extends string> = K extends string ? { readonly kind: K } : never;
type OnMailbox<K extends string> = K extends string ? { readonly kind: K; readonly mailbox: string } : never;

/** What the numbers of a set, and those of the answer, are. */
export type Addressing = "sequence" | "uid";

export interface SelectCommand {
  readonly kind: "select" | "examine";
  readonly mailbox: string;
  /** RFC 7162 section 3.1.8. */
  readonly condstore: boolean;
  /** RFC 7162 section 3.2.5. */
  readonly qresync: QresyncParameters | null;
}
export interface QresyncParameters {
  readonly uidValidity: number;
  readonly modSeq: number;
  readonly knownUids: SequenceSet | null;
  readonly match: { readonly sequences: SequenceSet; readonly uids: SequenceSet } | null;
}

export type SpecialUse = "\\All" | "\\Archive" | "\\Drafts" | "\\Flagged" | "\\Junk" | "\\Sent" | "\\Trash" | "\\Important";

/** RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154. */
export interface ListCommand {
  readonly kind: "list";
  /** False for the plain form, where an empty pattern asks for the hierarchy delimiter. */
  readonly extended: boolean;
  readonly reference: string;
  /** One or more in the extended form. */
  readonly patterns: readonly string[];
  readonly select: { readonly subscribed: boolean; readonly remote: boolean; readonly recursiveMatch: boolean; readonly specialUse: boolean };
  readonly returns: { readonly subscribed: boolean; readonly children: boolean; readonly specialUse: boolean; readonly status: readonly StatusItem[] | null };
}
/** RFC 9051 section 6.3.11; RECENT is of RFC 3501, HIGHESTMODSEQ of RFC 7162, APPENDLIMIT of RFC 7889. */
export type StatusItem = "messages" | "recent" | "uidnext" | "uidvalidity" | "unseen" | "deleted" | "size" | "highestmodseq" | "appendlimit";

export interface AppendMessage {
  readonly flags: readonly string[];
  /** Milliseconds since the epoch, null when the server's clock decides. */
  readonly internalDate: number | null;
  /** The literal itself, not copied. Empty: the client gives up the whole APPEND (RFC 3502 section 6.3.11). */
  readonly content: Buffer;
  /** Sent as literal8: may contain NUL (RFC 3516 section 4.4). */
  readonly binary: boolean;
  /** Sent as `UTF8 (~{...})` (RFC 6855 section 4): its header may be UTF-8. */
  readonly utf8: boolean;
}

/** RFC 9051 section 6.4.4, RFC 4731, RFC 7162 section 3.1.5. */
export interface SearchCommand {
  readonly kind: "search";
  readonly addressing: Addressing;
  /** Null: the answer is an untagged SEARCH to a client of RFC 3501. `RETURN ()` is ALL. */
  readonly returns: { readonly min: boolean; readonly max: boolean; readonly all: boolean; readonly count: boolean; readonly save: boolean } | null;
  readonly key: SearchKey;
  /** Whether MODSEQ occurs anywhere: then the answer tells the highest one, and CONDSTORE is enabled. */
  readonly usesModSeq: boolean;
}
/** The syntax tree of a SEARCH. Keys that are short forms (NEW, OLD, UNSEEN, ...) are spelled out. */
export type SearchKey =
  | { readonly kind: "all" }
  /** `\Recent` stands for RECENT and OLD. Keywords keep the client's case and compare without it. */
  | { readonly kind: "flag"; readonly flag: string; readonly set: boolean }
  | { readonly kind: "envelope"; readonly field: "bcc" | "cc" | "from" | "subject" | "to"; readonly text: string }
  /** `name` in lower case. Empty text: any message that has the field. */
  | { readonly kind: "header"; readonly name: string; readonly text: string }
  | { readonly kind: "body" | "text"; readonly text: string }
  | { readonly kind: "larger" | "smaller"; readonly bytes: number }
  /** Whole days since 1970-01-01, in whichever zone the message's own date is written; `source` says whose date. */
  | { readonly kind: "date"; readonly source: "internal" | "sent"; readonly is: "before" | "on" | "since"; readonly day: number }
  | { readonly kind: "set"; readonly addressing: Addressing; readonly set: SequenceSet }
  /** Changed at or after it. The optional entry name and type of RFC 7162 are read and mean nothing here. */
  | { readonly kind: "modseq"; readonly modSeq: number }
  | { readonly kind: "not"; readonly key: SearchKey }
  | { readonly kind: "or"; readonly left: SearchKey; readonly right: SearchKey }
  | { readonly kind: "and"; readonly keys: readonly SearchKey[] };

/** RFC 9051 section 6.4.5, RFC 7162 sections 3.1.4 and 3.2.6. */
export interface FetchCommand {
  readonly kind: "fetch";
  readonly addressing: Addressing;
  readonly set: SequenceSet;
  /** Macros are spelled out; nothing is there twice. */
  readonly items: readonly FetchItem[];
  readonly changedSince: number | null;
  /** Only with CHANGEDSINCE and UID FETCH. */
  readonly vanished: boolean;
}
export type FetchItem =
  | { readonly kind: "envelope" | "flags" | "internaldate" | "uid" | "modseq" | "bodystructure" }
  /** BODY without a section: BODYSTRUCTURE without extension data. */
  | { readonly kind: "body" }
  | { readonly kind: "rfc822" | "rfc822.header" | "rfc822.text" | "rfc822.size" }
  | { readonly kind: "section"; readonly peek: boolean; readonly section: Section; readonly partial: Partial | null }
  /** RFC 3516. An empty part is the whole message. */
  | { readonly kind: "binary"; readonly peek: boolean; readonly part: readonly number[]; readonly partial: Partial | null }
  | { readonly kind: "binary.size"; readonly part: readonly number[] };

/** Octets `offset` up to, not including, `offset + count`. `count` is at least 1. */
export interface Partial {
  readonly offset: number;
  readonly count: number;
}
/** What stands in the brackets of BODY[...]. */
export interface Section {
  /** Empty: the message itself. */
  readonly part: readonly number[];
  readonly text: SectionText;
}
export type SectionText =
  /** The part, or with an empty part number the whole message. */
  | { readonly kind: "whole" }
  | { readonly kind: "header" }
  | { readonly kind: "text" }
  | { readonly kind: "mime" }
  /** Names as the client wrote them, for the answer repeats them. */
  | { readonly kind: "header.fields"; readonly not: boolean; readonly names: readonly string[] };

/** RFC 9051 section 6.4.6, RFC 7162 section 3.1.3. */
export interface StoreCommand {
  readonly kind: "store";
  readonly addressing: Addressing;
  readonly set: SequenceSet;
  readonly mode: "replace" | "add" | "remove";
  readonly silent: boolean;
  readonly flags: readonly string[];
  readonly unchangedSince: number | null;
}
