import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeRandom } from "../port/random.fake.ts";
import { MemoryStore, type StoreFault } from "../port/object-store.fake.ts";
import { address, domain, fakeDirectory } from "./directory-world.fake.ts";
import { changeRecord, createRecord, readRecord } from "./records.ts";
import { domainForm, type DomainObject } from "./stored.ts";

const done = { kind: "done" };

describe("domains", () => {
  test("are added once, listed, and removed when they are empty", async () => {
    const { directory, addAccount } = fakeDirectory();
    assert.deepEqual(await directory.addDomain(domain("Example.test")), done);
    assert.deepEqual(await directory.addDomain(domain("example.test")), { kind: "exists" });
    const listed = await directory.listDomains();
    assert.deepEqual(listed.kind === "list" && listed.entries.map((entry) => [entry.domain, entry.subaddressing, entry.catchAll]), [["example.test", true, null]]);
    await addAccount("user@example.test");
    assert.deepEqual(await directory.removeDomain(domain("example.test")), { kind: "in-use" });
    assert.deepEqual(await directory.addAlias(address("other@example.test"), [address("user@example.test")]), done, "a refused removal leaves the domain open");
    assert.deepEqual(await directory.removeDomain(domain("absent.test")), { kind: "absent" });
    assert.deepEqual(await directory.removeAlias(address("other@example.test")), done);
    assert.deepEqual(await directory.deleteAccount(address("user@example.test")), done);
    assert.deepEqual(await directory.removeDomain(domain("example.test")), done);
    assert.deepEqual(await directory.listDomains(), { kind: "list", entries: [] });
  });

  test("an address literal cannot be hosted", async () => {
    const { directory } = fakeDirectory();
    assert.equal((await directory.addDomain(domain("[192.0.2.1]"))).kind, "unusable");
  });

  test("an address added while its domain is removed never outlives it", async () => {
    // Every interleaving of two steps: the removal begins after the n-th call of the addition.
    for (let steps = 0; steps < 14; steps++) {
      let calls = 0;
      let removal: Promise<unknown> | null = null;
      const world = fakeDirectory({
        fail: (): StoreFault | null => {
          if (++calls === steps + 3) removal = other.directory.removeDomain(domain("example.test"));
          return null;
        },
      });
      const other = world.another();
      await world.directory.addDomain(domain("example.test"));
      const added = await world.directory.addAlias(address("user@example.test"), [address("x@elsewhere.test")]);
      removal ??= other.directory.removeDomain(domain("example.test"));
      const removed = await removal;
      const keys = world.store.keys();
      const hasDomain = keys.includes("d/domain/example.test");
      const hasAddress = keys.includes("d/address/example.test/user");
      assert(hasDomain || !hasAddress, `after ${steps}: ${JSON.stringify({ added, removed, keys })}`);
      assert.equal(added.kind === "done", hasAddress, `after ${steps}`);
    }
  });
});

