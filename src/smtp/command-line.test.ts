import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Address, Domain } from "../address/address.ts";
import { parseAddress } from "../address/address.ts";
import type { Command } from "./command.ts";
import { writeCommand } from "./command.ts";
import type { CommandProblem } from "./command-line.ts";
import { parseCommand } from "./command-line.ts";
import { NO_MAIL_PARAMETERS, NO_RCPT_PARAMETERS } from "./parameter.ts";
import type { MailParameters, RcptParameters } from "./parameter.ts";

const address = (text: string): Address => {
  const parsed = parseAddress(text);
  assert.ok(parsed !== null);
  return parsed;
};
const parse = (line: string): ReturnType<typeof parseCommand> => parseCommand(Buffer.from(line, "utf8"));
const mail = (path: string | null, parameters: Partial<MailParameters> = {}, internationalized = false): Command => ({
  verb: "MAIL", reversePath: path === null ? { kind: "null" } : { kind: "address", address: address(path) }, internationalized, parameters: { ...NO_MAIL_PARAMETERS, ...parameters },
});
const rcpt = (path: string | null, parameters: Partial<RcptParameters> = {}, internationalized = false): Command => ({
  verb: "RCPT", forwardPath: path === null ? { kind: "postmaster" } : { kind: "address", address: address(path) }, internationalized, parameters: { ...NO_RCPT_PARAMETERS, ...parameters },
});

describe("commands that are read", () => {
  const cases: readonly (readonly [line: string, command: Command])[] = [
    ["ehlo Client.example", { verb: "EHLO", domain: "Client.example" }],
    ["EHLO [IPv6:2001:db8::1]", { verb: "EHLO", domain: "[IPv6:2001:db8::1]" }],
    ["HELO  x  ", { verb: "HELO", domain: "x" }],
    ["MAIL FROM:<>", mail(null)],
    ["mail from: <a@b.example>", mail("a@b.example")],
    ['MAIL FROM:<"a>b \\" c"@b.example>', mail('"a>b \\" c"@b.example')],
    ["MAIL FROM:<@x.example,@y.example:a@b.example>", mail("a@b.example")],
    ["MAIL FROM:<a@B.Example> SIZE=1000  BODY=8bitmime", mail("a@b.example", { size: 1000, body: "8bitmime" })],
    ["MAIL FROM:<a@b.example> SIZE=99999999999999999999", mail("a@b.example", { size: Number.MAX_SAFE_INTEGER })],
    ["MAIL FROM:<ユーザ@b.example> SMTPUTF8", mail("ユーザ@b.example", { smtpUtf8: true }, true)],
    ["MAIL FROM:<a@例え.example> SMTPUTF8", mail("a@xn--r8jz45g.example", { smtpUtf8: true }, true)],
    ["MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B314+20x", mail("a@b.example", { ret: "headers", envelopeId: "QQ+314 x" })],
    ["MAIL FROM:<a@b.example> AUTH=<>", mail("a@b.example", { auth: "" })],
    ["MAIL FROM:<a@b.example> AUTH=e+3Dmc2@c.example", mail("a@b.example", { auth: "e=mc2@c.example" })],
    ["RCPT TO:<Postmaster>", rcpt(null)],
    ["RCPT TO:<postMASTER@example.test>", rcpt("postMASTER@example.test")],
    ["RCPT TO:<a@[192.0.2.1]>", rcpt("a@[192.0.2.1]")],
    ["RCPT TO:<a@b.example> NOTIFY=SUCCESS,delay ORCPT=rfc822;Bob+2Bx@b.example", rcpt("a@b.example", { notify: ["success", "delay"], originalRecipient: "rfc822;Bob+x@b.example" })],
    ["RCPT TO:<a@b.example> NOTIFY=never", rcpt("a@b.example", { notify: "never" })],
    ["RCPT TO:<a@b.example> ORCPT=utf-8;\\x{E5}\\x{20}b\\x{1F600}@b.example", rcpt("a@b.example", { originalRecipient: "utf-8;å b😀@b.example" })],
    ["RCPT TO:<a@b.example> ORCPT=utf-8;å@b.example", rcpt("a@b.example", { originalRecipient: "utf-8;å@b.example" })],
    ["BDAT 86 last", { verb: "BDAT", size: 86, last: true }],
    ["BDAT 0", { verb: "BDAT", size: 0, last: false }],
    ["AUTH plain", { verb: "AUTH", mechanism: "PLAIN", initial: null }],
    ["AUTH SCRAM-SHA-256-PLUS =", { verb: "AUTH", mechanism: "SCRAM-SHA-256-PLUS", initial: "" }],
    ["AUTH PLAIN AGEAYg==", { verb: "AUTH", mechanism: "PLAIN", initial: "AGEAYg==" }],
    ["VRFY <a@b.example>", { verb: "VRFY", argument: "<a@b.example>" }],
    ["noop", { verb: "NOOP", argument: "" }],
    ["QUIT ", { verb: "QUIT" }],
  ];
  for (const [line, command] of cases) test(line, () => assert.deepEqual(parse(line), { kind: "command", command }));
});

