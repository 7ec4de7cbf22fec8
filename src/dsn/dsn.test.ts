import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import PostalMime from "postal-mime";
import { parseAddress, type Address } from "../address/address.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { composeReport, wanted, type Report, type ReportedRecipient } from "./dsn.ts";
import { writeDeliveryStatus } from "./delivery-status.ts";
import { RETURNED_BYTES_MAX } from "./limits.ts";
import { headerOf, messageIdOf, returnable } from "./returned-content.ts";

const address = (text: string): Address => parseAddress(text)!;
const CONTENT = Buffer.from("Received: by a\r\nFrom: <a@tayori.test>\r\nMessage-ID: <id-1@tayori.test>\r\nSubject: hello\r\n\r\nthe body\r\n");
const recipient: ReportedRecipient = {
  address: address("b@example.test"), originalRecipient: "rfc822;B@example.test", status: "5.1.1", remoteMta: "mx.example.test",
  diagnostic: { from: "smtp", code: 550, text: "no such user" }, lastAttemptAt: Date.UTC(2026, 10, 24, 1, 2, 3), willRetryUntil: Date.UTC(2026, 10, 29),
};
const report: Report = {
  action: "failed", recipients: [recipient], to: address("a@tayori.test"), reportingMta: "mx.tayori.test", envelopeId: "QQ314159", ret: null,
  smtpUtf8: false, arrivedAt: Date.UTC(2026, 10, 24), now: Date.UTC(2026, 10, 24, 2), content: CONTENT, language: "ja",
};
const compose = (change: Partial<Report> = {}) => composeReport({ ...report, ...change }, new FakeRandom(5));
const raw = (change: Partial<Report> = {}): string => compose(change).content.toString("utf8");
const parsed = (change: Partial<Report> = {}) => PostalMime.parse(compose(change).content, { forceRfc822Attachments: true, attachmentEncoding: "utf8" });

describe("RFC 3464", () => {
  test("the machine-readable part", () => {
    assert.equal(writeDeliveryStatus(report).toString(), [
      "Original-Envelope-Id: QQ314159", "Reporting-MTA: dns; mx.tayori.test", "Arrival-Date: Tue, 24 Nov 2026 00:00:00 +0000", "",
      "Original-Recipient: rfc822; B@example.test", "Final-Recipient: rfc822; b@example.test", "Action: failed", "Status: 5.1.1",
      "Remote-MTA: dns; mx.example.test", "Diagnostic-Code: smtp; 550 no such user", "Last-Attempt-Date: Tue, 24 Nov 2026 01:02:03 +0000", "",
    ].join("\r\n"));
  });
  test("only a delay says until when it is tried", () => {
    assert.match(writeDeliveryStatus({ ...report, action: "delayed" }).toString(), /Will-Retry-Until: Sun, 29 Nov 2026 00:00:00 \+0000/);
    assert.doesNotMatch(writeDeliveryStatus(report).toString(), /Will-Retry/);
  });
  test("one group of fields for each recipient", () => {
    const two = writeDeliveryStatus({ ...report, recipients: [recipient, { ...recipient, address: address("c@example.test"), diagnostic: { from: "local", text: "no route" }, remoteMta: null }] }).toString();
    assert.equal(two.split("\r\n\r\n").length, 3);
    assert.match(two, /Final-Recipient: rfc822; c@example\.test\r\nAction: failed\r\nStatus: 5\.1\.1\r\nDiagnostic-Code: x-tayori; no route\r\n/);
  });
  test("a status that is none becomes the general one", () => {
    assert.match(writeDeliveryStatus({ ...report, recipients: [{ ...recipient, status: "5.1.1\r\nX: y" }] }).toString(), /Status: 5\.0\.0\r\n/);
  });
});

describe("the message", () => {
  test("is a report that no machine answers, with a reference to what it is about", async () => {
    const mail = await parsed();
    const field = (name: string) => mail.headers.find((header) => header.key === name)?.value;
    assert.match(field("content-type")!, /^multipart\/report;.*report-type="?delivery-status"?/s);
    assert.equal(field("auto-submitted"), "auto-replied");
    assert.equal(field("in-reply-to"), "<id-1@tayori.test>");
    assert.deepEqual([mail.to?.[0]?.address, mail.from?.address], ["a@tayori.test", "MAILER-DAEMON@mx.tayori.test"]);
    assert.equal(mail.subject, "メールを配信できませんでした / Undelivered mail");
  });
  test("speaks both languages, in the order asked for", async () => {
    const first = (await parsed()).text!;
    const second = (await parsed({ language: "en" })).text!;
    for (const text of [first, second]) {
      assert.match(text, /宛先のメールアドレスが存在しません/);
      assert.match(text, /There is no such address/);
      assert.match(text, /mx\.example\.test: 550 no such user/);
    }
    assert.ok(first.indexOf("配信できませんでした") < first.indexOf("could not be delivered"));
    assert.ok(second.indexOf("could not be delivered") < second.indexOf("配信できませんでした"));
  });
  test("is 7-bit when what it returns is", () => {
    assert.equal(compose({ ret: "full" }).bodyType, "7bit");
    assert.doesNotMatch(compose().content.toString("latin1"), /[\x80-\xff]/);
    assert.equal(compose({ ret: "full", content: Buffer.from("Subject: a\r\n\r\nふみ\r\n") }).bodyType, "8bitmime");
  });
});