describe("accounts", () => {
  test("need a domain of ours and an address of their own", async () => {
    const { directory, addAccount } = fakeDirectory();
    assert.deepEqual(await directory.addAccount({ address: address("user@example.test"), password: "x" }), { kind: "unknown-domain" });
    await directory.addDomain(domain("example.test"));
    const accountId = await addAccount("User@example.test");
    assert.deepEqual(await directory.addAccount({ address: address("uSER@example.test"), password: "x" }), { kind: "exists" });
    assert.deepEqual(await directory.addAlias(address("user@example.test"), [address("b@example.test")]), { kind: "exists" });
    const found = await directory.account(address("USER@example.test"));
    assert(found.kind === "found");
    assert.deepEqual([found.account.accountId, found.account.address, found.account.quotaBytes, found.account.attached], [accountId, "User@example.test", null, true]);
    const listed = await directory.listAccounts();
    assert.equal(listed.kind === "list" && listed.entries.length, 1, "an address that was taken leaves no account behind");
  });

  test("cannot be made with a password that cannot be one", async () => {
    const { directory, store } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    for (const password of ["", "a\u0000b", "x".repeat(5000)]) {
      assert.equal((await directory.addAccount({ address: address("user@example.test"), password })).kind, "unusable");
    }
    assert.deepEqual(store.keys(), ["d/domain/example.test"]);
  });

  test("that could not be prepared have no address, and one of two that race for an address is undone", async () => {
    const world = fakeDirectory();
    const { directory, contents } = world;
    await directory.addDomain(domain("example.test"));
    contents.failing = true;
    assert.equal((await directory.addAccount({ address: address("user@example.test"), password: "x" })).kind, "unavailable");
    assert(!world.store.keys().some((key) => key.startsWith("d/address/")));
    contents.failing = false;
    const answers = await Promise.all([world, world.another()].map(({ directory: one }) => one.addAccount({ address: address("both@example.test"), password: "x" })));
    assert.deepEqual(answers.map((answer) => answer.kind).sort(), ["added", "exists"]);
    const listed = await directory.listAccounts();
    assert.deepEqual(listed.kind === "list" && listed.entries.filter((entry) => entry.address === "both@example.test").map((entry) => entry.attached), [true]);
  });

  test("change their name, quota, language and state", async () => {
    const { directory, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    await addAccount("user@example.test");
    const user = address("user@example.test");
    assert.deepEqual(await directory.changeAccount(user, { name: "山田 太郎", quotaBytes: 5_000_000, language: "ja" }), done);
    assert.deepEqual(await directory.setDisabled(user, true), done);
    const found = await directory.account(user);
    assert(found.kind === "found");
    const { name, quotaBytes, language, disabled } = found.account;
    assert.deepEqual({ name, quotaBytes, language, disabled }, { name: "山田 太郎", quotaBytes: 5_000_000, language: "ja", disabled: true });
    assert.equal((await directory.changeAccount(user, { name: "x".repeat(1000) })).kind, "unusable");
    assert.deepEqual(await directory.setDisabled(address("nobody@example.test"), true), { kind: "absent" });
  });

  test("a deletion that broke off is finished by the next one", async () => {
    const { directory, addAccount, store, contents } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const accountId = await addAccount("user@example.test");
    const user = address("user@example.test");
    contents.failing = true;
    assert.equal((await directory.deleteAccount(user)).kind, "unavailable");
    const listed = await directory.listAccounts();
    assert.deepEqual(listed.kind === "list" && listed.entries.map((entry) => [entry.accountId, entry.disabled, entry.attached]), [[accountId, true, false]]);
    assert.deepEqual(await directory.setPassword(user, "x"), { kind: "absent" });
    contents.failing = false;
    assert.deepEqual([...contents.held], [accountId]);
    assert.deepEqual(await directory.deleteAccount(user), done);
    assert.deepEqual([...contents.held], []);
    assert.deepEqual(store.keys(), ["d/domain/example.test"]);
    assert.deepEqual(await directory.deleteAccount(user), { kind: "absent" });
  });
});

describe("aliases", () => {
  test("gain and lose targets", async () => {
    const { directory } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const sales = address("sales@example.test");
    const [a, b, c] = [address("a@example.test"), address("b@elsewhere.test"), address("c@elsewhere.test")];
    assert.deepEqual(await directory.addAlias(sales, [a, b, a]), done);
    assert.deepEqual(await directory.addAlias(sales, [c, b]), done);
    assert.deepEqual(await directory.listAliases(), { kind: "list", entries: [{ address: "sales@example.test", targets: ["a@example.test", "b@elsewhere.test", "c@elsewhere.test"] }] });
    assert.deepEqual(await directory.removeAlias(sales, [b]), done);
    assert.deepEqual(await directory.removeAlias(sales, [b]), { kind: "absent" });
    assert.deepEqual(await directory.removeAlias(sales, [a, c]), done);
    assert.deepEqual(await directory.removeAlias(sales), { kind: "absent" });
  });
  test("have from 1 to 100 targets", async () => {
    const { directory } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const many = Array.from({ length: 101 }, (_, i) => address(`a${i}@elsewhere.test`));
    const list = address("list@example.test");
    assert.equal((await directory.addAlias(list, [])).kind, "unusable");
    assert.equal((await directory.addAlias(list, many)).kind, "unusable");
    assert.deepEqual(await directory.addAlias(list, many.slice(1)), done);
    assert.equal((await directory.addAlias(list, many.slice(0, 1))).kind, "unusable");
  });
});

describe("compare and swap", () => {
  const fresh: DomainObject = { createdAt: 0, catchAll: null, subaddressing: true, closing: false };
  const key = "d/domain/example.test";

  test("a change whose answer was lost is recognised, and done once", async () => {
    for (const failure of ["after", "torn"] as const) {
      let faults = 0;
      const store = new MemoryStore({ fail: (operation) => (operation === "put" && faults-- > 0 ? { failure } : null) });
      const random = new FakeRandom(3);
      faults = 2;
      assert.deepEqual(await createRecord(store, random, domainForm, key, fresh), done, failure);
      faults = 2;
      let decisions = 0;
      const changed = await changeRecord<DomainObject, never>(store, random, domainForm, key, (value) => {
        decisions++;
        return { kind: "write", value: { ...value, createdAt: value.createdAt + 1 } };
      });
      assert.equal(changed.kind, "done", failure);
      const now = await readRecord(store, domainForm, key);
      assert.equal(now.kind === "found" && now.value.createdAt, 1, failure);
      assert.equal(decisions, failure === "after" ? 1 : 3);
    }
  });

  test("somebody else's object is not taken for ours when the answer was lost", async () => {
    let faults = 0;
    const store = new MemoryStore({ fail: (operation) => (operation === "put" && faults-- > 0 ? { failure: "torn" } : null) });
    const random = new FakeRandom(4);
    await createRecord(store, random, domainForm, key, fresh);
    faults = 1;
    assert.deepEqual(await createRecord(store, random, domainForm, key, fresh), { kind: "exists" });
  });

  test("racing changes are all there", async () => {
    const store = new MemoryStore();
    await createRecord(store, new FakeRandom(5), domainForm, key, fresh);
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => changeRecord<DomainObject, never>(store, new FakeRandom(i + 10), domainForm, key, (value) => ({ kind: "write", value: { ...value, createdAt: value.createdAt + 1 } }))));
    assert(answers.every((answer) => answer.kind === "done"));
    const now = await readRecord(store, domainForm, key);
    assert.equal(now.kind === "found" && now.value.createdAt, 8);
  });

  test("what cannot be read is never overwritten or taken for absent", async () => {
    const { directory, recipients, store } = fakeDirectory();
    for (const text of ["", "{}", "[]", '{"format":2,"revision":"x","createdAt":0,"catchAll":null,"subaddressing":true,"closing":false}', '{"format":1,"revision":"x","createdAt":0}']) {
      await store.put(key, Buffer.from(text), {});
      assert.equal((await directory.changeDomain(domain("example.test"), { subaddressing: false })).kind, "unavailable", text);
      assert.equal((await recipients.resolve(address("user@example.test"))).kind, "unavailable", text);
      assert.equal(store.peek(key)?.toString(), text);
    }
  });
});
