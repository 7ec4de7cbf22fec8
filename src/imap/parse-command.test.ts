import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Command } from "./command.ts";
import { CommandReader } from "./command-reader.ts";
import type { RawCommand } from "./command-reader.ts";
import { FETCH_ITEMS_MAX, FLAGS_MAX, HEADER_NAMES_MAX, ID_FIELDS_MAX, LIST_PATTERNS_MAX, OPTIONS_MAX, PART_DEPTH_MAX, SEARCH_DEPTH_MAX, SEARCH_KEYS_MAX, TAG_BYTES_MAX } from "./limits.ts";
import { mailboxNameProblem } from "./mailbox-name.ts";
import { appendTarget, nameOf, parseCommand } from "./parse-command.ts";
import type { ParseAnswer } from "./parse-command.ts";
import { parseSequenceSet } from "./sequence-set.ts";
import type { SequenceSet } from "./sequence-set.ts";

function rawOf(line: string): RawCommand {
  const reader = new CommandReader();
  reader.push(Buffer.from(`${line}\r\n`, "utf8"));
  const event = reader.next();
  assert.ok(event.kind === "command", `${line}: ${event.kind}`);
  return event.raw;
}
const answerTo = (line: string, options = { utf8: false }): ParseAnswer => parseCommand(rawOf(line), options);
function commandOf(line: string, options = { utf8: false }): Command {
  const answer = answerTo(`A1 ${line}`, options);
  assert.ok(answer.kind === "parsed", `${line}: ${JSON.stringify(answer)}`);
  assert.equal(answer.tag, "A1");
  return answer.command;
}
const set = (text: string): SequenceSet => parseSequenceSet(text)!;
const lit = (text: string): string => `{${Buffer.byteLength(text)}+}\r\n${text}`;

function table(title: string, cases: readonly (readonly [line: string, command: unknown])[]): void {
  describe(title, () => {
    for (const [line, command] of cases) test(JSON.stringify(line.slice(0, 70)), () => assert.deepEqual(commandOf(line), command));
  });
}

table("RFC 9051 section 6.1 and 6.2", [
  ["CAPABILITY", { kind: "capability" }],
  ["noop", { kind: "noop" }],
  ["NOOP  ", { kind: "noop" }],
  ["LOGOUT", { kind: "logout" }],
  ["STARTTLS", { kind: "starttls" }],
  ["AUTHENTICATE plain", { kind: "authenticate", mechanism: "PLAIN", initialResponse: null }],
  ["AUTHENTICATE PLAIN dGVzdAB0ZXN0AHRlc3Q=", { kind: "authenticate", mechanism: "PLAIN", initialResponse: Buffer.from("test\0test\0test") }],
  ["AUTHENTICATE EXTERNAL =", { kind: "authenticate", mechanism: "EXTERNAL", initialResponse: Buffer.alloc(0) }],
  ["AUTHENTICATE SCRAM-SHA-256-PLUS", { kind: "authenticate", mechanism: "SCRAM-SHA-256-PLUS", initialResponse: null }],
  ["LOGIN SMITH SESAME", { kind: "login", userName: "SMITH", password: "SESAME" }],
  ['LOGIN "a\\"b" "\\\\"', { kind: "login", userName: 'a"b', password: "\\" }],
  [`LOGIN ${lit("fred foobar")} ${lit("Geheimnis ü")}`, { kind: "login", userName: "fred foobar", password: "Geheimnis ü" }],
  ["LOGIN a]b NIL", { kind: "login", userName: "a]b", password: "NIL" }],
]);

