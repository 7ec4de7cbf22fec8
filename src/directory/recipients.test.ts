import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { address, domain, fakeDirectory } from "./directory-world.fake.ts";

describe("who an address stands for", () => {
  test("an account, in any case, with its detail", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const id = await addAccount("user@example.test");
    assert.deepEqual(await recipients.resolve(address("USER@Example.test")), { kind: "local", accountIds: [id], remote: [], detail: null });
    assert.deepEqual(await recipients.resolve(address("user+lists@example.test")), { kind: "local", accountIds: [id], remote: [], detail: "lists" });
    assert.deepEqual(await recipients.resolve(address("nobody@example.test")), { kind: "unknown-user" });
    assert.deepEqual(await recipients.resolve(address("user@elsewhere.test")), { kind: "unknown-domain" });
  });

  test("an address that was made with a plus comes before the one without", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const user = await addAccount("user@example.test");
    const own = await addAccount("user+own@example.test");
    assert.deepEqual(await recipients.resolve(address("user+own@example.test")), { kind: "local", accountIds: [own], remote: [], detail: null });
    assert.deepEqual(await recipients.resolve(address("user+other@example.test")), { kind: "local", accountIds: [user], remote: [], detail: "other" });
    await directory.changeDomain(domain("example.test"), { subaddressing: false });
    assert.deepEqual(await recipients.resolve(address("user+other@example.test")), { kind: "unknown-user" });
  });

  test("aliases are followed, here and elsewhere, each target once, round loops", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const [a, b] = [await addAccount("a@example.test"), await addAccount("b@example.test")];
    await directory.addAlias(address("all@example.test"), ["a", "team", "all"].map((name) => address(`${name}@example.test`)));
    await directory.addAlias(address("team@example.test"), [address("b@example.test"), address("all@example.test"), address("x@elsewhere.test"), address("gone@example.test")]);
    assert.deepEqual(await recipients.resolve(address("all@example.test")), { kind: "local", accountIds: [a, b], remote: [address("x@elsewhere.test")], detail: null });
    await directory.addAlias(address("round@example.test"), [address("round@example.test")]);
    assert.deepEqual(await recipients.resolve(address("round@example.test")), { kind: "unknown-user" });
  });

  test("aliases 10 deep are followed, 11 deep are not guessed at", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const id = await addAccount("a0@example.test");
    for (let i = 1; i <= 11; i++) await directory.addAlias(address(`a${i}@example.test`), [address(`a${i - 1}@example.test`)]);
    assert.deepEqual(await recipients.resolve(address("a10@example.test")), { kind: "local", accountIds: [id], remote: [], detail: null });
    assert.equal((await recipients.resolve(address("a11@example.test"))).kind, "unavailable");
  });

  test("100 recipients are given, 101 are not cut short", async () => {
    const { directory, recipients } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const list = address("list@example.test");
    await directory.addAlias(list, Array.from({ length: 99 }, (_, i) => address(`a${i}@elsewhere.test`)));
    await directory.addAlias(list, [address("more@example.test")]);
    await directory.addAlias(address("more@example.test"), [address("b0@elsewhere.test")]);
    const full = await recipients.resolve(list);
    assert.equal(full.kind === "local" && full.remote.length, 100);
    await directory.addAlias(address("more@example.test"), [address("b1@elsewhere.test")]);
    assert.equal((await recipients.resolve(list)).kind, "unavailable");
  });

  test("the catch-all gets what nobody else does", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const [all, user] = [await addAccount("all@example.test"), await addAccount("user@example.test")];
    await directory.changeDomain(domain("example.test"), { catchAll: address("all@example.test") });
    assert.deepEqual(await recipients.resolve(address("anything@example.test")), { kind: "local", accountIds: [all], remote: [], detail: null });
    assert.deepEqual(await recipients.resolve(address("user@example.test")), { kind: "local", accountIds: [user], remote: [], detail: null });
    await directory.changeDomain(domain("example.test"), { catchAll: address("missing@example.test") });
    assert.deepEqual(await recipients.resolve(address("anything@example.test")), { kind: "unknown-user" });
  });

  test("a disabled account is said to be disabled, unless others get the mail", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    await addAccount("off@example.test");
    const on = await addAccount("on@example.test");
    await directory.setDisabled(address("off@example.test"), true);
    await directory.addAlias(address("both@example.test"), [address("off@example.test"), address("on@example.test")]);
    assert.deepEqual(await recipients.resolve(address("off@example.test")), { kind: "disabled" });
    assert.deepEqual(await recipients.resolve(address("both@example.test")), { kind: "local", accountIds: [on], remote: [], detail: null });
  });

  test("a store that fails is not an unknown user", async () => {
    let broken = false;
    const { directory, recipients } = fakeDirectory({ fail: () => (broken ? { failure: "before" } : null) });
    await directory.addDomain(domain("example.test"));
    broken = true;
    assert.equal((await recipients.resolve(address("user@example.test"))).kind, "unavailable");
    assert.equal(await recipients.owns("x", address("user@example.test")), "unavailable");
  });
});

