import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseAuthenticationResults, type AuthenticationResults } from "../authres/authres.ts";
import { verifyArc } from "../arc/arc.ts";
import { sealArc } from "../arc/seal.ts";
import { signDkim } from "../dkim/sign.ts";
import { generateSigningKey, recordOf, signingKey, type SigningKey } from "../dkim/signing-key.ts";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeResolver } from "../port/resolver.fake.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../port/resolver.ts";
import { gatherEvidence } from "./evidence.ts";
import { fakeFilter, filterWorld, HOSTNAME, received, TRACE } from "./filter.fake.ts";
import { ARC_QUERIES_MAX, DKIM_QUERIES_MAX, DMARC_QUERIES_MAX, EVIDENCE_MS_MAX, IPREV_QUERIES_MAX, SPF_QUERIES_MAX } from "./limits.ts";
import { Networks, parseNetwork } from "./network.ts";
import { ownResults } from "./read-back.ts";

const MESSAGE = ["From: Author <author@peer.test>", "To: user@example.test", "Subject: hello", "Date: Tue, 24 Nov 2026 09:00:00 +0900", "Message-ID: <1@peer.test>", "", "hello", ""].join("\r\n");
const NOW = 1_795_478_400;

async function keyFor(domain: string, selector: string, type: "rsa" | "ed25519"): Promise<SigningKey> {
  const made = signingKey({ domain, selector, pem: await generateSigningKey(type) });
  assert(made.kind === "key");
  return made.key;
}
const key = await keyFor("peer.test", "sel", "rsa");
const ed25519 = await keyFor("peer.test", "ed", "ed25519");
const record = recordOf(key);
const ZONE = {
  "peer.test": { TXT: ["v=spf1 ip4:192.0.2.7 -all"], MX: [{ preference: 10, exchange: "client.peer.test" }] },
  "client.peer.test": { A: ["192.0.2.7"], TXT: ["v=spf1 a -all"] },
  "7.2.0.192.in-addr.arpa": { PTR: ["client.peer.test"] },
  [record.name]: { TXT: [record.text] },
  [recordOf(ed25519).name]: { TXT: [recordOf(ed25519).text] },
  "_dmarc.peer.test": { TXT: ["v=DMARC1; p=reject"] },
} as const;

function signed(message: string, keys: readonly [SigningKey, ...SigningKey[]] = [key]): Buffer {
  const outcome = signDkim(Buffer.from(message), { keys, timestamp: NOW, lifetime: null });
  assert(outcome.kind === "signed");
  return Buffer.concat([outcome.fields, Buffer.from(message)]);
}
/** The field in our name at the very top. */
function topResults(content: Buffer): AuthenticationResults {
  const text = content.toString("utf8");
  const match = /^Authentication-Results:((?:[^\r]|\r\n[ \t])*)\r\n/.exec(text);
  assert(match !== null, text.slice(0, 300));
  const parsed = parseAuthenticationResults(match[1]!);
  assert(parsed.kind === "parsed");
  return parsed.value;
}
const short = ({ results }: AuthenticationResults): string[] => results.map(({ method, result }) => `${method}=${result}`);
const property = ({ results }: AuthenticationResults, method: string, name: string, nth = 0): string | undefined =>
  results.filter((result) => result.method === method)[nth]?.properties.find(({ ptype, property: own }) => `${ptype}.${own}` === name)?.value;

