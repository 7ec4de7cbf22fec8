import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeRandom } from "../port/random.fake.ts";
import { FakeAuthenticator } from "./authenticator.fake.ts";
import type { ExchangeAnswer } from "./exchange.ts";
import { Exchange, decodeBase64 } from "./exchange.ts";
import { MESSAGE_BYTES_MAX, NAME_BYTES_MAX, PASSWORD_BYTES_MAX } from "./limits.ts";
import type { MechanismName } from "./mechanism.ts";
import { offeredMechanisms } from "./mechanism.ts";
import { makeCredentials, opaqueString, saslPrep, verifyPassword } from "./password.ts";
import { writePlain } from "./plain.ts";
import { ScramClient } from "./scram-client.ts";

const authenticator = new FakeAuthenticator({ alice: "wonderland" });
const start = (name: MechanismName): Exchange => new Exchange(name, { authenticator, random: new FakeRandom(), channelBinding: () => null, plusOffered: false });
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("PLAIN (RFC 4616)", () => {
  const cases: readonly (readonly [message: string, kind: ExchangeAnswer["kind"]])[] = [
    ["\0alice\0wonderland", "accepted"],
    ["alice\0alice\0wonderland", "accepted"],
    ["bob\0alice\0wonderland", "refused"],
    ["\0alice\0wrong", "refused"],
    ["\0nobody\0wonderland", "refused"],
    ["\0alice\0", "malformed"],
    ["\0\0wonderland", "malformed"],
    ["alice\0wonderland", "malformed"],
    ["\0alice\0wonderland\0", "malformed"],
    ["", "malformed"],
    [`\0${"x".repeat(NAME_BYTES_MAX)}\0x`, "refused"],
    [`\0${"x".repeat(NAME_BYTES_MAX + 1)}\0x`, "malformed"],
    [`\0alice\0${"x".repeat(PASSWORD_BYTES_MAX)}`, "refused"],
    [`\0alice\0${"x".repeat(PASSWORD_BYTES_MAX + 1)}`, "malformed"],
  ];
  for (const [message, kind] of cases) {
    test(JSON.stringify(message.slice(0, 40)), async () => {
      assert.equal((await start("PLAIN").begin(base64(message))).kind, kind);
      const asked = start("PLAIN");
      assert.deepEqual(await asked.begin(null), { kind: "challenge", base64: "" });
      assert.equal((await asked.respond(base64(message))).kind, kind);
    });
  }
  test("octets that are not UTF-8", async () => assert.equal((await start("PLAIN").begin(Buffer.from("\0a\0\xff", "latin1").toString("base64"))).kind, "malformed"));
  test("what the client writes", () => assert.equal(writePlain("alice", "x").toString(), "\0alice\0x"));
});

describe("SCRAM over lines", () => {
  test("the server's signature goes out as a challenge that the client acknowledges", async () => {
    const exchange = start("SCRAM-SHA-256");
    const client = new ScramClient({ name: "alice", password: "wonderland", nonce: "n", binding: "none" });
    const first = await exchange.begin(client.first().toString("base64"));
    assert.ok(first.kind === "challenge");
    const proof = await client.step(Buffer.from(first.base64, "base64"));
    assert.ok(proof.kind === "message");
    const last = await exchange.respond(proof.bytes.toString("base64"));
    assert.ok(last.kind === "challenge");
    assert.deepEqual(await client.step(Buffer.from(last.base64, "base64")), { kind: "verified" });
    assert.deepEqual(await exchange.respond(""), { kind: "accepted", login: { accountId: "account-alice", name: "alice" } });
  });
  test("an acknowledgement with something in it, or a cancel, is no login", async () => {
    for (const [line, kind] of [["AAAA", "malformed"], ["*", "cancelled"]] as const) {
      const exchange = start("SCRAM-SHA-256");
      const client = new ScramClient({ name: "alice", password: "wonderland", nonce: "n", binding: "none" });
      const first = await exchange.begin(client.first().toString("base64"));
      assert.ok(first.kind === "challenge");
      const proof = await client.step(Buffer.from(first.base64, "base64"));
      assert.ok(proof.kind === "message");
      await exchange.respond(proof.bytes.toString("base64"));
      assert.equal((await exchange.respond(line)).kind, kind);
    }
  });
});

describe("what is offered", () => {
  const all = { tls: true, channelBinding: true, login: true };
  test("nothing in clear text", () => assert.deepEqual(offeredMechanisms({ ...all, tls: false }), []));
  test("strongest first, LOGIN only where it was asked for", () => {
    assert.deepEqual(offeredMechanisms(all), ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]);
    assert.deepEqual(offeredMechanisms({ tls: true, channelBinding: false, login: false }), ["SCRAM-SHA-256", "PLAIN"]);
  });
});

describe("base64", () => {
  for (const text of ["A", "AA", "AAA", "A===", "AA=A", "AB==", "AAA ", "AA-_", "====", "AAAA\n"]) test(`refused: ${JSON.stringify(text)}`, () => assert.equal(decodeBase64(text), null));
  for (const text of ["", "AAAA", "AA==", "AAA=", "+/+/"]) test(`read: ${JSON.stringify(text)}`, () => assert.equal(decodeBase64(text)?.toString("base64"), text));
  test("the limit", () => {
    assert.equal(decodeBase64(Buffer.alloc(MESSAGE_BYTES_MAX).toString("base64"))?.length, MESSAGE_BYTES_MAX);
    assert.equal(decodeBase64(Buffer.alloc(MESSAGE_BYTES_MAX + 3).toString("base64")), null);
  });
});

describe("passwords", () => {
  const cases: readonly (readonly [text: string, opaque: string | null, prepared: string | null])[] = [
    ["pencil", "pencil", "pencil"],
    ["a\u00a0\u3000b", "a  b", "a  b"],
    ["Ａ", "Ａ", "A"],
    ["e\u0301", "é", "é"],
    ["I\u00adX", "I\u00adX", "IX"],
    ["\u00ad", "\u00ad", null],
    ["パスワード", "パスワード", "パスワード"],
    ["ﾊﾟ", "ﾊﾟ", "パ"],
    ["", null, null],
    ["a\nb", null, null],
    ["a\u0085b", null, null],
    ["\ud800", null, null],
    ["x".repeat(PASSWORD_BYTES_MAX + 1), null, null],
  ];
  for (const [text, opaque, prepared] of cases) {
    test(JSON.stringify(text.slice(0, 20)), () => {
      assert.equal(opaqueString(text), opaque);
      assert.equal(saslPrep(text), prepared);
    });
  }
  test("belong to their credentials in either preparation, and to no other", async () => {
    const credentials = await makeCredentials("ﾊﾟ", Buffer.alloc(16, 1), 4096);
    assert.ok(credentials !== null);
    for (const [password, verified] of [["ﾊﾟ", true], ["パ", true], ["ハ", false], ["", false], ["x\0", false]] as const) assert.equal(await verifyPassword(credentials, password), verified);
  });
  test("that cannot be one make no credentials", async () => assert.equal(await makeCredentials("a\nb", Buffer.alloc(16), 4096), null));
});