table("RFC 9051 section 6.3, mailboxes", [
  ["ENABLE CONDSTORE imap4rev2 UTF8=ACCEPT", { kind: "enable", capabilities: ["CONDSTORE", "IMAP4REV2", "UTF8=ACCEPT"] }],
  ["SELECT inbox", { kind: "select", mailbox: "INBOX", condstore: false, qresync: null }],
  ["EXAMINE blurdybloop (CONDSTORE)", { kind: "examine", mailbox: "blurdybloop", condstore: true, qresync: null }],
  ["SELECT INBOX (QRESYNC (67890007 20050715194045000 41,43:211,214:541))",
    { kind: "select", mailbox: "INBOX", condstore: false, qresync: { uidValidity: 67890007, modSeq: Number.MAX_SAFE_INTEGER, knownUids: set("41,43:211,214:541"), match: null } }],
  ["SELECT INBOX (QRESYNC (67890007 90060115194045000 1:29997 (5000,7500,9000,9990:9999 15000,22500,27000,29970,29973)))",
    { kind: "select", mailbox: "INBOX", condstore: false, qresync: { uidValidity: 67890007, modSeq: Number.MAX_SAFE_INTEGER, knownUids: set("1:29997"),
      match: { sequences: set("5000,7500,9000,9990:9999"), uids: set("15000,22500,27000,29970,29973") } } }],
  ["SELECT x (QRESYNC (1 2 (1 2)))", { kind: "select", mailbox: "x", condstore: false, qresync: { uidValidity: 1, modSeq: 2, knownUids: null, match: { sequences: set("1"), uids: set("2") } } }],
  ["CREATE owatagusiam/", { kind: "create", mailbox: "owatagusiam/", specialUse: [] }],
  ["CREATE MySpecial (USE (\\drafts \\Sent))", { kind: "create", mailbox: "MySpecial", specialUse: ["\\Drafts", "\\Sent"] }],
  ["DELETE foo/bar", { kind: "delete", mailbox: "foo/bar" }],
  ["RENAME INBOX old-mail", { kind: "rename", from: "INBOX", to: "old-mail" }],
  ["SUBSCRIBE #news.comp.mail.mime", { kind: "subscribe", mailbox: "#news.comp.mail.mime" }],
  ["UNSUBSCRIBE &ZeVnLIqe-", { kind: "unsubscribe", mailbox: "日本語" }],
  ["NAMESPACE", { kind: "namespace" }],
  ["STATUS blurdybloop (UIDNEXT MESSAGES uidnext)", { kind: "status", mailbox: "blurdybloop", items: ["uidnext", "messages"] }],
  ['LSUB "#news." "comp.mail.*"', { kind: "lsub", reference: "#news.", pattern: "comp.mail.*" }],
  ['GETQUOTA ""', { kind: "getquota", root: "" }],
  ["GETQUOTAROOT INBOX", { kind: "getquotaroot", mailbox: "INBOX" }],
]);

const noSelect = { subscribed: false, remote: false, recursiveMatch: false, specialUse: false };
const noReturns = { subscribed: false, children: false, specialUse: false, status: null };
table("RFC 9051 section 6.3.9, LIST", [
  ['LIST "" ""', { kind: "list", extended: false, reference: "", patterns: [""], select: noSelect, returns: noReturns }],
  ["LIST /usr/staff/jones %/foo*", { kind: "list", extended: false, reference: "/usr/staff/jones", patterns: ["%/foo*"], select: noSelect, returns: noReturns }],
  ['LIST (SUBSCRIBED) "" "*"', { kind: "list", extended: true, reference: "", patterns: ["*"], select: { ...noSelect, subscribed: true }, returns: noReturns }],
  ['LIST () "" (INBOX "Drafts" Sent/%)', { kind: "list", extended: true, reference: "", patterns: ["INBOX", "Drafts", "Sent/%"], select: noSelect, returns: noReturns }],
  ['LIST (REMOTE SUBSCRIBED RECURSIVEMATCH) "" "*" RETURN (CHILDREN)', { kind: "list", extended: true, reference: "", patterns: ["*"],
    select: { subscribed: true, remote: true, recursiveMatch: true, specialUse: false }, returns: { ...noReturns, children: true } }],
  ['LIST "" % RETURN (SPECIAL-USE SUBSCRIBED STATUS (MESSAGES UNSEEN SIZE))', { kind: "list", extended: true, reference: "", patterns: ["%"], select: noSelect,
    returns: { subscribed: true, children: false, specialUse: true, status: ["messages", "unseen", "size"] } }],
  ['LIST (SPECIAL-USE) "" "*" RETURN ()', { kind: "list", extended: true, reference: "", patterns: ["*"], select: { ...noSelect, specialUse: true }, returns: noReturns }],
]);