describe("Authentication-Results of a message from outside (RFC 8601)", () => {
  test("say what every method found, above the trace field of this hop, and the message stays as it was", async () => {
    const content = signed(MESSAGE, [key, ed25519]);
    const judged = await fakeFilter(new FakeResolver(ZONE)).judge(received(content));
    const results = topResults(judged.content);
    assert.equal(results.authservId, HOSTNAME);
    assert.deepEqual(short(results), ["spf=pass", "spf=pass", "dkim=pass", "dkim=pass", "dmarc=pass", "iprev=pass"]);
    assert.equal(property(results, "spf", "smtp.mailfrom"), "author@peer.test");
    assert.equal(property(results, "spf", "smtp.helo", 1), "client.peer.test");
    assert.equal(property(results, "dkim", "header.d"), "peer.test");
    assert.equal(property(results, "dkim", "header.i"), "@peer.test");
    assert.equal(property(results, "dkim", "header.s"), "sel");
    assert.equal(property(results, "dkim", "header.a", 1), "ed25519-sha256");
    assert.match(property(results, "dkim", "header.b") ?? "", /^[A-Za-z0-9+/]{8}$/);
    assert.equal(property(results, "dmarc", "header.from"), "peer.test");
    assert.equal(property(results, "dmarc", "policy.dmarc"), "reject");
    assert.equal(property(results, "iprev", "policy.iprev"), "192.0.2.7");
    assert.ok(judged.content.subarray(-content.length - TRACE.length).equals(Buffer.concat([Buffer.from(TRACE), content])));
  });

  test("a changed body fails, and so does DMARC when the address is not the author's either; the message is delivered", async () => {
    const changed = Buffer.from(signed(MESSAGE).toString().replace("\r\n\r\nhello", "\r\n\r\nhullo"));
    const judged = await fakeFilter(new FakeResolver(ZONE)).judge(received(changed, { address: "192.0.2.8" }));
    assert.equal(judged.verdict.kind, "deliver");
    const results = topResults(judged.content);
    assert.deepEqual(short(results), ["spf=fail", "spf=fail", "dkim=fail", "dmarc=fail", "iprev=permerror"]);
    assert.equal(results.results.find(({ method }) => method === "dkim")?.reason, "body-changed");
    assert.equal(property(results, "dmarc", "policy.dmarc"), "reject");
  });

  test("a signature that covers Received fields is checked as the signer saw them", async () => {
    const forwarded = `Received: from a by b; Tue, 24 Nov 2026 08:59:00 +0900\r\n${MESSAGE}`;
    const results = topResults((await fakeFilter(new FakeResolver(ZONE)).judge(received(signed(forwarded)))).content);
    assert.ok(short(results).includes("dkim=pass"));
  });

  test("without a signature, a record or a name there is nothing but honest words for it", async () => {
    const results = topResults((await fakeFilter(new FakeResolver({})).judge(received(MESSAGE))).content);
    assert.deepEqual(short(results), ["spf=none", "spf=none", "dkim=none", "dmarc=none", "iprev=permerror"]);
    assert.deepEqual(results.results.map(({ reason }) => reason), [null, null, null, null, null]);
  });

  test("the null reverse-path has the HELO identity only", async () => {
    const results = topResults((await fakeFilter(new FakeResolver(ZONE)).judge(received(MESSAGE, { from: "" }))).content);
    assert.deepEqual(short(results), ["spf=pass", "dkim=none", "dmarc=pass", "iprev=pass"]);
    assert.equal(property(results, "spf", "smtp.mailfrom"), undefined);
    assert.equal(property(results, "spf", "smtp.helo"), "client.peer.test");
  });

  test("several authors are outside of DMARC, and said to be at fault", async () => {
    const two = `From: other@elsewhere.test\r\n${MESSAGE}`;
    const results = topResults((await fakeFilter(new FakeResolver(ZONE)).judge(received(two))).content);
    const dmarc = results.results.find(({ method }) => method === "dmarc");
    assert.equal(dmarc?.result, "permerror");
    assert.equal(dmarc?.reason, "several-fields");
    assert.deepEqual(dmarc?.properties, []);
  });

  test("no author at all is none", async () => {
    const results = topResults((await fakeFilter(new FakeResolver(ZONE)).judge(received("Subject: x\r\n\r\nx\r\n"))).content);
    assert.ok(short(results).includes("dmarc=none"));
  });

  test("a header beyond the limits has no author to believe", async () => {
    const long = `${"X-Filler: 1\r\n".repeat(10_001)}${MESSAGE}`;
    const results = topResults((await fakeFilter(new FakeResolver(ZONE)).judge(received(long))).content);
    assert.equal(results.results.find(({ method }) => method === "dmarc")?.reason, "header-too-large");
  });

  test("an ARC chain is told of, and changes nothing of DMARC", async () => {
    const content = Buffer.from(MESSAGE.replaceAll("peer.test", "author.test"));
    const verification = await verifyArc(content, { keys: filterWorld(new FakeResolver(ZONE)).keys, now: NOW * 1000 });
    const outcome = sealArc(content, verification, { key, timestamp: NOW, results: { authservId: "list.test", version: null, results: [] } });
    assert(outcome.kind === "sealed");
    const results = topResults((await fakeFilter(new FakeResolver({ ...ZONE, "_dmarc.author.test": { TXT: ["v=DMARC1; p=reject"] } })).judge(received(Buffer.concat([outcome.fields, content])))).content);
    assert.ok(short(results).includes("arc=pass"), short(results).join());
    assert.ok(short(results).includes("dmarc=fail"), short(results).join());
    assert.equal(property(results, "arc", "smtp.remote-ip"), "192.0.2.7");
  });
});

