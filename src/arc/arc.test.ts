import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { spfResult } from "../authres/methods.ts";
import { ascii } from "../base/bytes.ts";
import { CanonicalMessage } from "../dkim/canonical-message.ts";
import { DkimVerifier } from "../dkim/dkim.ts";
import { PublicKeys } from "../dkim/public-keys.ts";
import { signDkim } from "../dkim/sign.ts";
import { generateSigningKey, recordOf, signingKey } from "../dkim/signing-key.ts";
import type { SigningKey } from "../dkim/signing-key.ts";
import { FakeResolver } from "../port/resolver.fake.ts";
import { ArcVerifier, verifyArc } from "./arc.ts";
import type { ArcVerification } from "./arc.ts";
import { chainOctetsMax, instanceMax } from "./limits.ts";
import { sealArc } from "./seal.ts";

const NOW = 1_760_000_000_000;
async function newKey(domain: string, type: "rsa" | "ed25519" = "rsa"): Promise<SigningKey> {
  const made = signingKey({ domain, selector: "s1", pem: await generateSigningKey(type) });
  assert.ok(made.kind === "key");
  return made.key;
}
const LIST = await newKey("list.test");
const FORWARDER = await newKey("forwarder.test");
const AUTHOR = await newKey("author.test", "ed25519");
const ZONE = Object.fromEntries([LIST, FORWARDER, AUTHOR].map((key) => [recordOf(key).name, { TXT: [recordOf(key).text] }]));
const RESOLVER = new FakeResolver(ZONE);
const KEYS = new PublicKeys(RESOLVER);
const verify = (content: Buffer): Promise<ArcVerification> => verifyArc(content, { keys: KEYS, now: NOW });

function dkimSigned(content: Buffer): Buffer {
  const outcome = signDkim(content, { keys: [AUTHOR], timestamp: NOW / 1000, lifetime: null });
  assert.ok(outcome.kind === "signed");
  return Buffer.concat([outcome.fields, content]);
}
const MESSAGE = dkimSigned(ascii("From: a@author.test\r\nTo: l@list.test\r\nSubject: x\r\n\r\nHello\r\n"));
/** What a hop does that passes `received` on as `content`. */
async function sealed(received: Buffer, key: SigningKey, content = received): Promise<Buffer> {
  const results = { authservId: `mx.${key.domain}`, version: null, results: [spfResult({ result: "pass", mailfrom: "a@author.test", helo: null })] };
  const outcome = sealArc(content, await verify(received), { key, results, timestamp: NOW / 1000 });
  assert.ok(outcome.kind === "sealed", JSON.stringify(outcome));
  return Buffer.concat([outcome.fields, content]);
}
async function chainOf(hops: number): Promise<Buffer> {
  let content = MESSAGE;
  for (let hop = 0; hop < hops; hop++) content = await sealed(content, hop % 2 === 0 ? LIST : FORWARDER);
  return content;
}
const replaced = (content: Buffer, from: string | RegExp, to: string): Buffer => {
  const changed = content.toString("latin1").replace(from, to);
  assert.notEqual(changed, content.toString("latin1"), String(from));
  return ascii(changed);
};
const short = ({ result, why, failedInstance }: ArcVerification): string => (why === null ? result : `${result} ${why} ${failedInstance}`);