describe("lines that are refused", () => {
  const long = "x".repeat(1100);
  const cases: readonly (readonly [line: string, problem: CommandProblem])[] = [
    ["", "unknown-verb"],
    [" NOOP", "unknown-verb"],
    ["XFROB", "unknown-verb"],
    ["MAILFROM:<a@b.example>", "unknown-verb"],
    ["NOOP \x00", "not-text"],
    ["NOOP a\rQUIT", "not-text"],
    ["EHLO", "bad-argument"],
    ["EHLO a b", "bad-argument"],
    ["EHLO 例え", "bad-argument"],
    [`EHLO ${"x".repeat(256)}`, "bad-argument"],
    ["MAIL <a@b.example>", "bad-argument"],
    ["MAIL FROM:a@b.example", "bad-reverse-path"],
    ["MAIL FROM:<a@b.example", "bad-reverse-path"],
    ['MAIL FROM:<"a@b.example>', "bad-reverse-path"],
    ["MAIL FROM:<a>", "bad-reverse-path"],
    ["MAIL FROM:<a@b.example>x", "bad-parameter"],
    [`MAIL FROM:<${long}@b.example>`, "bad-reverse-path"],
    ["MAIL FROM:<a@b.example> SIZE", "bad-parameter"],
    ["MAIL FROM:<a@b.example> SIZE=-1", "bad-parameter"],
    ["MAIL FROM:<a@b.example> SIZE=999999999999999999999", "bad-parameter"],
    ["MAIL FROM:<a@b.example> SIZE=1 size=1", "bad-parameter"],
    ["MAIL FROM:<a@b.example> BODY=9bit", "bad-parameter"],
    ["MAIL FROM:<a@b.example> SMTPUTF8=1", "bad-parameter"],
    ["MAIL FROM:<a@b.example> ENVID=a+0Ab", "bad-parameter"],
    [`MAIL FROM:<a@b.example> ENVID=${"x".repeat(101)}`, "bad-parameter"],
    ["MAIL FROM:<a@b.example> AUTH=nobody", "bad-parameter"],
    ["MAIL FROM:<a@b.example> HOLDFOR=1", "unknown-parameter"],
    [`MAIL FROM:<a@b.example> ${Array.from({ length: 21 }, (_, i) => `X${i}=1`).join(" ")}`, "bad-parameter"],
    ["RCPT TO:<>", "bad-forward-path"],
    ["RCPT TO:<a@b..example>", "bad-forward-path"],
    ["RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY", "bad-parameter"],
    ["RCPT TO:<a@b.example> NOTIFY=DELAY,DELAY", "bad-parameter"],
    ["RCPT TO:<a@b.example> ORCPT=rfc822;a+0D+0Ab", "bad-parameter"],
    ["RCPT TO:<a@b.example> ORCPT=utf-8;\\x{D800}", "bad-parameter"],
    ["RCPT TO:<a@b.example> ORCPT=utf-8;\\x{0A}", "bad-parameter"],
    [`RCPT TO:<a@b.example> ORCPT=rfc822;${"x".repeat(500)}`, "bad-parameter"],
    ["RCPT TO:<a@b.example> SIZE=1", "unknown-parameter"],
    ["DATA x", "bad-argument"],
    ["BDAT", "bad-chunk-size"],
    ["BDAT 1 FIRST", "bad-chunk-size"],
    ["BDAT 9007199254740993", "bad-chunk-size"],
    ["VRFY", "bad-argument"],
    ["AUTH", "bad-argument"],
    ["AUTH PLAIN a b", "bad-argument"],
    [`AUTH ${"X".repeat(21)}`, "bad-argument"],
  ];
  for (const [line, problem] of cases) test(JSON.stringify(line.slice(0, 60)), () => assert.deepEqual(parse(line), { kind: "problem", problem }));
  test("octets that are not UTF-8", () => assert.deepEqual(parseCommand(Buffer.from("4e4f4f5020ff", "hex")), { kind: "problem", problem: "not-text" }));
});

