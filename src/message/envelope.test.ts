import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseAddressList } from "./address-list.ts";
import { envelopeOf } from "./envelope.ts";
import { addressesMax } from "./limits.ts";
import { parseMessage } from "./message.ts";

/** "name <@route:mailbox@host>", groups as "name: ... ;". */
function shown(text: string): string {
  return parseAddressList(text)
    .map(({ name, adl, mailbox, host }) => {
      if (host === null) return mailbox === null ? ";" : `${mailbox}:`;
      return `${name ?? ""}<${adl === null ? "" : `${adl}:`}${mailbox}@${host}>`;
    })
    .join(" ");
}

describe("RFC 5322 section 3.4: address lists", () => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    ["a@b", "<a@b>"],
    ["a@b, c@d", "<a@b> <c@d>"],
    ["John Doe <jdoe@machine.example>", "John Doe<jdoe@machine.example>"],
    ['"Doe, John" <jdoe@machine.example>', "Doe, John<jdoe@machine.example>"],
    ['"Giant; \\"Big\\" Box" <a@b>', 'Giant; "Big" Box<a@b>'],
    ["=?utf-8?B?5L6/44KK?= <a@b>", "=?utf-8?B?5L6/44KK?=<a@b>"],
    ["便り <a@b>", "便り<a@b>"],
    ["<a@b>", "<a@b>"],
    ["a@b (John)", "John<a@b>"],
    ["(x) a@b (John (Jack) Doe), c@d", "John (Jack) Doe<a@b> <c@d>"],
    ["Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "Pete<pete@silly.test>"],
    ["A Group:Ed Jones <joe@where.test>,John <jdoe@one.test>;", "A Group: Ed Jones<joe@where.test> John<jdoe@one.test> ;"],
    ["Undisclosed recipients:;", "Undisclosed recipients: ;"],
    ["Undisclosed recipients:", "Undisclosed recipients: ;"],
    ["a@b, g:c@d;, e@f", "<a@b> g: <c@d> ; <e@f>"],
    ['"a b"@c', "<a b@c>"],
    ["a@[192.0.2.1]", "<a@[192.0.2.1]>"],
    ["a.b.@c", "<a.b.@c>"],
    ["a..b@c", "<a..b@c>"],
    ["", ""],
    [" , ,, ", ""],
  ];
  for (const [text, expected] of cases) test(JSON.stringify(text), () => assert.equal(shown(text), expected));
});

describe("RFC 5322 section 4.4: obsolete forms", () => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    ["<@a.test,@b.test:c@d>", "<@a.test,@b.test:c@d>"],
    ["X <@a.test : c@d>", "X<@a.test:c@d>"],
    ["a . b @ c . d", "<a.b@c.d>"],
    ['"a".b."c"@d', "<a.b.c@d>"],
    ["Joe Q. Public <a@b>", "Joe Q. Public<a@b>"],
    [",, a@b,,c@d,", "<a@b> <c@d>"],
  ];
  for (const [text, expected] of cases) test(JSON.stringify(text), () => assert.equal(shown(text), expected));
});

describe("broken lists give what there is", () => {
  const cases: readonly (readonly [text: string, shown: string])[] = [
    ["user", "<user@MISSING_DOMAIN>"],
    ["John Doe", "<John Doe@MISSING_DOMAIN>"],
    ["<>", "<MISSING_MAILBOX@MISSING_DOMAIN>"],
    ["X <user>", "X<user@MISSING_DOMAIN>"],
    ["X <@b>", "X<MISSING_MAILBOX@b>"],
    ["a@", "<a@MISSING_DOMAIN>"],
    ["@b", "<MISSING_MAILBOX@b>"],
    ["X <a@b", "X<a@b>"],
    ["X <a@b, Y <c@d>", "X<a@b> Y<c@d>"],
    ["X a@b>, c@d", "X<a@b> <c@d>"],
    ["X <a@b> junk, c@d", "X<a@b> <c@d>"],
    ["X <a@b> Y <c@d>", "X<a@b> Y<c@d>"],
    ["a@b c@d", "<a@b> <c@d>"],
    ['"X <a@b>', "<X <a@b>@MISSING_DOMAIN>"],
    ["(never ends a@b", ""],
    ["X <<a@b>>", "X<MISSING_MAILBOX@MISSING_DOMAIN> <a@b>"],
    ["a@b; c@d", "<a@b> <c@d>"],
    ["g: h: a@b;", "g: h<a@b> ;"],
    [":a@b", "<a@b>"],
    [")]>a@b", "<a@b>"],
    ["山田　太郎 <a@b>", "山田　太郎<a@b>"],
    ["A\u00a0B\v\f <a@b>", "A\u00a0B\v\f<a@b>"],
    ["\v", "<\v@MISSING_DOMAIN>"],
  ];
  for (const [text, expected] of cases) test(JSON.stringify(text), () => assert.equal(shown(text), expected));
});

test("addresses beyond the limit are left out", () => {
  assert.equal(parseAddressList("a@b,".repeat(addressesMax)).length, addressesMax);
  assert.equal(parseAddressList("a@b,".repeat(addressesMax + 1)).length, addressesMax);
});

test("RFC 9051 section 7.5.2: the envelope", () => {
  const content = Buffer.from(
    "Date: Tue, 24 Nov 2026 20:15:11 +0900\r\nSUBJECT: =?utf-8?B?5L6/?=\r\n =?utf-8?B?44KK?=\r\nFrom: A <a@b>\r\nSender:\r\nReply-To: r@b\r\nTo: t@b,\r\n u@b\r\nTo: v@b\r\nMessage-ID: <1@b>\r\nIn-Reply-To: <0@b>\r\nSubject: other\r\n\r\n",
  );
  const envelope = envelopeOf(content, parseMessage(content));
  const a = [{ name: "A", adl: null, mailbox: "a", host: "b" }];
  assert.deepEqual(envelope, {
    date: "Tue, 24 Nov 2026 20:15:11 +0900",
    subject: "=?utf-8?B?5L6/?= =?utf-8?B?44KK?=",
    from: a,
    sender: a,
    replyTo: [{ name: null, adl: null, mailbox: "r", host: "b" }],
    to: ["t", "u", "v"].map((mailbox) => ({ name: null, adl: null, mailbox, host: "b" })),
    cc: null,
    bcc: null,
    inReplyTo: "<0@b>",
    messageId: "<1@b>",
  });
  const empty = Buffer.from("\r\n");
  assert.ok(Object.values(envelopeOf(empty, parseMessage(empty))).every((value) => value === null));
});

test("property: any text gives whole addresses and balanced groups, in linear time", () => {
  const piece = fc.constantFrom(..."@<>,;:\"()[]\\. ", "a", "b.c", "あ", "\n", "\0", "\v", "\u00a0", "\u3000");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      let open = false;
      for (const { name, adl, mailbox, host } of parseAddressList(pieces.join(""))) {
        if (host !== null) {
          assert.ok(mailbox !== null && mailbox !== "" && host !== "" && name !== "");
          continue;
        }
        assert.deepEqual([name, adl, mailbox === null], [null, null, open]);
        open = !open;
      }
      assert.equal(open, false);
    }),
  );
  for (const text of ["(", "a ", "a.", "a . ", "<@", "@", '"', "<a ", "[", "\\", "a@[", "a@b (", "a. @"]) {
    const before = performance.now();
    parseAddressList(text.repeat(1e5));
    assert.ok(performance.now() - before < 3000, text);
  }
});