const message = (content: string, more: object = {}) => ({ flags: [], internalDate: null, content: Buffer.from(content), binary: false, utf8: false, ...more });
table("RFC 9051 section 6.3.12, RFC 3502 and RFC 6855, APPEND", [
  [`APPEND saved-messages (\\seen $X) ${lit("Hi\r\n")}`, { kind: "append", mailbox: "saved-messages", messages: [message("Hi\r\n", { flags: ["\\Seen", "$X"] })] }],
  [`APPEND ${lit("in box")} ${lit("x")}`, { kind: "append", mailbox: "in box", messages: [message("x")] }],
  [`APPEND x " 7-Jul-1996 02:44:25 -0700" ${lit("y")}`, { kind: "append", mailbox: "x", messages: [message("y", { internalDate: Date.UTC(1996, 6, 7, 9, 44, 25) })] }],
  [`APPEND x (\\Seen \\SEEN k K) ${lit("1")} (\\Draft) "01-Jan-2000 00:00:00 +0000" ${lit("")}`, { kind: "append", mailbox: "x",
    messages: [message("1", { flags: ["\\Seen", "k"] }), message("", { flags: ["\\Draft"], internalDate: Date.UTC(2000, 0, 1) })] }],
  [`APPEND x ~${lit("a\0b")}`, { kind: "append", mailbox: "x", messages: [message("a\0b", { binary: true })] }],
  [`APPEND x UTF8 (~${lit("Subject: ü\r\n")})`, { kind: "append", mailbox: "x", messages: [message("Subject: ü\r\n", { binary: true, utf8: true })] }],
]);

table("RFC 9051 section 6.4, selected state", [
  ["IDLE", { kind: "idle" }],
  ["CLOSE", { kind: "close" }],
  ["UNSELECT", { kind: "unselect" }],
  ["CHECK", { kind: "check" }],
  ["EXPUNGE", { kind: "expunge", uids: null }],
  ["UID EXPUNGE 3000:3002", { kind: "expunge", uids: set("3000:3002") }],
  ["COPY 2:4 MEETING", { kind: "copy", addressing: "sequence", set: set("2:4"), mailbox: "MEETING" }],
  ["uid move 42:69 foo", { kind: "move", addressing: "uid", set: set("42:69"), mailbox: "foo" }],
  ["MOVE $ foo", { kind: "move", addressing: "sequence", set: { kind: "saved" }, mailbox: "foo" }],
  ["STORE 2:4 +FLAGS (\\Deleted)", { kind: "store", addressing: "sequence", set: set("2:4"), mode: "add", silent: false, flags: ["\\Deleted"], unchangedSince: null }],
  ["STORE 1 FLAGS.SILENT ()", { kind: "store", addressing: "sequence", set: set("1"), mode: "replace", silent: true, flags: [], unchangedSince: null }],
  ["UID STORE * -flags.silent \\seen $Junk", { kind: "store", addressing: "uid", set: set("*"), mode: "remove", silent: true, flags: ["\\Seen", "$Junk"], unchangedSince: null }],
  ["STORE 7,5,9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\\Deleted)", { kind: "store", addressing: "sequence", set: set("7,5,9"), mode: "add", silent: true, flags: ["\\Deleted"], unchangedSince: 320162338 }],
  ['ID ("name" "sodr" "version" NIL)', { kind: "id", fields: [{ name: "name", value: "sodr" }, { name: "version", value: null }] }],
  ["ID NIL", { kind: "id", fields: null }],
  ["XLIST \"\" *", { kind: "unknown", name: "XLIST" }],
  ["UID THREAD x", { kind: "unknown", name: "UID THREAD" }],
]);