describe("RFC 3461 section 4.3: what is returned", () => {
  const type = (change: Partial<Report>): string => /Content-Type: (message\/(?:rfc822|global)|text\/rfc822-headers|message\/global-headers)\b/.exec(raw(change))?.[1] ?? "nothing";
  const cases: readonly (readonly [what: string, change: Partial<Report>, type: string])[] = [
    ["headers without RET", {}, "text/rfc822-headers"],
    ["headers with RET=HDRS", { ret: "headers" }, "text/rfc822-headers"],
    ["the message with RET=FULL", { ret: "full" }, "message/rfc822"],
    ["headers with RET=FULL of a delay", { ret: "full", action: "delayed" }, "text/rfc822-headers"],
    ["headers of a message that is too large", { ret: "full", content: Buffer.concat([CONTENT, Buffer.alloc(RETURNED_BYTES_MAX, "x\r\n")]) }, "text/rfc822-headers"],
    ["headers of a binary message", { ret: "full", content: Buffer.concat([CONTENT, Buffer.from([0, 10])]) }, "text/rfc822-headers"],
    ["nothing when the message is gone", { content: null }, "nothing"],
    ["an internationalized message", { ret: "full", smtpUtf8: true }, "message/global"],
  ];
  for (const [what, change, expected] of cases) test(what, () => assert.equal(type(change), expected));
  test("the body is not in the headers", () => {
    assert.doesNotMatch(raw(), /the body/);
    assert.match(raw({ ret: "full" }), /the body/);
  });
});

describe("RFC 6533", () => {
  const international = { ...recipient, address: address("山田@example.test"), originalRecipient: "utf-8;山田@example.test" };
  test("a report for US-ASCII readers encodes addresses", () => {
    const status = writeDeliveryStatus({ ...report, recipients: [international] }).toString();
    assert.match(status, /Final-Recipient: utf-8; \\x\{5C71\}\\x\{7530\}@example\.test\r\n/);
    assert.match(status, /Original-Recipient: utf-8; \\x\{5C71\}\\x\{7530\}@example\.test\r\n/);
  });
  test("a report about a message that came by SMTPUTF8 has them as they are", () => {
    const composed = compose({ recipients: [international], smtpUtf8: true });
    assert.equal(composed.smtpUtf8, true);
    assert.match(composed.content.toString(), /Content-Type: message\/global-delivery-status/);
    assert.match(composed.content.toString(), /Final-Recipient: utf-8; 山田@example\.test/);
  });
});

test("whatever a peer says stays one bounded line and adds no field", () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: "binary", maxLength: 3000 }), fc.string({ unit: "grapheme", minLength: 500, maxLength: 3000 })), fc.boolean(), (text, smtpUtf8) => {
    const change = { recipients: [{ ...recipient, diagnostic: { from: "smtp" as const, code: 550, text }, remoteMta: text, originalRecipient: `rfc822;${text}` }] as const, smtpUtf8, envelopeId: text };
    const lines = writeDeliveryStatus({ ...report, ...change }).toString("utf8").split("\r\n");
    for (const line of lines) assert.ok(Buffer.byteLength(line) <= 998);
    for (const line of lines) assert.match(line, /^$|^(Original-Envelope-Id|Reporting-MTA|Arrival-Date|Original-Recipient|Final-Recipient|Action|Status|Remote-MTA|Diagnostic-Code|Last-Attempt-Date): [^\r\n\0]{1,900}$|^Original-Envelope-Id: $/u);
    for (const line of compose(change).content.toString("latin1").split("\r\n")) assert.ok(line.length <= 3800);
  }), { numRuns: 200 });
});

describe("returned content", () => {
  test("the header alone", () => assert.equal(headerOf(CONTENT).toString(), CONTENT.toString().split("\r\n\r\n")[0] + "\r\n"));
  test("a message without header has none", () => assert.equal(headerOf(Buffer.from("\r\nbody")).length, 0));
  test("a header that is too long ends at a line", () => {
    const header = headerOf(Buffer.from("X: y\r\n".repeat(50_000)));
    assert.ok(header.length <= 65536 && header.toString().endsWith("X: y\r\n"));
  });
  test("lines that SMTP cannot carry are left out", () => {
    assert.equal(headerOf(Buffer.from(`A: 1\r\nB: ${"x".repeat(2000)}\r\nC: \0\r\nD: 2\r\n\r\n`)).toString(), "A: 1\r\nD: 2\r\n");
  });
  test("a line of 998 octets can be returned, one of 999 not", () => {
    assert.equal(returnable(Buffer.from(`${"x".repeat(998)}\r\n`)), true);
    assert.equal(returnable(Buffer.from(`${"x".repeat(999)}\r\n`)), false);
  });
  test("a Message-ID that could break a header is not taken", () => {
    assert.equal(messageIdOf(Buffer.from("message-id:\r\n <a@b>\r\n")), "<a@b>");
    assert.equal(messageIdOf(Buffer.from("Message-ID: <a b>\r\n")), null);
    assert.equal(messageIdOf(Buffer.from("X: <a@b>\r\n")), null);
  });
});

test("RFC 3461 section 5.2: who is told", () => {
  const from = { kind: "address" as const, address: address("a@tayori.test") };
  assert.deepEqual(["failed", "delayed", "delivered", "relayed"].map((action) => wanted(action as "failed", null, from)), [true, true, false, false]);
  assert.deepEqual(["failed", "delayed", "delivered", "relayed"].map((action) => wanted(action as "failed", ["success"], from)), [false, false, true, true]);
  assert.equal(wanted("failed", "never", from), false);
  assert.equal(wanted("failed", ["failure"], { kind: "null" }), false);
});
