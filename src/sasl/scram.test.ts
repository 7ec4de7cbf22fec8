import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { FakeAuthenticator } from "./authenticator.fake.ts";
import type { Authenticator } from "./authenticator.ts";
import type { StepAnswer } from "./mechanism.ts";
import { hmac, makeCredentials, saltedPassword, sha256 } from "./password.ts";
import type { ScramContext } from "./scram.ts";
import { startScram } from "./scram.ts";
import type { ScramClientOptions } from "./scram-client.ts";
import { ScramClient } from "./scram-client.ts";

const BINDING = Buffer.alloc(32, 7);
const authenticator = new FakeAuthenticator({ user: "pencil", "a,b=c": "pencil", wide: "Ａ１ ﬁ" });
const contextOf = (other: Partial<ScramContext> = {}): ScramContext => ({ authenticator, nonce: () => "server-part", channelBinding: () => BINDING, plusOffered: true, plus: false, ...other });
const optionsOf = (other: Partial<ScramClientOptions> = {}): ScramClientOptions => ({ name: "user", password: "pencil", nonce: "client-part", binding: "none", ...other });
const exporter = { type: "tls-exporter", data: BINDING };

/** Runs both sides; `tamper` may change what the client sends second. */
async function run(context: ScramContext, options: ScramClientOptions, tamper = (text: string): string => text): Promise<{ readonly server: StepAnswer; readonly client: string }> {
  const server = startScram(context);
  const client = new ScramClient(options);
  const challenge = await server.step(client.first());
  if (challenge.kind !== "challenge") return { server: challenge, client: "unchallenged" };
  const answer = await client.step(challenge.bytes);
  if (answer.kind !== "message") return { server: challenge, client: answer.kind === "failed" ? answer.because : answer.kind };
  const done = await server.step(Buffer.from(tamper(answer.bytes.toString())));
  if (done.kind !== "done" || done.serverFinal === undefined) return { server: done, client: "unanswered" };
  return { server: done, client: (await client.step(done.serverFinal)).kind };
}
const verdictOf = (step: StepAnswer): string => (step.kind === "done" ? step.answer.kind : step.kind);