describe("the border", () => {
  const forged = `Authentication-Results: ${HOSTNAME}; dkim=pass header.d=bank.test\r\nAuthentication-Results: MX.Example.TEST.;\r\n spf=pass smtp.mailfrom=bank.test\r\nAuthentication-Results: elsewhere.test; spf=pass\r\n`;
  const count = (content: Buffer): number => content.toString().match(/^authentication-results:/gim)?.length ?? 0;

  test("takes out what is forged in our name, on mx and on submission, and nothing else", async () => {
    const fromOutside = (await fakeFilter(new FakeResolver(ZONE)).judge(received(forged + MESSAGE))).content;
    assert.equal(count(fromOutside), 2);
    assert.match(fromOutside.toString(), /^Authentication-Results: elsewhere\.test; spf=pass\r$/m);
    assert.doesNotMatch(fromOutside.toString(), /bank\.test/);
    const submitted = (await fakeFilter(new FakeResolver(ZONE)).judge(received(forged + MESSAGE, { login: "user@example.test" }))).content;
    assert.equal(submitted.toString(), `${TRACE}Authentication-Results: elsewhere.test; spf=pass\r\n${MESSAGE}`);
  });

  test("costs peers in trusted networks no question and leaves their mail as it is", async () => {
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.9"]) {
      const resolver = new FakeResolver(ZONE);
      const given = received(forged + MESSAGE, { address });
      const judged = await fakeFilter(resolver).judge(given);
      assert.equal(judged.content, given.content, address);
      assert.deepEqual(resolver.questions, []);
    }
  });

  test("names who submitted only where that is not hidden", async () => {
    const shown = topResults((await fakeFilter(new FakeResolver({}), { showLogin: true }).judge(received(MESSAGE, { login: "user@example.test" }))).content);
    assert.deepEqual(short(shown), ["auth=pass"]);
    assert.equal(property(shown, "auth", "smtp.auth"), "user@example.test");
    const hidden = (await fakeFilter(new FakeResolver({})).judge(received(MESSAGE, { login: "user@example.test" }))).content;
    assert.equal(count(hidden), 0);
  });

  test("a link-local peer with a zone is checked like any other", async () => {
    const results = topResults((await fakeFilter(new FakeResolver(ZONE)).judge(received(MESSAGE, { address: "fe80::1%eth0" }))).content);
    assert.equal(property(results, "iprev", "policy.iprev"), "fe80::1");
  });
});