const body = (part: number[], text: object, more: object = {}) => ({ kind: "section", peek: false, section: { part, text }, partial: null, ...more });
const fetchOf = (items: object[], more: object = {}) => ({ kind: "fetch", addressing: "sequence", set: set("1"), items, changedSince: null, vanished: false, ...more });
table("RFC 9051 section 6.4.5, FETCH", [
  ["FETCH 1 FAST", fetchOf([{ kind: "flags" }, { kind: "internaldate" }, { kind: "rfc822.size" }])],
  ["FETCH 1 all", fetchOf([{ kind: "flags" }, { kind: "internaldate" }, { kind: "rfc822.size" }, { kind: "envelope" }])],
  ["FETCH 1 FULL", fetchOf([{ kind: "flags" }, { kind: "internaldate" }, { kind: "rfc822.size" }, { kind: "envelope" }, { kind: "body" }])],
  ["FETCH 1 BODY", fetchOf([{ kind: "body" }])],
  ["FETCH 1 BODY[]", fetchOf([body([], { kind: "whole" })])],
  ["FETCH 1 (FLAGS BODY[HEADER.FIELDS (DATE FROM)] FLAGS)", fetchOf([{ kind: "flags" }, body([], { kind: "header.fields", not: false, names: ["DATE", "FROM"] })])],
  ['FETCH 1 body.peek[4.2.2.header.fields.not ("X-a")]<0.1024>', fetchOf([body([4, 2, 2], { kind: "header.fields", not: true, names: ["X-a"] }, { peek: true, partial: { offset: 0, count: 1024 } })])],
  ["FETCH 1 (BODY[3.MIME] BODY[3.HEADER] BODY[3.TEXT] BODY[3] BODY[TEXT])", fetchOf([body([3], { kind: "mime" }), body([3], { kind: "header" }), body([3], { kind: "text" }), body([3], { kind: "whole" }), body([], { kind: "text" })])],
  ["FETCH 1 (RFC822 RFC822.HEADER RFC822.TEXT RFC822.SIZE UID ENVELOPE BODYSTRUCTURE MODSEQ INTERNALDATE)", fetchOf(
    ["rfc822", "rfc822.header", "rfc822.text", "rfc822.size", "uid", "envelope", "bodystructure", "modseq", "internaldate"].map((kind) => ({ kind })))],
  ["FETCH 1 (BINARY[1.2]<5.6> BINARY.PEEK[] BINARY.SIZE[3])", fetchOf([
    { kind: "binary", peek: false, part: [1, 2], partial: { offset: 5, count: 6 } }, { kind: "binary", peek: true, part: [], partial: null }, { kind: "binary.size", part: [3] }])],
  ["UID FETCH 1 (FLAGS) (CHANGEDSINCE 12345 VANISHED)", fetchOf([{ kind: "flags" }], { addressing: "uid", changedSince: 12345, vanished: true })],
]);

