import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAddress, type Domain } from "../address/address.ts";
import { FakeClock } from "../port/clock.fake.ts";
import type { FakeConnection } from "../port/connection.fake.ts";
import type { Connector } from "../port/connection.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { FakeResolver } from "../port/resolver.fake.ts";
import type { MailTransaction, RecipientOutcome } from "../queue/transport.ts";
import type { Target } from "./open-session.ts";
import { parseRoute } from "./route.ts";
import { ScriptServer, type Script } from "./script-server.fake.ts";
import { deliverOver, SmtpTransport } from "./smtp-transport.ts";

const target: Target = { host: "mx.example.test", address: "192.0.2.1", port: 25, tls: "opportunistic" };
const address = (text: string) => parseAddress(text)!;
interface Change {
  readonly to?: readonly string[];
  readonly content?: string | Buffer;
  readonly envelope?: Partial<MailTransaction["envelope"]>;
  readonly recipient?: Partial<MailTransaction["recipients"][number]>;
}
function transaction({ to = ["b@example.test"], content = "Subject: a\r\n\r\nbody\r\n", envelope = {}, recipient = {} }: Change = {}): MailTransaction {
  return {
    envelope: { reversePath: { kind: "address", address: address("a@tayori.test") }, ret: null, envelopeId: null, bodyType: "7bit", smtpUtf8: false, ...envelope },
    recipients: to.map((text) => ({ address: address(text), notify: null, originalRecipient: null, ...recipient })),
    content: typeof content === "string" ? Buffer.from(content) : content,
  };
}
const HELLO: Script = ["S: 220 mx ready", "C: EHLO tayori.test"];
const plain = (...extensions: string[]): Script => [...HELLO, `S: ${["250-mx", ...extensions.map((e) => `250-${e}`)].join("|")}|250 HELP`];
const BYE: Script = ["C: QUIT", "S: 221 bye", "END"];
const brief = (outcome: RecipientOutcome): string => `${outcome.kind} ${outcome.reply.code} ${outcome.reply.status}`;

async function run(server: ScriptServer, mail: MailTransaction, to: Target = target): Promise<readonly string[]> {
  const answer = await deliverOver(to, mail, { connector: server, clock: new FakeClock(), helo: "tayori.test" });
  assert.deepEqual(server.surprises, []);
  if (answer.kind === "outcomes") return answer.outcomes.map(brief);
  return [`${answer.kind} ${answer.kind === "unavailable" && answer.permanent ? "permanent " : ""}${answer.reply.code} ${answer.reply.status}`];
}
const one = (...script: Script): ScriptServer => new ScriptServer([script]);