describe("RFC 8617 section 5: what is sealed verifies", () => {
  test("no chain", async () => assert.equal(short(await verify(MESSAGE)), "none"));
  test("three hops, and what each found", async () => {
    const content = await chainOf(3);
    const { hops, ...rest } = await verify(content);
    assert.deepEqual(rest, { result: "pass", why: null, failedInstance: 0, oldestPass: 0, highestInstance: 3, closed: false });
    assert.deepEqual(hops.map(({ instance, domain, selector, timestamp, results }) => [instance, domain, selector, timestamp, results?.authservId, results?.results[0]?.result]), [
      [1, "list.test", "s1", NOW / 1000, "mx.list.test", "pass"],
      [2, "forwarder.test", "s1", NOW / 1000, "mx.forwarder.test", "pass"],
      [3, "list.test", "s1", NOW / 1000, "mx.list.test", "pass"],
    ]);
    for (const line of content.toString("latin1").split("\r\n")) assert.ok(line.length <= 78, line);
  });
  test("a hop that changes the message seals what it sends; the older signature no longer verifies", async () => {
    const received = await sealed(MESSAGE, LIST);
    const content = await sealed(received, FORWARDER, Buffer.concat([received, ascii("-- \r\nfooter\r\n")]));
    const { result, oldestPass } = await verify(content);
    assert.deepEqual([result, oldestPass], ["pass", 2]);
  });
  test("fields that a hop on the way adds break nothing", async () => {
    assert.equal(short(await verify(Buffer.concat([ascii("Received: x\r\nAuthentication-Results: y; none\r\n"), await chainOf(2)]))), "pass");
  });
  test("as many hops as may be, and no more", async () => {
    const full = await chainOf(instanceMax);
    const before = RESOLVER.questions.length;
    const verification = await verify(full);
    assert.deepEqual([verification.result, verification.oldestPass, verification.highestInstance], ["pass", 0, instanceMax]);
    assert.equal(RESOLVER.questions.length - before, 2, "each key is asked for once");
    assert.deepEqual(sealArc(full, verification, { key: LIST, results: { authservId: "x", version: null, results: [] }, timestamp: 0 }), { kind: "refused", because: "too-many-sets" });
  });
  test("DKIM and ARC verify together, over one pass in chunks", async () => {
    const content = await chainOf(2);
    const message = new CanonicalMessage(content);
    const [dkim, arc] = [new DkimVerifier(message, { keys: KEYS, now: NOW }), new ArcVerifier(message, { keys: KEYS, now: NOW })];
    for (let at = message.bodyStart; at < content.length; at += 3) message.push(content.subarray(at, at + 3));
    message.end();
    assert.deepEqual([(await dkim.finish()).signatures[0]?.result, (await arc.finish()).result], ["pass", "pass"]);
  });
  test("a chain that was broken is closed by a seal that says so, and stays closed", async () => {
    const broken = replaced(await chainOf(2), "Hello", "Hullo");
    assert.equal(short(await verify(broken)), "fail body-changed 2");
    const closed = await sealed(broken, LIST);
    assert.match(closed.toString("latin1"), /ARC-Seal: i=3;[^:]*cv=fail/);
    const verification = await verify(closed);
    assert.deepEqual([short(verification), verification.closed, verification.hops], ["fail chain-failed-before 3", true, []]);
    assert.deepEqual(sealArc(closed, verification, { key: LIST, results: { authservId: "x", version: null, results: [] }, timestamp: 0 }), { kind: "refused", because: "chain-closed" });
  });
  test("what cannot be sealed", async () => {
    const content = await chainOf(1);
    const results = { authservId: "x", version: null, results: [] };
    assert.deepEqual(sealArc(content, await verify(content), { key: AUTHOR, results, timestamp: 0 }), { kind: "refused", because: "key-type" });
    assert.deepEqual(sealArc(MESSAGE, await verify(content), { key: LIST, results, timestamp: 0 }), { kind: "refused", because: "chain-lost" });
  });
});