const flag = (flag: string, set: boolean) => ({ kind: "flag", flag, set });
const search = (key: object, more: object = {}) => ({ kind: "search", addressing: "sequence", returns: null, key, usesModSeq: false, ...more });
const day = (year: number, month: number, date: number): number => Date.UTC(year, month - 1, date) / 86_400_000;
table("RFC 9051 section 6.4.4, SEARCH", [
  ["SEARCH ALL", search({ kind: "all" })],
  ['SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM "Smith"', search({ kind: "and", keys: [
    flag("\\Flagged", true), { kind: "date", source: "internal", is: "since", day: day(1994, 2, 1) }, { kind: "not", key: { kind: "envelope", field: "from", text: "Smith" } }] })],
  [`SEARCH CHARSET UTF-8 TEXT ${lit("мать")}`, search({ kind: "text", text: "мать" })],
  [`SEARCH RETURN (MIN COUNT) CHARSET us-ascii BODY "\\"x"`, search({ kind: "body", text: '"x' }, { returns: { min: true, max: false, all: false, count: true, save: false } })],
  ["SEARCH RETURN () 1:3,*", search({ kind: "set", addressing: "sequence", set: set("1:3,*") }, { returns: { min: false, max: false, all: true, count: false, save: false } })],
  ["UID SEARCH RETURN (SAVE) $ UID 5:*", search({ kind: "and", keys: [{ kind: "set", addressing: "sequence", set: { kind: "saved" } }, { kind: "set", addressing: "uid", set: set("5:*") }] },
    { addressing: "uid", returns: { min: false, max: false, all: false, count: false, save: true } })],
  ["SEARCH OR (SEEN UNDRAFT) (LARGER 10)", search({ kind: "or", left: { kind: "and", keys: [flag("\\Seen", true), flag("\\Draft", false)] }, right: { kind: "larger", bytes: 10 } })],
  ["SEARCH NEW OLD RECENT", search({ kind: "and", keys: [{ kind: "and", keys: [flag("\\Recent", true), flag("\\Seen", false)] }, flag("\\Recent", false), flag("\\Recent", true)] })],
  ['SEARCH HEADER Message-ID "" KEYWORD $Junk UNKEYWORD x', search({ kind: "and", keys: [{ kind: "header", name: "message-id", text: "" }, flag("$Junk", true), flag("x", false)] })],
  ['SEARCH SENTON "2-Mar-2020" BEFORE 3-Apr-2021 SMALLER 7', search({ kind: "and", keys: [
    { kind: "date", source: "sent", is: "on", day: day(2020, 3, 2) }, { kind: "date", source: "internal", is: "before", day: day(2021, 4, 3) }, { kind: "smaller", bytes: 7 }] })],
  ['SEARCH MODSEQ "/flags/\\\\draft" all 620162338', search({ kind: "modseq", modSeq: 620162338 }, { usesModSeq: true })],
  ["SEARCH (NOT (MODSEQ 5))", search({ kind: "not", key: { kind: "modseq", modSeq: 5 } }, { usesModSeq: true })],
]);

test("a charset is undone", () => {
  const raw = { text: Buffer.concat([Buffer.from('A1 SEARCH CHARSET ISO-2022-JP SUBJECT "'), Buffer.from("1b24424a58246a1b2842", "hex"), Buffer.from('"')]), literals: [] };
  const answer = parseCommand(raw, { utf8: false });
  assert.ok(answer.kind === "parsed" && answer.command.kind === "search" && answer.command.key.kind === "envelope");
  assert.equal(answer.command.key.text, "便り");
  assert.deepEqual(answerTo("A1 SEARCH CHARSET X-UNHEARD-OF TEXT x"), { kind: "bad-charset", tag: "A1" });
});

describe("RFC 9051 section 5.1, names before and after ENABLE", () => {
  test("UTF-8 after", () => {
    assert.deepEqual(commandOf('DELETE "日本語"', { utf8: true }), { kind: "delete", mailbox: "日本語" });
    assert.deepEqual(commandOf("DELETE &ZeVnLIqe-", { utf8: true }), { kind: "delete", mailbox: "&ZeVnLIqe-" });
    assert.deepEqual(commandOf(`DELETE ${lit("u\u0308")}`, { utf8: true }), { kind: "delete", mailbox: "ü" });
  });
  test("modified UTF-7 before", () => {
    assert.equal(answerTo('A1 DELETE "日本語"').kind, "bad");
  });
  test("7-bit text that is no modified UTF-7 names nothing there can be", () => {
    const answer = answerTo("A1 DELETE a&b");
    assert.ok(answer.kind === "parsed" && answer.command.kind === "delete");
    assert.notEqual(mailboxNameProblem(answer.command.mailbox), null);
  });
  test("what is not UTF-8 is refused", () => assert.equal(parseCommand({ text: Buffer.from('A1 DELETE "\xff"', "latin1"), literals: [] }, { utf8: true }).kind, "bad"));
});