describe("postmaster@ and abuse@ (RFC 2142)", () => {
  test("go to the address that was made, the setting, the catch-all, the domain's oldest account, the oldest of all, in this order", async () => {
    const world = fakeDirectory({ postmaster: "operator@first.test" });
    const { directory, recipients, addAccount } = world;
    await directory.addDomain(domain("first.test"));
    await directory.addDomain(domain("second.test"));
    const who = async (text: string): Promise<unknown> => {
      const found = await recipients.resolve(address(text));
      return found.kind === "local" ? found.accountIds : found.kind;
    };
    assert.equal(await who("postmaster@second.test"), "unknown-user", "there is nobody at all yet");
    const oldest = await addAccount("zoe@first.test");
    assert.deepEqual(await who("Postmaster@second.test"), [oldest]);
    const second = await addAccount("zed@second.test");
    await addAccount("adam@second.test");
    assert.deepEqual(await who("abuse+x@second.test"), [second]);
    const catchAll = await addAccount("all@second.test");
    await directory.changeDomain(domain("second.test"), { catchAll: address("all@second.test") });
    assert.deepEqual(await who("abuse@second.test"), [catchAll]);
    const operator = await addAccount("operator@first.test");
    assert.deepEqual(await who("abuse@second.test"), [operator]);
    const own = await addAccount("abuse@second.test");
    assert.deepEqual(await who("abuse@second.test"), [own]);
    assert.equal(await who("postmaster@third.test"), "unknown-domain");
  });

  test("a setting that names itself does not go round", async () => {
    const { directory, recipients, addAccount } = fakeDirectory({ postmaster: "postmaster@example.test" });
    await directory.addDomain(domain("example.test"));
    const id = await addAccount("user@example.test");
    assert.deepEqual(await recipients.resolve(address("postmaster@example.test")), { kind: "local", accountIds: [id], remote: [], detail: null });
  });

  test("pass over disabled accounts", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    await addAccount("off@example.test");
    const on = await addAccount("on@example.test");
    await directory.setDisabled(address("off@example.test"), true);
    assert.deepEqual(await recipients.resolve(address("abuse@example.test")), { kind: "local", accountIds: [on], remote: [], detail: null });
  });
});

describe("which addresses an account may write as", () => {
  test("its own, with details, and aliases that stand for it alone", async () => {
    const { directory, recipients, addAccount } = fakeDirectory();
    await directory.addDomain(domain("example.test"));
    const [a, b] = [await addAccount("a@example.test"), await addAccount("b@example.test")];
    await directory.addAlias(address("alone@example.test"), [address("a@example.test")]);
    await directory.addAlias(address("shared@example.test"), [address("a@example.test"), address("b@example.test")]);
    await directory.addAlias(address("partly@example.test"), [address("a@example.test"), address("x@elsewhere.test")]);
    await directory.changeDomain(domain("example.test"), { catchAll: address("a@example.test") });
    const cases: readonly (readonly [string, boolean])[] = [
      ["A@example.test", true], ["a+x@example.test", true], ["alone@example.test", true], ["alone+x@example.test", true],
      ["shared@example.test", false], ["partly@example.test", false], ["b@example.test", false], ["nobody@example.test", false], ["a@elsewhere.test", false],
      ["postmaster@example.test", false],
    ];
    for (const [text, owned] of cases) assert.equal(await recipients.owns(a, address(text)), owned, text);
    assert.equal(await recipients.owns(b, address("b@example.test")), true);
  });
});