describe("RFC 8617 section 5.2: what breaks a chain", () => {
  const cases: readonly (readonly [what: string, from: string | RegExp, to: string, expected: string])[] = [
    ["the body", "Hello", "Hullo", "fail body-changed 2"],
    ["a signed field", "Subject: x", "Subject: y", "fail signature-wrong 2"],
    ["the results of the first hop", "mx.list.test;", "mx.evil.test;", "fail signature-wrong 2"],
    ["the results of the second hop", "mx.forwarder.test;", "mx.evil.test;", "fail signature-wrong 2"],
    ["cv= of the first", "cv=none", "cv=pass", "fail wrong-status 1"],
    ["cv= of the second", "cv=pass", "cv=none", "fail wrong-status 2"],
    ["no cv=", "cv=pass; ", "", "fail wrong-status 2"],
    ["h= in a seal", "cv=pass", "h=from; cv=pass", "fail forbidden-field-list 2"],
    ["a seal among the signed fields", "h=From", "h=ARC-Seal:From", "fail forbidden-field-list 2"],
    ["SHA-1", "a=rsa-sha256", "a=rsa-sha1", "fail algorithm-sha1 2"],
    ["l= that covers a part", "i=2; a=rsa-sha256; c=", "i=2; l=1; a=rsa-sha256; c=", "fail body-partly-covered 2"],
    ["x= that has passed", /t=\d+; h=/, "t=1759999990; x=1759999999; h=", "fail expired 2"],
    ["a gap", /i=2/g, "i=3", "fail incomplete-set 2"],
    ["a set without its results", /ARC-Authentication-Results: i=2[^]*?\r\n(?!\t)/, "", "fail incomplete-set 2"],
    ["a set with two seals", "ARC-Seal: i=2", "ARC-Seal: i=2; cv=pass\r\nARC-Seal: i=2", "fail incomplete-set 2"],
    ["instance 0", "ARC-Seal: i=2", "ARC-Seal: i=0", "fail malformed-instance 0"],
    ["instance 51", "ARC-Seal: i=2", "ARC-Seal: i=51", "fail malformed-instance 0"],
    ["an instance in words", "ARC-Authentication-Results: i=1", "ARC-Authentication-Results: i=one", "fail malformed-instance 0"],
    ["a key that is not there", "s=s1;\r\n\tb=", "s=s2;\r\n\tb=", "fail key-absent 2"],
  ];
  for (const [what, from, to, expected] of cases) test(what, async () => assert.equal(short(await verify(replaced(await chainOf(2), from, to))), expected));

  test("comments in an instance, and results that say nothing, break nothing", async () => {
    const content = await sealed(replaced(MESSAGE, "From:", "X-Note: y\r\nFrom:"), LIST);
    assert.equal((await verify(content)).result, "pass");
    const commented = replaced(content, "ARC-Authentication-Results: i=1;", "ARC-Authentication-Results: (x) i (y) = 1 (z) ;");
    assert.equal(short(await verify(commented)), "fail signature-wrong 1", "read, but not what was sealed");
  });
  test("the DNS does not answer: permanent all the same (section 5.2.1)", async () => {
    const keys = new PublicKeys(new FakeResolver(ZONE, { "TXT s1._domainkey.list.test": "timeout" }));
    assert.equal(short(await verifyArc(await chainOf(2), { keys, now: NOW })), "fail key-unavailable 1");
  });
});

describe("limits", () => {
  test("more than fifty fields, or more octets than a chain may have", async () => {
    assert.equal(short(await verify(ascii(`${"ARC-Seal: i=1; cv=none\r\n".repeat(instanceMax + 1)}\r\n`))), "fail too-many-sets 0");
    assert.equal(short(await verify(ascii(`ARC-Seal: i=1; cv=none; z=${"a".repeat(chainOctetsMax)}\r\n\r\n`))), "fail chain-too-large 0");
  });
  test("a chain of the largest size takes no 100 ms", async () => {
    const set = (i: number): string => `ARC-Seal: i=${i}; a=rsa-sha256; cv=${i === 1 ? "none" : "pass"}; d=list.test; s=s1; b=AAAA\r\nARC-Message-Signature: i=${i}; a=rsa-sha256; d=list.test; s=s1; h=from; bh=${"A".repeat(43)}=; b=AAAA\r\nARC-Authentication-Results: i=${i}; x; none (${"a ".repeat(2300)})\r\n`;
    const content = ascii(`${Array.from({ length: instanceMax }, (_, i) => set(i + 1)).join("")}From: a@b.test\r\n\r\n`);
    assert.ok(content.length > chainOctetsMax * 0.9 && content.length < chainOctetsMax);
    const start = process.cpuUsage();
    assert.equal((await verify(content)).result, "fail");
    const { user, system } = process.cpuUsage(start);
    assert.ok((user + system) / 1000 < 100);
  });
  test("any octets give a result, never a pass", async () => {
    const piece = fc.constantFrom("ARC-Seal:", "ARC-Message-Signature:", "ARC-Authentication-Results:", " i=1;", " i=2;", "cv=none;", "cv=fail;", "a=rsa-sha256;", "b=AAAA;", "d=list.test;", "s=s1;", "h=from;", "bh=AAAA;", "\r\n", "(", " ");
    await fc.assert(fc.asyncProperty(fc.array(piece, { maxLength: 40 }), async (pieces) => assert.notEqual((await verify(ascii(pieces.join("")))).result, "pass")), { numRuns: 500 });
  });
});