describe("what is refused", () => {
  const lines: readonly string[] = [
    "NOOP x", "CAPABILITY (", "LOGIN x", "LOGIN x y z", 'LOGIN "x y', 'LOGIN "\\x" y', "LOGIN x  y", "LOGIN (x) y", "AUTHENTICATE", "AUTHENTICATE PLAIN a", "AUTHENTICATE PLAIN ====", "ENABLE",
    "SELECT", "SELECT a (FOO)", "SELECT a ()", "SELECT a (QRESYNC (0 1))", "SELECT a (QRESYNC (1 1 1:*))", "SELECT a (QRESYNC (1 1 $))", "SELECT a (QRESYNC (1))", "CREATE x (USE \\Sent)", "CREATE x (USE (\\Foo))", "CREATE x (FOO ())",
    "LIST", 'LIST ""', 'LIST (imaptest) "" ""', 'LIST (recursivematch) "" ""', 'LIST (recursivematch remote) "" ""', 'LIST "" "" return (imaptest)', 'LIST "" ()', 'LIST "" * (CHILDREN)', "STATUS x", "STATUS x ()", "STATUS x (FOO)",
    "APPEND x", "APPEND x y", "APPEND x (\\Recent) {1+}\r\nx", "APPEND x (\\Foo) {1+}\r\nx", 'APPEND x "1-Jan-2020" {1+}\r\nx', "APPEND x {1+}\r\nx y", "APPEND x UTF8 ({1+}\r\nx)", "APPEND x {1+}\r\n\0",
    "UID", "UID NOOPX", "FETCH", "FETCH 1", "FETCH 0 FLAGS", "FETCH 1 (ALL)", "FETCH 1 ()", "FETCH 1 FOO", "FETCH 1 BODY[", "FETCH 1 BODY[0]", "FETCH 1 BODY[1.]", "FETCH 1 BODY[MIME]", "FETCH 1 BODY[HEADER.FIELDS]", "FETCH 1 BODY[HEADER.FIELDS ()]",
    'FETCH 1 BODY[HEADER.FIELDS ("a b")]', 'FETCH 1 BODY[HEADER.FIELDS ("")]', "FETCH 1 BODY[]<0>", "FETCH 1 BODY[]<0.0>", "FETCH 1 BODY.PEEK", "FETCH 1 BINARY[1.TEXT]", "FETCH 1 BINARY", "FETCH 1 FLAGS (CHANGEDSINCE 0)",
    "FETCH 1 FLAGS (VANISHED)", "FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)", "UID FETCH 1 FLAGS (VANISHED)", "STORE 1 FLAGS", "STORE 1 FOO (\\Seen)", "STORE 1 +FLAGS (\\Recent)", "STORE 1 +FLAGS (\\*)", "STORE 1 (FOO 1) FLAGS ()", "STORE 1 FLAGS (a",
    "SEARCH", "SEARCH FOO", "SEARCH NOT", "SEARCH OR SEEN", "SEARCH ()", "SEARCH (SEEN", "SEARCH SINCE x", "SEARCH SINCE 31-Feb-2020", "SEARCH LARGER x", "SEARCH RETURN (FOO) ALL", "SEARCH RETURN ALL", "SEARCH HEADER x", "SEARCH MODSEQ \"x\" foo 1",
    "ID", 'ID ("a")', "ID x", "COPY 1", "COPY x y", "GETQUOTA", "UID EXPUNGE", "EXPUNGE 1", "RENAME x",
  ];
  for (const line of lines) {
    test(JSON.stringify(line), () => {
      const answer = answerTo(`A1 ${line}`);
      if (answer.kind === "parsed") assert.equal(answer.command.kind === "unknown" && line === "UID NOOPX", true, JSON.stringify(answer));
      else assert.ok(answer.kind === "bad" && answer.tag === "A1" && /^[\x20-\x7e]+$/.test(answer.text));
    });
  }
  test("no tag, no command", () => {
    assert.equal(answerTo(`${"t".repeat(TAG_BYTES_MAX)} NOOP`).kind, "parsed");
    assert.equal((answerTo(`${"t".repeat(TAG_BYTES_MAX + 1)} NOOP`) as { tag: unknown }).tag, null);
    assert.equal((answerTo("") as { tag: unknown }).tag, null);
    assert.equal((answerTo("* NOOP") as { tag: unknown }).tag, null);
    assert.equal((answerTo("+ NOOP") as { tag: unknown }).tag, null);
    assert.equal((answerTo("A1") as { tag: unknown }).tag, "A1");
    assert.equal(answerTo("A1 ").kind, "bad");
  });
  test("the answer repeats nothing the client sent as an argument", () => {
    const answer = answerTo("A1 LOGIN fred (hunter2");
    assert.ok(answer.kind === "bad" && !answer.text.includes("hunter2") && !answer.text.includes("fred"));
  });
});