describe("RFC 7677 section 3: the example", () => {
  const nonce = "rOprNGfwEbeRWgbNEkqO";
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  const withSalt: Authenticator = {
    verifyPassword: async () => ({ kind: "refused" }),
    scramCredentials: async () => {
      const credentials = await makeCredentials("pencil", salt, 4096);
      assert.ok(credentials !== null);
      return { kind: "credentials", credentials };
    },
    loginOf: async (name) => ({ kind: "accepted", login: { accountId: "1", name } }),
  };
  const serverFirst = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
  const clientFinal = `c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
  const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

  test("server side", async () => {
    const server = startScram(contextOf({ authenticator: withSalt, nonce: () => "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0" }));
    assert.deepEqual(await server.step(Buffer.from(`n,,n=user,r=${nonce}`)), { kind: "challenge", bytes: Buffer.from(serverFirst) });
    assert.deepEqual(await server.step(Buffer.from(clientFinal)), { kind: "done", answer: { kind: "accepted", login: { accountId: "1", name: "user" } }, serverFinal: Buffer.from(serverFinal) });
  });
  test("client side", async () => {
    const client = new ScramClient(optionsOf({ nonce }));
    assert.equal(client.first().toString(), `n,,n=user,r=${nonce}`);
    assert.deepEqual(await client.step(Buffer.from(serverFirst)), { kind: "message", bytes: Buffer.from(clientFinal) });
    assert.deepEqual(await client.step(Buffer.from(serverFinal)), { kind: "verified" });
  });
});

describe("who gets in", () => {
  const cases: readonly (readonly [what: string, context: Partial<ScramContext>, options: Partial<ScramClientOptions>, verdict: string])[] = [
    ["the right password", {}, {}, "accepted"],
    ["a name with comma and equals sign", {}, { name: "a,b=c" }, "accepted"],
    ["full-width letters and ligatures, folded by both sides", {}, { name: "wide", password: "A1 fi" }, "accepted"],
    ["a wrong password", {}, { password: "Pencil" }, "refused"],
    ["an unknown name", {}, { name: "nobody" }, "refused"],
    ["an authzid equal to the name", {}, { authzid: "user" }, "accepted"],
    ["another authzid", {}, { authzid: "root" }, "refused"],
    ["bound by tls-exporter (RFC 9266)", { plus: true }, { binding: exporter }, "accepted"],
    ["bound to another connection", { plus: true }, { binding: { type: "tls-exporter", data: Buffer.alloc(32, 8) } }, "refused"],
    ["bound by tls-unique", { plus: true }, { binding: { type: "tls-unique", data: BINDING } }, "refused"],
    ["bound by tls-server-end-point", { plus: true }, { binding: { type: "tls-server-end-point", data: BINDING } }, "refused"],
    ["-PLUS without a binding to be had", { plus: true, channelBinding: () => null }, { binding: exporter }, "refused"],
    ["-PLUS without a binding given", { plus: true }, {}, "refused"],
    ["-PLUS, and the client says the server has none", { plus: true }, { binding: "unoffered" }, "refused"],
    ["a binding without -PLUS", {}, { binding: exporter }, "refused"],
    ["T-SCRAM-2: -PLUS was offered and the client did not see it", {}, { binding: "unoffered" }, "refused"],
    ["-PLUS was not offered and the client says so", { plusOffered: false }, { binding: "unoffered" }, "accepted"],
  ];
  for (const [what, context, options, verdict] of cases) {
    test(what, async () => {
      const { server, client } = await run(contextOf(context), optionsOf(options));
      assert.equal(verdictOf(server), verdict);
      if (verdict === "accepted") assert.equal(client, "verified");
    });
  }
  test("a login that is disabled is refused after the proof", async () => {
    const other = new FakeAuthenticator({ user: "pencil" });
    other.disabled.add("user");
    assert.equal(verdictOf((await run(contextOf({ authenticator: other }), optionsOf())).server), "refused");
  });
  test("an outage is neither", async () => {
    const other = new FakeAuthenticator({ user: "pencil" });
    other.unavailable = true;
    assert.equal(verdictOf((await run(contextOf({ authenticator: other }), optionsOf())).server), "unavailable");
  });
});

describe("T-SCRAM-ENUM: what an unknown name learns", () => {
  const challengeOf = async (name: string): Promise<string> => {
    const answer = await startScram(contextOf()).step(Buffer.from(`n,,n=${name},r=x`));
    assert.ok(answer.kind === "challenge");
    return answer.bytes.toString();
  };
  test("a challenge of the same form, the same salt each time, another for another name", async () => {
    const form = /^r=xserver-part,s=[A-Za-z0-9+/]{22}==,i=4096$/;
    for (const name of ["user", "nobody", "nobody2"]) assert.match(await challengeOf(name), form);
    assert.equal(await challengeOf("nobody"), await challengeOf("nobody"));
    assert.notEqual(await challengeOf("nobody"), await challengeOf("nobody2"));
  });
});

describe("what a client may not change", () => {
  const cases: readonly (readonly [what: string, tamper: (text: string) => string, verdict: string])[] = [
    ["the nonce", (text) => text.replace("server-part", "server-Part"), "refused"],
    ["its own part of the nonce", (text) => text.replace("client-part", "Client-part"), "refused"],
    ["the header that was bound", (text) => text.replace("c=biws", "c=eSws"), "refused"],
    ["the proof", (text) => text.replace(/p=(.)/, (_, c: string) => `p=${c === "A" ? "B" : "A"}`), "refused"],
    ["an extension after the proof was made", (text) => text.replace(",p=", ",x=1,p="), "refused"],
    ["a proof that is too short", (text) => text.replace(/p=.*/, "p=AAAA"), "malformed"],
    ["no proof", (text) => text.replace(/,p=.*/, ""), "malformed"],
    ["nothing", () => "", "malformed"],
  ];
  for (const [what, tamper, verdict] of cases) test(what, async () => assert.equal(verdictOf((await run(contextOf(), optionsOf(), tamper)).server), verdict));
});

test("T-SCRAM-4: a proof over another nonce than the one given is refused, right as it may be", async () => {
  const server = startScram(contextOf());
  const challenge = await server.step(Buffer.from("n,,n=user,r=x"));
  assert.ok(challenge.kind === "challenge");
  const serverFirst = challenge.bytes.toString();
  const salt = Buffer.from(/s=([^,]+)/.exec(serverFirst)?.[1] ?? "", "base64");
  const proofFor = async (nonce: string): Promise<Buffer> => {
    const clientKey = hmac(await saltedPassword("pencil", salt, 4096), "Client Key");
    const signature = hmac(sha256(clientKey), `n=user,r=x,${serverFirst},c=biws,r=${nonce}`);
    const proof = Buffer.from(clientKey.map((octet, i) => octet ^ (signature[i] ?? 0)));
    return Buffer.from(`c=biws,r=${nonce},p=${proof.toString("base64")}`);
  };
  assert.equal(verdictOf(await server.step(await proofFor("xserver-part"))), "accepted");
  const again = startScram(contextOf());
  await again.step(Buffer.from("n,,n=user,r=x"));
  assert.equal(verdictOf(await again.step(await proofFor("xserver-part2"))), "refused");
});

describe("first messages that are malformed", () => {
  const cases = ["", "n", "n,,", "n,,n=user", "n,,r=x,n=user", "x,,n=user,r=x", "n,,n=,r=x", "n,,n=us=er,r=x", "n,,n=us=2cer,r=x", "n,,m=ext,n=user,r=x", "n,,n=user,r=", "n,,n=user,r=a b", `n,,n=user,r=${"x".repeat(257)}`, "p=,,n=user,r=x", "n,user,n=user,r=x", "n,,n=us\0er,r=x"];
  for (const text of cases) test(JSON.stringify(text.slice(0, 30)), async () => assert.deepEqual(await startScram(contextOf()).step(Buffer.from(text)), { kind: "malformed" }));
});

describe("what a server may not do", () => {
  const cases: readonly (readonly [challenge: string, because: RegExp])[] = [
    ["r=client-part,s=AAAA,i=4096", /nonce/],
    ["r=another,s=AAAA,i=4096", /nonce/],
    ["r=client-part2,s=AAAA,i=4095", /iteration/],
    ["r=client-part2,s=AAAA,i=999999999", /iteration/],
    ["m=x,r=client-part2,s=AAAA,i=4096", /malformed/],
    ["e=unknown-user", /malformed/],
  ];
  for (const [challenge, because] of cases) {
    test(challenge, async () => {
      const step = await new ScramClient(optionsOf()).step(Buffer.from(challenge));
      assert.ok(step.kind === "failed");
      assert.match(step.because, because);
    });
  }
  test("T-SCRAM-1: sign with another key", async () => {
    const client = new ScramClient(optionsOf());
    await client.step(Buffer.from("r=client-part2,s=AAAA,i=4096"));
    assert.equal((await client.step(Buffer.from(`v=${Buffer.alloc(32).toString("base64")}`))).kind, "failed");
  });
});

test("any octets at any step are answered", async () => {
  await fc.assert(fc.asyncProperty(fc.boolean(), fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), async (proper, one, two) => {
    const server = startScram(contextOf());
    const first = await server.step(proper ? Buffer.from("n,,n=nobody,r=x") : Buffer.from(one));
    if (first.kind === "challenge") assert.notEqual(verdictOf(await server.step(Buffer.from(two))), "accepted");
  }), { numRuns: 500 });
});