describe("limits", () => {
  /** Answers nothing, ever. */
  const silent: Resolver = { resolve: () => new Promise(() => {}) };

  test("a DNS that stays silent costs ten seconds, and everything is temperror", async () => {
    const clock = new FakeClock(NOW * 1000);
    const world = filterWorld(silent, { clock });
    let over = false;
    const gathering = gatherEvidence(received(signed(MESSAGE)), world).finally(() => { over = true; });
    await clock.advance(EVIDENCE_MS_MAX - 1);
    assert.equal(over, false);
    await clock.advance(1);
    assert.equal(over, true);
    const found = await gathering;
    assert(found.kind === "gathered");
    assert.equal(found.exceeded, true);
    assert.deepEqual([found.spf.helo.result, found.spf.mailFrom.result, found.iprev.result, found.dkim.signatures[0]?.result, found.dmarc.kind === "evaluated" && found.dmarc.result], ["temperror", "temperror", "temperror", "temperror", "temperror"]);
  });

  test("no timer is left when everything was answered", async () => {
    const clock = new FakeClock(NOW * 1000);
    const world = filterWorld(new FakeResolver(ZONE), { clock });
    let timers = 0;
    const timer = clock.timer.bind(clock);
    clock.timer = (ms, fn) => {
      timers++;
      const cancel = timer(ms, fn);
      return () => { timers--; cancel(); };
    };
    await gatherEvidence(received(signed(MESSAGE)), world);
    assert.equal(timers, 0);
  });

  test("questions are bounded whatever the records say, and asked once", async () => {
    const asked: string[] = [];
    /** Every name has a policy that includes ten others, ten exchanges, ten names. */
    const greedy: Resolver = {
      resolve: async <T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> => {
        asked.push(`${type} ${name.toLowerCase()}`);
        const n = asked.length;
        const answers: { readonly [K in RecordType]?: readonly unknown[] } = {
          TXT: name.startsWith("_dmarc") ? [] : [`v=spf1 ${Array.from({ length: 10 }, (_, i) => `mx:x${i}-${n}.test`).join(" ")} -all`],
          MX: Array.from({ length: 10 }, (_, i) => ({ preference: i, exchange: `h${i}-${n}.test` })),
          PTR: Array.from({ length: 30 }, (_, i) => `p${i}.test`), A: ["203.0.113.9"],
        };
        const [first, ...rest] = (answers[type] ?? []) as RecordOf[T][];
        return first === undefined ? { kind: "void", because: "nodata", authentic: false, ttl: 60 } : { kind: "records", records: [first, ...rest], authentic: false, ttl: 60 };
      },
    };
    const signature = (n: number): string => `DKIM-Signature: v=1; a=rsa-sha256; d=a.b.c.d.e.f.g.d${n}.test; s=s${n}; h=from; bh=${"A".repeat(43)}=; b=AAAA\r\n`;
    const seals = Array.from({ length: 50 }, (_, i) => [
      `ARC-Seal: i=${i + 1}; a=rsa-sha256; cv=${i === 0 ? "none" : "pass"}; d=s${i}.test; s=x; b=AAAA`,
      `ARC-Message-Signature: i=${i + 1}; a=rsa-sha256; c=relaxed/relaxed; d=m${i}.test; s=x; h=from; bh=${"A".repeat(43)}=; b=AAAA`,
      `ARC-Authentication-Results: i=${i + 1}; a.test; none`,
    ].join("\r\n")).join("\r\n");
    const message = `${Array.from({ length: 30 }, (_, i) => signature(i)).join("")}${seals}\r\n${MESSAGE.replaceAll("peer.test", "a.b.c.d.e.f.g.h.i.j.test")}`;
    const found = await gatherEvidence(received(message), filterWorld(greedy));
    assert(found.kind === "gathered");
    assert.equal(found.spf.mailFrom.result, "permerror");
    assert.equal(new Set(asked).size, asked.length);
    assert.ok(asked.length <= IPREV_QUERIES_MAX + SPF_QUERIES_MAX + DKIM_QUERIES_MAX + ARC_QUERIES_MAX + DMARC_QUERIES_MAX, `${asked.length}`);
    assert.equal(found.dnsQueries, asked.length);
    assert.equal(found.exceeded, true);
  });

  test("a body of several steps is hashed as a whole", async () => {
    const large = `${MESSAGE}${"0123456789abcdef".repeat(4).concat("\r\n").repeat(40_000)}`;
    const clock = new FakeClock(NOW * 1000);
    const world = filterWorld(new FakeResolver(ZONE), { clock });
    const gathering = gatherEvidence(received(signed(large)), world);
    for (let i = 0; i < 10; i++) await clock.advance(1);
    const found = await gathering;
    assert(found.kind === "gathered");
    assert.equal(found.dkim.signatures[0]?.result, "pass");
  });
});

describe("results read back from a mailbox", () => {
  test("are those above our trace field", async () => {
    const { content } = await fakeFilter(new FakeResolver(ZONE)).judge(received(MESSAGE));
    const stored = Buffer.concat([Buffer.from("Return-Path: <author@peer.test>\r\nDelivered-To: user@example.test\r\n"), content]);
    assert.deepEqual(ownResults(stored, "MX.example.test"), topResults(content));
    assert.equal(ownResults(stored, "other.example.test"), null);
  });
  test("never those that came with the message", () => {
    const below = Buffer.from(`${TRACE}Authentication-Results: ${HOSTNAME}; dmarc=pass\r\n${MESSAGE}`);
    assert.equal(ownResults(below, HOSTNAME), null);
    assert.equal(ownResults(Buffer.from(`Authentication-Results: ${HOSTNAME}; dmarc=pass\r\n${MESSAGE}`), HOSTNAME), null, "a message without any trace field was not received here");
    assert.equal(ownResults(Buffer.alloc(0), HOSTNAME), null);
  });
});

describe("networks", () => {
  test("are read, and hold what is in them", () => {
    const networks = new Networks(["10.0.0.0/8", "192.0.2.1", "2001:db8::/33", "nonsense"]);
    const has = (text: string): boolean => networks.has(parseNetwork(text)!.address);
    assert.deepEqual(["10.255.0.1", "11.0.0.0", "192.0.2.1", "192.0.2.2", "2001:db8:7fff::1", "2001:db8:8000::1", "::ffff:10.0.0.1"].map(has), [true, false, true, false, true, false, true]);
  });
  test("none of these is one", () => {
    for (const text of ["10.0.0.0/33", "::/129", "10.0.0", "10.0.0.0/", "/8", "10.0.0.0/8/8", "example.test"]) assert.equal(parseNetwork(text), null, text);
  });
});