describe("limits", () => {
  const repeat = (count: number, item: (i: number) => string): string => Array.from({ length: count }, (_, i) => item(i)).join(" ");
  const cases: readonly (readonly [what: string, line: (count: number) => string, max: number])[] = [
    ["SEARCH_KEYS_MAX", (n) => `SEARCH ${repeat(n, () => "SEEN")}`, SEARCH_KEYS_MAX],
    ["SEARCH_DEPTH_MAX", (n) => `SEARCH ${"(".repeat(n - 1)}SEEN${")".repeat(n - 1)}`, SEARCH_DEPTH_MAX],
    ["SEARCH_DEPTH_MAX by NOT", (n) => `SEARCH ${"NOT ".repeat(n - 1)}SEEN`, SEARCH_DEPTH_MAX],
    ["SEARCH_DEPTH_MAX by OR", (n) => `SEARCH ${"OR SEEN ".repeat(n - 1)}SEEN`, SEARCH_DEPTH_MAX],
    ["FLAGS_MAX", (n) => `STORE 1 FLAGS (${repeat(n, (i) => `f${i}`)})`, FLAGS_MAX],
    ["FLAGS_MAX, bare", (n) => `STORE 1 FLAGS ${repeat(n, (i) => `f${i}`)}`, FLAGS_MAX],
    ["FETCH_ITEMS_MAX", (n) => `FETCH 1 (${repeat(n, () => "FLAGS")})`, FETCH_ITEMS_MAX],
    ["HEADER_NAMES_MAX", (n) => `FETCH 1 BODY[HEADER.FIELDS (${repeat(n, (i) => `f${i}`)})]`, HEADER_NAMES_MAX],
    ["PART_DEPTH_MAX", (n) => `FETCH 1 BODY[${repeat(n, () => "1").replaceAll(" ", ".")}]`, PART_DEPTH_MAX],
    ["LIST_PATTERNS_MAX", (n) => `LIST "" (${repeat(n, () => "x")})`, LIST_PATTERNS_MAX],
    ["OPTIONS_MAX", (n) => `ENABLE ${repeat(n, () => "x")}`, OPTIONS_MAX],
    ["OPTIONS_MAX of STATUS", (n) => `STATUS x (${repeat(n, () => "UNSEEN")})`, OPTIONS_MAX],
    ["ID_FIELDS_MAX", (n) => `ID (${repeat(n, () => '"a" "b"')})`, ID_FIELDS_MAX],
  ];
  for (const [what, line, max] of cases) {
    test(what, () => {
      assert.equal(answerTo(`A1 ${line(max)}`).kind, "parsed");
      assert.equal(answerTo(`A1 ${line(max + 1)}`).kind, "bad");
    });
  }
});

test("the target of an APPEND is known before its message comes", () => {
  const target = (line: string): string | null => appendTarget({ text: Buffer.from(line), literals: [] }, { utf8: false });
  assert.equal(target("A1 APPEND inbox (\\Seen) {5}\r\n"), "INBOX");
  assert.equal(target("A1 APPEND (x {5}\r\n"), null);
  assert.equal(target("A1 LOGIN x {5}\r\n"), null);
});
test("commands have names", () => {
  assert.equal(nameOf(commandOf("UID COPY 1 x")), "UID COPY");
  assert.equal(nameOf(commandOf("UID EXPUNGE 1")), "UID EXPUNGE");
  assert.equal(nameOf(commandOf("getquotaroot x")), "GETQUOTAROOT");
});