const localPart = fc.oneof(fc.stringMatching(/^[a-z0-9._+=-]{1,20}$/), fc.constantFrom('a"b', "a b", "a>b", "ユーザ", "a@b", "\\", ".a.", "a,b:c"));
const domain = fc.constantFrom("b.example", "xn--r8jz45g.example", "[192.0.2.1]", "[IPv6:2001:db8::1]") as fc.Arbitrary<Domain>;
const someAddress = fc.record({ localPart, domain }).filter((one) => /[^.]/.test(one.localPart));
const printable = fc.string({ unit: fc.constantFrom(..."abcXYZ019 +=;<>@\\{}~!"), minLength: 1, maxLength: 30 });
const mailParameters: fc.Arbitrary<MailParameters> = fc.record({
  size: fc.option(fc.maxSafeNat()), body: fc.constantFrom(null, "7bit", "8bitmime", "binarymime"), smtpUtf8: fc.boolean(), ret: fc.constantFrom(null, "full", "headers"),
  envelopeId: fc.option(printable), auth: fc.constantFrom(null, "", "a=b@c.example", '"x y"@c.example'),
});
const rcptParameters: fc.Arbitrary<RcptParameters> = fc.record({
  notify: fc.oneof(fc.constantFrom(null, "never" as const), fc.uniqueArray(fc.constantFrom("success" as const, "failure" as const, "delay" as const), { minLength: 1 })),
  originalRecipient: fc.option(fc.oneof(printable.map((text) => `rfc822;${text}`), fc.string({ unit: fc.constantFrom(..."aZ +=\\ユå😀"), minLength: 1, maxLength: 20 }).map((text) => `utf-8;${text}`))),
});
const isInternational = (one: Address): boolean => /[^\x00-\x7f]/.test(one.localPart);
const someCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.tuple(fc.constantFrom("EHLO" as const, "HELO" as const), fc.stringMatching(/^[\x21-\x7e]{1,50}$/)).map(([verb, text]) => ({ verb, domain: text })),
  fc.tuple(fc.option(someAddress), mailParameters).map(([one, parameters]): Command => ({ verb: "MAIL", reversePath: one === null ? { kind: "null" } : { kind: "address", address: one }, internationalized: one !== null && isInternational(one), parameters })),
  fc.tuple(fc.option(someAddress), rcptParameters).map(([one, parameters]): Command => ({ verb: "RCPT", forwardPath: one === null ? { kind: "postmaster" } : { kind: "address", address: one }, internationalized: one !== null && isInternational(one), parameters })),
  fc.record({ verb: fc.constant("BDAT" as const), size: fc.maxSafeNat(), last: fc.boolean() }),
  fc.record({ verb: fc.constantFrom("DATA" as const, "RSET" as const, "QUIT" as const, "STARTTLS" as const) }),
  fc.record({ verb: fc.constantFrom("NOOP" as const, "HELP" as const), argument: fc.constantFrom("", "x y") }),
  fc.record({ verb: fc.constant("AUTH" as const), mechanism: fc.constantFrom("PLAIN", "SCRAM-SHA-256"), initial: fc.constantFrom(null, "", "AGEAYg==") }),
);

describe("properties", () => {
  test("what is written is read back", () => {
    fc.assert(fc.property(someCommand, (command) => {
      const line = writeCommand(command);
      assert.equal(line.subarray(-2).toString(), "\r\n");
      assert.deepEqual(parseCommand(line.subarray(0, -2)), { kind: "command", command: structuredClone(command) });
    }), { numRuns: 3000 });
  });
  test("any octets are a command or a problem", () => {
    const begin = fc.constantFrom("", "MAIL FROM:", "RCPT TO:<a@b.example>", "RCPT TO:", "AUTH ", "BDAT ", "EHLO ");
    fc.assert(fc.property(begin, fc.uint8Array({ maxLength: 200 }), (text, octets) => {
      assert.ok(["command", "problem"].includes(parseCommand(Buffer.concat([Buffer.from(text), octets])).kind));
    }), { numRuns: 3000 });
    fc.assert(fc.property(begin, fc.string({ unit: fc.constantFrom(..."<>@\"\\,:;= .aZ+x{}"), maxLength: 100 }), (text, more) => {
      assert.ok(["command", "problem"].includes(parse(text + more).kind));
    }), { numRuns: 3000 });
  });
  test("a line as long as is read takes no time worth naming", () => {
    for (const text of ["<", "\"", "\\", "@a,", "A=1 ", "+41", "\\x{41}", " "]) {
      const line = Buffer.from(`RCPT TO:<a@b.example> ORCPT=utf-8;${text.repeat(2048)}`);
      const start = process.hrtime.bigint();
      parseCommand(line);
      parseCommand(Buffer.from(`MAIL FROM:<${text.repeat(2048)}`));
      assert.ok(process.hrtime.bigint() - start < 100_000_000n, JSON.stringify(text));
    }
  });
  test("a command is never written as two lines", () => {
    assert.throws(() => writeCommand({ verb: "NOOP", argument: "x\r\nQUIT" }));
    assert.throws(() => writeCommand({ verb: "EHLO", domain: "x\nQUIT" }));
  });
});
