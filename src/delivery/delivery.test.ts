import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { newBodyCache } from "../account/account.ts";
import { Accounts } from "../account/accounts.ts";
import { INBOX_ID } from "../account/state.ts";
import { parseAddress, type Address } from "../address/address.ts";
import { Directory } from "../directory/directory.ts";
import { Lookup } from "../directory/lookup.ts";
import { Recipients } from "../directory/recipients.ts";
import { SigningKeys } from "../directory/signing-keys.ts";
import { PublicKeys } from "../dkim/public-keys.ts";
import { verifyDkim } from "../dkim/dkim.ts";
import { fakeFilter, HOSTNAME, TRACE } from "../filter/filter.fake.ts";
import { withoutReturnPaths } from "../message/trace.ts";
import { Keyring } from "../journal/keyring.ts";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeLog } from "../port/log.fake.ts";
import type { Labels, Metrics } from "../port/metrics.ts";
import { MemoryStore, type StoreFault } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { FakeResolver } from "../port/resolver.fake.ts";
import { Queue } from "../queue/queue.ts";
import { Delivery } from "./delivery.ts";
import { OutgoingSigner } from "./outgoing-signer.ts";
import type { ReceivedMessage } from "./received.ts";

const address = (text: string): Address => parseAddress(text) ?? assert.fail(text);
const domain = address("x@example.test").domain;
const MESSAGE = "From: User <user@example.test>\r\nTo: a@elsewhere.test\r\nSubject: hello\r\nDate: Tue, 24 Nov 2026 09:00:00 +0900\r\nMessage-ID: <1@example.test>\r\n\r\nhello\r\n";

/** Everything behind the SMTP server, over a store in memory, with one account. */
async function deliveryWorld(options: { readonly fail?: (operation: string, key: string) => StoreFault | null } = {}) {
  const [clock, random, log, store] = [new FakeClock(1_795_478_400_000), new FakeRandom(), new FakeLog(), new MemoryStore(options)];
  const keyring = new Keyring(store, Buffer.alloc(32, 9), random);
  const accounts = new Accounts({ store, clock, random, log }, keyring, { idleBytesMax: 1e6, bodies: newBodyCache(1e6) });
  const lookup = new Lookup(store, clock);
  const contents = { prepare: async (id: string) => (await accounts.create(id), { kind: "done" as const }), erase: async () => ({ kind: "done" as const }) };
  const directory = new Directory({ store, lookup, clock, random, contents, iterations: 4096 });
  const recipients = new Recipients({ store, lookup, postmaster: null });
  const opened = await Queue.open({ store, clock, random, log, keyring, shards: 1 });
  assert(opened.kind === "open");
  const { queue } = opened;
  const counted: string[] = [];
  const metrics: Metrics = { count: (name, labels: Labels = {}) => void counted.push(`${name} ${Object.values(labels).join(" ")}`), gauge() {}, observe() {} };
  const signingKeys = new SigningKeys({ store, keyring, clock, random });
  const signer = new OutgoingSigner({ signingKeys, clock, log, metrics });
  const delivery = new Delivery({ accounts, directory, recipients, queue, filter: fakeFilter(new FakeResolver({}), { clock }), signer, clock, random, log, metrics, hostname: HOSTNAME, language: "en" });
  await directory.addDomain(domain);
  const added = await directory.addAccount({ address: address("user@example.test"), password: "secret" });
  assert(added.kind === "added");
  const { accountId } = added;
  return {
    clock, delivery, signingKeys, counted, accountId, store,
    /** Makes and activates both keys; a resolver that knows them. */
    keys: async (): Promise<FakeResolver> => {
      for (const [selector, type] of [["r", "rsa"], ["e", "ed25519"]] as const) {
        assert.equal((await signingKeys.generate(domain, selector, type)).kind, "added");
        assert.equal((await signingKeys.setState(domain, selector, "active")).kind, "done");
      }
      const listed = await signingKeys.list(domain);
      assert(listed.kind === "list");
      return new FakeResolver(Object.fromEntries(listed.entries.map(({ selector, record }) => [`${selector}._domainkey.${domain}`, { TXT: [record] }])));
    },
    inbox: async (uid: number): Promise<Buffer> => {
      const lease = await accounts.use(accountId);
      assert(lease.kind === "done");
      const content = await lease.value.account.contentOf(INBOX_ID, uid);
      lease.value.release();
      assert(content.kind === "done");
      return content.value;
    },
    queued: async (): Promise<Buffer> => {
      const listed = await queue.list({ limit: 10 });
      assert(listed.kind === "messages" && listed.messages.length === 1, JSON.stringify(listed));
      const content = await queue.content(listed.messages[0]!.id);
      assert(Buffer.isBuffer(content));
      return content;
    },
    message: (text: string, to: readonly string[], login: boolean): ReceivedMessage => ({
      envelope: { reversePath: { kind: "address", address: address("user@example.test") }, recipients: to.map((one) => ({ address: address(one), notify: null, originalRecipient: null })), ret: null, envelopeId: null, bodyType: "7bit", smtpUtf8: false },
      content: Buffer.from(TRACE + text), role: login ? "submission" : "mx", peer: { address: "192.0.2.7", port: 4000 }, helo: "client.test", tls: true,
      login: login ? { accountId, name: "user@example.test" } : null, sessionId: "s", receivedAt: clock.now(),
    }),
  };
}
async function dkimResults(content: Buffer, resolver: FakeResolver, now: number): Promise<string[]> {
  const { signatures } = await verifyDkim(content, { keys: new PublicKeys(resolver), now });
  return signatures.map(({ result, algorithm, domain: signer }) => `${result} ${algorithm} ${signer}`);
}
const BOTH = ["pass rsa-sha256 example.test", "pass ed25519-sha256 example.test"];