describe("RFC 5321: a mail transaction step by step", () => {
  const cases: readonly (readonly [what: string, script: Script, mail: MailTransaction, outcomes: readonly string[]])[] = [
    ["accepted", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 2.0.0 queued", ...BYE], transaction(), ["delivered 250 2.0.0"]],
    ["HELO for a server that does not know EHLO", [...HELLO, "S: 502 what", "C: HELO tayori.test", "S: 250 mx", "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 ok", ...BYE], transaction(), ["delivered 250 2.0.0"]],
    ["some recipients refused, for now and for good", [...plain("ENHANCEDSTATUSCODES"), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 550 5.1.1 who", "C: RCPT TO:<c@example.test>", "S: 250 ok", "C: RCPT TO:<d@example.test>", "S: 450 4.2.1 later", "C: DATA", "S: 354 go", "DATA", "S: 250 ok", ...BYE], transaction({ to: ["b@example.test", "c@example.test", "d@example.test"] }), ["failed 550 5.1.1", "delivered 250 2.0.0", "deferred 450 4.2.1"]],
    ["nobody accepted: no DATA", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 550 who", ...BYE], transaction(), ["failed 550 5.0.0"]],
    ["the sender refused", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 553 5.1.8 no", ...BYE], transaction(), ["failed 553 5.1.8"]],
    ["DATA refused", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 451 no", ...BYE], transaction(), ["deferred 451 4.0.0"]],
    ["content refused", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 554-5.7.1 spam|554 5.7.1 really", ...BYE], transaction(), ["failed 554 5.7.1"]],
    ["552 at RCPT means too many recipients", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 552 too many", ...BYE], transaction(), ["deferred 552 4.5.3"]],
    ["552 5.2.2 at RCPT means a full mailbox", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 552 5.2.2 full", ...BYE], transaction(), ["failed 552 5.2.2"]],
    ["the null reverse-path", [...plain(), "C: MAIL FROM:<>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 ok", ...BYE], transaction({ envelope: { reversePath: { kind: "null" } } }), ["delivered 250 2.0.0"]],
    ["a greeting that refuses for good", ["S: 521 no mail here", ...BYE], transaction(), ["unavailable permanent 521 5.0.0"]],
    ["a greeting that refuses for now", ["S: 421 busy", ...BYE], transaction(), ["unavailable 421 4.0.0"]],
    ["421 in the middle", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 421 4.3.2 going down", ...BYE], transaction(), ["interrupted 421 4.3.2"]],
    ["the connection lost before the content", [...plain(), "C: MAIL FROM:<a@tayori.test>", "DROP"], transaction(), ["interrupted null 4.4.2"]],
    ["the connection lost after the final dot: not known, so deferred", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "DROP"], transaction(), ["deferred null 4.4.2"]],
    ["nonsense instead of a reply", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: hello there"], transaction(), ["interrupted null 4.4.2"]],
    ["a reply of no place", [...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 354 what", ...BYE], transaction(), ["deferred 354 4.5.0"]],
  ];
  for (const [what, script, mail, outcomes] of cases) test(what, async () => assert.deepEqual(await run(one(...script), mail), outcomes));

  test("dots are stuffed and the last line is ended", async () => {
    const server = one(...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 ok", ...BYE);
    await run(server, transaction({ content: ".a\r\n..b\r\nc" }));
    assert.deepEqual(server.contents, ["..a\r\n...b\r\nc\r\n.\r\n"]);
  });

  test("a large content arrives whole", async () => {
    const server = one(...plain(), "C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 ok", ...BYE);
    const content = "0123456789abcde\r\n".repeat(60_000);
    assert.deepEqual(await run(server, transaction({ content })), ["delivered 250 2.0.0"]);
    assert.equal(server.contents[0], `${content}.\r\n`);
  });
});

describe("RFC 2920: pipelining", () => {
  const envelope = ["C: MAIL FROM:<a@tayori.test>", "C: RCPT TO:<b@example.test>", "C: RCPT TO:<c@example.test>", "C: DATA"];
  const mail = transaction({ to: ["b@example.test", "c@example.test"] });
  const cases: readonly (readonly [what: string, rest: Script, outcomes: readonly string[]])[] = [
    ["accepted", ["S: 250 ok|250 ok|250 ok|354 go", "DATA", "S: 250 2.6.0 ok", ...BYE], ["delivered 250 2.6.0", "delivered 250 2.6.0"]],
    ["one refused", ["S: 250 ok|550 5.1.1 no|250 ok|354 go", "DATA", "S: 250 ok", ...BYE], ["failed 550 5.1.1", "delivered 250 2.0.0"]],
    ["the sender refused", ["S: 550 5.7.1 no|503 5.5.1 bad|503 5.5.1 bad|503 5.5.1 bad", ...BYE], ["failed 550 5.7.1", "failed 550 5.7.1"]],
    ["all refused and 354 all the same: a lone dot", ["S: 250 ok|550 no|450 no|354 go", "DOT", "S: 554 no valid recipients", ...BYE], ["failed 550 5.0.0", "deferred 450 4.0.0"]],
    ["cut off between the replies", ["S: 250 ok|250 ok", "DROP"], ["interrupted null 4.4.2"]],
  ];
  for (const [what, rest, outcomes] of cases) {
    test(what, async () => {
      const server = one(...plain("PIPELINING"), ...envelope, ...rest);
      assert.deepEqual(await run(server, mail), outcomes);
      if (what.includes("lone dot")) assert.deepEqual(server.contents, [".\r\n"]);
    });
  }
  test("the envelope goes out in one write, before any reply", async () => {
    const server = one(...plain("PIPELINING"), ...envelope, "S: 250 ok|250 ok|250 ok|354 go", "DATA", "S: 250 ok", ...BYE);
    assert.equal((await run(server, mail)).length, 2);
  });
});

describe("extensions", () => {
  const mailAnd = (mail: string, rcpt: string): Script => [`C: ${mail}`, "S: 250 ok", `C: ${rcpt}`, "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 ok", ...BYE];
  const cases: readonly (readonly [what: string, script: Script, mail: MailTransaction, outcomes: readonly string[]])[] = [
    ["SIZE is said", [...plain("SIZE 1000"), ...mailAnd("MAIL FROM:<a@tayori.test> SIZE=20", "RCPT TO:<b@example.test>")], transaction(), ["delivered 250 2.0.0"]],
    ["SIZE without a limit", [...plain("SIZE 0"), ...mailAnd("MAIL FROM:<a@tayori.test> SIZE=20", "RCPT TO:<b@example.test>")], transaction(), ["delivered 250 2.0.0"]],
    ["a message that is too large is not sent", [...plain("SIZE 19"), ...BYE], transaction(), ["failed null 5.3.4"]],
    ["8BITMIME is said where needed", [...plain("8BITMIME"), ...mailAnd("MAIL FROM:<a@tayori.test> BODY=8BITMIME", "RCPT TO:<b@example.test>")], transaction({ content: "\r\nふみ\r\n" }), ["delivered 250 2.0.0"]],
    ["8-bit content is not sent without 8BITMIME", [...plain(), ...BYE], transaction({ content: "\r\nふみ\r\n", envelope: { bodyType: "8bitmime" } }), ["failed null 5.6.3"]],
    ["7-bit content labelled 8-bit is sent as it is", [...plain(), ...mailAnd("MAIL FROM:<a@tayori.test>", "RCPT TO:<b@example.test>")], transaction({ envelope: { bodyType: "8bitmime" } }), ["delivered 250 2.0.0"]],
    ["SMTPUTF8 is said where a header needs it", [...plain("8BITMIME", "SMTPUTF8"), ...mailAnd("MAIL FROM:<a@tayori.test> BODY=8BITMIME SMTPUTF8", "RCPT TO:<b@example.test>")], transaction({ content: "Subject: ふみ\r\n\r\n", envelope: { smtpUtf8: true } }), ["delivered 250 2.0.0"]],
    ["internationalized mail is not sent without SMTPUTF8", [...plain("8BITMIME"), ...BYE], transaction({ content: "Subject: ふみ\r\n\r\n", envelope: { smtpUtf8: true } }), ["failed null 5.6.7"]],
    ["mail that came by SMTPUTF8 and does not need it is sent", [...plain(), ...mailAnd("MAIL FROM:<a@tayori.test>", "RCPT TO:<b@example.test>")], transaction({ envelope: { smtpUtf8: true } }), ["delivered 250 2.0.0"]],
    ["DSN parameters are passed on", [...plain("DSN"), ...mailAnd("MAIL FROM:<a@tayori.test> RET=HDRS ENVID=x+2By", "RCPT TO:<b@example.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;B@example.test")], transaction({ envelope: { ret: "headers", envelopeId: "x+y" }, recipient: { notify: ["success", "delay"], originalRecipient: "rfc822;B@example.test" } }), ["delivered 250 2.0.0"]],
    ["DSN parameters are kept back where not offered", [...plain(), ...mailAnd("MAIL FROM:<a@tayori.test>", "RCPT TO:<b@example.test>")], transaction({ envelope: { ret: "headers", envelopeId: "x" }, recipient: { notify: "never" } }), ["delivered 250 2.0.0"]],
    ["binary content goes by BDAT", [...plain("CHUNKING", "BINARYMIME", "8BITMIME"), "C: MAIL FROM:<a@tayori.test> BODY=BINARYMIME", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: BDAT 6 LAST", "BYTES 6", "S: 250 ok", ...BYE], transaction({ content: "\r\na\nb\0" }), ["delivered 250 2.0.0"]],
    ["binary content is not sent by DATA", [...plain("CHUNKING", "8BITMIME"), ...BYE], transaction({ content: "\r\na\nb" }), ["failed null 5.6.3"]],
  ];
  for (const [what, script, mail, outcomes] of cases) test(what, async () => assert.deepEqual(await run(one(...script), mail), outcomes));

  test("an internationalized recipient fails alone", async () => {
    const script = [...plain("8BITMIME"), ...mailAnd("MAIL FROM:<a@tayori.test>", "RCPT TO:<b@example.test>")];
    assert.deepEqual(await run(one(...script), transaction({ to: ["山田@example.test", "b@example.test"] })), ["failed null 5.6.7", "delivered 250 2.0.0"]);
  });
  test("whether reports were passed on is said", async () => {
    for (const [extension, passedOn] of [["DSN", true], ["HELP", false]] as const) {
      const server = one(...plain(extension), ...mailAnd("MAIL FROM:<a@tayori.test>", "RCPT TO:<b@example.test>"));
      const answer = await deliverOver(target, transaction(), { connector: server, clock: new FakeClock(), helo: "tayori.test" });
      assert.equal(answer.kind === "outcomes" && answer.outcomes[0]!.kind === "delivered" && answer.outcomes[0]!.dsnPassedOn, passedOn);
    }
  });
});

describe("RFC 3207: TLS", () => {
  const mail: Script = ["C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 ok", ...BYE];
  const secured: Script = [...plain("STARTTLS"), "C: STARTTLS", "S: 220 go", "TLS", "C: EHLO tayori.test", "S: 250 mx", ...mail];
  test("what was offered in clear counts no more after TLS", async () => assert.deepEqual(await run(one(...plain("STARTTLS", "SIZE 1"), "C: STARTTLS", "S: 220 go", "TLS", "C: EHLO tayori.test", "S: 250 mx", ...mail), transaction()), ["delivered 250 2.0.0"]));
  test("required and offered", async () => assert.deepEqual(await run(one(...secured), transaction(), { ...target, tls: "require" }), ["delivered 250 2.0.0"]));
  test("required and not offered", async () => assert.deepEqual(await run(one(...plain(), ...BYE), transaction(), { ...target, tls: "require" }), ["unavailable null 4.7.4"]));
  test("not wanted", async () => assert.deepEqual(await run(one(...plain("STARTTLS"), ...mail), transaction(), { ...target, tls: "none" }), ["delivered 250 2.0.0"]));
  test("offered and refused: in clear", async () => assert.deepEqual(await run(one(...plain("STARTTLS"), "C: STARTTLS", "S: 454 4.7.0 no", ...mail), transaction()), ["delivered 250 2.0.0"]));
  test("octets behind the reply to STARTTLS were put there by somebody", async () => {
    const server = new ScriptServer([[...plain("STARTTLS"), "C: STARTTLS", "S: 220 go|250 injected"]]);
    assert.deepEqual(await run(server, transaction(), { ...target, tls: "require" }), ["unavailable null 4.7.5"]);
  });
  test("a handshake that fails is followed by one attempt in clear", async () => {
    const server = new ScriptServer([[...plain("STARTTLS"), "C: STARTTLS", "S: 220 go"], [...plain("STARTTLS"), ...mail]]);
    server.tlsFails = true;
    assert.deepEqual(await run(server, transaction()), ["delivered 250 2.0.0"]);
    assert.equal(server.opened.length, 2);
  });
  test("but not where TLS is required", async () => {
    const server = new ScriptServer([[...plain("STARTTLS"), "C: STARTTLS", "S: 220 go"]]);
    server.tlsFails = true;
    assert.deepEqual(await run(server, transaction(), { ...target, tls: "require" }), ["unavailable null 4.7.5"]);
  });
});

test("RFC 5321 section 4.5.3.2: a server that says nothing is left", async () => {
  let client: FakeConnection | null = null;
  const server = one("S: 220 mx");
  const connector: Connector = {
    async connect(to) {
      const answer = await server.connect(to);
      if (answer.kind === "connected") client = answer.connection as FakeConnection;
      return answer;
    },
  };
  const answering = deliverOver(target, transaction(), { connector, clock: new FakeClock(), helo: "tayori.test" });
  for (let i = 0; i < 50; i++) await Promise.resolve();
  client!.expire();
  const answer = await answering;
  assert.equal(answer.kind === "unavailable" && answer.reply.status, "4.4.2");
});

describe("SmtpTransport", () => {
  const mail: Script = ["C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 250 ok", "C: DATA", "S: 354 go", "DATA", "S: 250 ok"];
  const zone = { "example.test": { MX: [{ preference: 10, exchange: "mx1.example.test" }, { preference: 20, exchange: "mx2.example.test" }] }, "mx1.example.test": { A: ["192.0.2.1"] }, "mx2.example.test": { A: ["192.0.2.2"] } };
  const make = (server: ScriptServer, clock = new FakeClock(), routes = new Map()) => new SmtpTransport({ connector: server, clock, helo: "tayori.test", resolver: new FakeResolver(zone), random: new FakeRandom(1), routes, ownHosts: new Set() });
  const domain = "example.test" as Domain;

  test("several messages go over one connection, with RSET after one that was refused", async () => {
    const refused: Script = ["C: MAIL FROM:<a@tayori.test>", "S: 250 ok", "C: RCPT TO:<b@example.test>", "S: 550 5.1.1 no"];
    const server = one(...plain(), ...mail, ...mail, ...refused, "C: RSET", "S: 250 ok", ...mail, ...BYE);
    const clock = new FakeClock();
    const transport = make(server, clock);
    for (const outcome of ["delivered 250 2.0.0", "delivered 250 2.0.0", "failed 550 5.1.1", "delivered 250 2.0.0"]) {
      assert.deepEqual((await transport.deliver(domain, transaction())).outcomes.map(brief), [outcome]);
    }
    assert.equal(server.opened.length, 1);
    await clock.advance(5000);
    assert.deepEqual(server.surprises, []);
  });
  test("a connection that ended while it waited is replaced", async () => {
    const server = new ScriptServer([[...plain(), ...mail, "C: MAIL FROM:<a@tayori.test>", "DROP"], [...plain(), ...mail, ...BYE]]);
    const transport = make(server);
    for (let i = 0; i < 2; i++) assert.deepEqual((await transport.deliver(domain, transaction())).outcomes.map(brief), ["delivered 250 2.0.0"]);
    assert.equal(server.opened.length, 2);
    await transport.close();
    assert.deepEqual(server.surprises, []);
  });
  test("the second host is asked when the first cannot be reached, is busy, or breaks off", async () => {
    for (const first of [null, ["S: 421 busy", ...BYE], ["S: 554 no mail", ...BYE], [...plain(), "C: MAIL FROM:<a@tayori.test>", "DROP"]] as const) {
      const server = new ScriptServer([...(first === null ? [] : [first]), [...plain(), ...mail, ...BYE]], first === null ? ["192.0.2.1"] : []);
      const transport = make(server);
      const attempt = await transport.deliver(domain, transaction());
      assert.deepEqual([attempt.destination, ...attempt.outcomes.map(brief)], ["up", "delivered 250 2.0.0"]);
      assert.deepEqual(server.opened, ["192.0.2.1:25", "192.0.2.2:25"]);
      await transport.close();
    }
  });
  test("no host reached: deferred, and the destination is down", async () => {
    const attempt = await make(new ScriptServer([], ["192.0.2.1", "192.0.2.2"])).deliver(domain, transaction({ to: ["b@example.test", "c@example.test"] }));
    assert.deepEqual([attempt.destination, ...attempt.outcomes.map(brief)], ["down", "deferred null 4.4.1", "deferred null 4.4.1"]);
  });
  test("RFC 7504: refused for good only when every host says so", async () => {
    const no: Script = ["S: 521 5.3.2 never", ...BYE];
    const both = await make(new ScriptServer([no, no])).deliver(domain, transaction());
    assert.deepEqual([both.destination, ...both.outcomes.map(brief)], ["up", "failed 521 5.3.2"]);
    const oneOfThem = await make(new ScriptServer([no], ["192.0.2.2"])).deliver(domain, transaction());
    assert.deepEqual([oneOfThem.destination, ...oneOfThem.outcomes.map(brief)], ["down", "deferred null 4.4.1"]);
  });
  test("what is not known after the final dot is not tried at another host", async () => {
    const server = new ScriptServer([[...plain(), ...mail.slice(0, -1), "DROP"]]);
    const attempt = await make(server).deliver(domain, transaction());
    assert.deepEqual([server.opened.length, attempt.destination, ...attempt.outcomes.map(brief)], [1, "up", "deferred null 4.4.2"]);
  });
  test("a route goes where it says, to loopback too", async () => {
    const server = one(...plain(), ...mail, ...BYE);
    const transport = make(server, new FakeClock(), new Map([["*", parseRoute("127.0.0.1:2525", "none")!]]));
    assert.deepEqual((await transport.deliver(domain, transaction())).outcomes.map(brief), ["delivered 250 2.0.0"]);
    assert.deepEqual(server.opened, ["127.0.0.1:2525"]);
    await transport.close();
  });
});