describe("submitted mail", () => {
  test("is signed by every active key, the same for a mailbox here and for the queue", async () => {
    const world = await deliveryWorld();
    const resolver = await world.keys();
    const answer = await world.delivery.deliver(world.message(MESSAGE, ["user@example.test", "a@elsewhere.test"], true));
    assert.equal(answer.kind, "accepted");
    const [here, there] = [await world.inbox(1), await world.queued()];
    assert.deepEqual(await dkimResults(here, resolver, world.clock.now()), BOTH);
    assert.deepEqual(await dkimResults(there, resolver, world.clock.now()), BOTH);
    assert.ok(here.subarray(-there.length).equals(there));
    assert.ok(there.toString().endsWith(`${TRACE}${MESSAGE}`));
    assert.ok(world.counted.includes("tayori_dkim_outgoing_total signed"));
    // Signed for a while only.
    assert.deepEqual((await dkimResults(there, resolver, world.clock.now() + 15 * 86_400_000))[0], "policy rsa-sha256 example.test");
  });

  test("of a domain without active keys goes unsigned, which is counted", async () => {
    const world = await deliveryWorld();
    assert.equal((await world.signingKeys.generate(domain, "r", "ed25519")).kind, "added");
    await world.delivery.deliver(world.message(MESSAGE, ["a@elsewhere.test"], true));
    assert.equal((await world.queued()).toString(), TRACE + MESSAGE);
    assert.ok(world.counted.includes("tayori_dkim_outgoing_total no-key"));
  });

  test("is deferred while the keys cannot be read", async () => {
    let failing = false;
    const world = await deliveryWorld({ fail: (_, key) => (failing && key.startsWith("d/dkim") ? { failure: "before" } : null) });
    await world.keys();
    await world.clock.advance(10_000);
    failing = true;
    const message = world.message(MESSAGE, ["a@elsewhere.test"], true);
    assert.deepEqual(await world.delivery.deliver(message), { kind: "deferred", because: "unavailable" });
    failing = false;
    assert.equal((await world.delivery.deliver(message)).kind, "accepted", "a failure is not remembered");
  });
});

describe("mail from outside", () => {
  test("is labelled and never signed, whoever it says it is from", async () => {
    const world = await deliveryWorld();
    const resolver = await world.keys();
    assert.equal((await world.delivery.deliver(world.message(MESSAGE, ["user@example.test"], false))).kind, "accepted");
    const content = await world.inbox(1);
    assert.match(content.toString(), /^Return-Path: <user@example\.test>\r\nDelivered-To: user@example\.test\r\nAuthentication-Results: mx\.example\.test;/);
    assert.deepEqual(await dkimResults(content, resolver, world.clock.now()), []);
  });

  test("has one Return-Path, ours, and the body keeps its own", async () => {
    const world = await deliveryWorld();
    const forged = `Return-Path: <forged@bank.test>\r\nreturn-path :\r\n <x@y.test>\r\n${MESSAGE}Return-Path: <in the body>\r\n`;
    await world.delivery.deliver(world.message(forged, ["user@example.test"], false));
    const content = (await world.inbox(1)).toString();
    assert.deepEqual(content.match(/^return-path.*$/gim), ["Return-Path: <user@example.test>", "Return-Path: <in the body>"]);
    assert.ok(content.endsWith(`${TRACE}${MESSAGE}Return-Path: <in the body>\r\n`));
  });
});

describe("our own reports", () => {
  const report = { content: Buffer.from(MESSAGE.replace("user@example.test", `MAILER-DAEMON@${HOSTNAME}`)), bodyType: "7bit", smtpUtf8: false, key: "" } as const;
  test("are signed by the keys of the host's domain", async () => {
    const world = await deliveryWorld();
    const resolver = await world.keys();
    assert.equal(await world.delivery.handOver({ ...report, to: address("user@example.test") }), "accepted");
    assert.deepEqual(await dkimResults(await world.inbox(1), resolver, world.clock.now()), BOTH);
  });
  test("a domain above a user's does not sign for it", async () => {
    const world = await deliveryWorld();
    await world.keys();
    await world.delivery.deliver(world.message(MESSAGE.replace("<user@example.test>", "<user@sub.example.test>"), ["a@elsewhere.test"], true));
    assert.doesNotMatch((await world.queued()).toString(), /DKIM-Signature/);
  });
});

describe("withoutReturnPaths (RFC 5321 section 4.4)", () => {
  const cases: readonly (readonly [name: string, before: string, after: string])[] = [
    ["none", "A: 1\r\n\r\nReturn-Path: x\r\n", "A: 1\r\n\r\nReturn-Path: x\r\n"],
    ["first, folded", "Return-Path:\r\n\t<a>\r\nA: 1\r\n\r\nx", "A: 1\r\n\r\nx"],
    ["last, without a body", "A: 1\r\nRETURN-PATH: <a>\r\n", "A: 1\r\n"],
    ["all there is", "Return-Path: <a>", ""],
    ["blanks in front of the first", " Return-Path: <a>\r\nA: 1\r\n\r\n", "A: 1\r\n\r\n"],
    ["names that only look like it", "Return-Path-X: <a>\r\nX-Return-Path: <b>\r\n\r\n", "Return-Path-X: <a>\r\nX-Return-Path: <b>\r\n\r\n"],
    ["a fold of another field", "A: 1\r\n Return-Path: <a>\r\n\r\n", "A: 1\r\n Return-Path: <a>\r\n\r\n"],
    ["bare line ends", "A: 1\nReturn-Path: <a>\nB: 2\n\nReturn-Path: x\n", "A: 1\nB: 2\n\nReturn-Path: x\n"],
  ];
  for (const [name, before, after] of cases) test(name, () => assert.equal(withoutReturnPaths(Buffer.from(before)).toString(), after));
  test("copies nothing where there is none", () => {
    const content = Buffer.from(MESSAGE);
    assert.equal(withoutReturnPaths(content), content);
  });
});
