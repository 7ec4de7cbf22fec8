import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FakeClock } from "../port/clock.fake.ts";
import { address, domain, fakeDirectory, ITERATIONS } from "./directory-world.fake.ts";
import { LOOKUP_AGE_MS_MAX, VERIFIED_AGE_MS_MAX } from "./limits.ts";
import { AgingMap } from "./lookup.ts";

async function worldWithUser(options: Parameters<typeof fakeDirectory>[0] = {}) {
  const world = fakeDirectory(options);
  await world.directory.addDomain(domain("example.test"));
  const accountId = await world.addAccount("User@example.test", "pass word");
  return { ...world, accountId, accepted: { kind: "accepted", login: { accountId, name: "User@example.test" } } };
}
const refused = { kind: "refused" };

describe("logins", () => {
  test("are full addresses in any case, and nothing else", async () => {
    const { logins, directory, accepted } = await worldWithUser();
    await directory.addAlias(address("alias@example.test"), [address("user@example.test")]);
    assert.deepEqual(await logins.verifyPassword("uSeR@EXAMPLE.test", "pass word"), accepted);
    for (const name of ["user", "", "@", "user@", "alias@example.test", "user+x@example.test", "user@elsewhere.test", "x".repeat(5000), "user@example.test\0"]) {
      assert.deepEqual(await logins.verifyPassword(name, "pass word"), refused, name.slice(0, 40));
    }
    assert.deepEqual(await logins.verifyPassword("user@example.test", "pass  word"), refused);
    assert.deepEqual(await logins.loginOf("USER@example.test"), accepted);
    assert.deepEqual(await logins.loginOf("alias@example.test"), refused);
  });

  test("may be a bare local part where a default domain is set", async () => {
    const { logins, accepted } = await worldWithUser({ defaultDomain: "example.test" });
    assert.deepEqual(await logins.verifyPassword("user", "pass word"), accepted);
    assert.deepEqual(await logins.loginOf("USER"), accepted);
  });

  test("are refused while the account is disabled", async () => {
    const { logins, directory, accepted } = await worldWithUser();
    assert.deepEqual(await logins.verifyPassword("user@example.test", "pass word"), accepted);
    await directory.setDisabled(address("user@example.test"), true);
    assert.deepEqual(await logins.verifyPassword("user@example.test", "pass word"), refused);
    assert.deepEqual(await logins.loginOf("user@example.test"), refused);
  });

  test("are unavailable, not refused, while the store is", async () => {
    let broken = false;
    const { logins, clock } = await worldWithUser({ fail: () => (broken ? { failure: "before" } : null) });
    broken = true;
    await clock.advance(LOOKUP_AGE_MS_MAX);
    assert.deepEqual(await logins.verifyPassword("user@example.test", "pass word"), { kind: "unavailable" });
    assert.deepEqual(await logins.scramCredentials("nobody@example.test"), { kind: "unavailable" });
  });
});

describe("a password that was right", () => {
  test("is not computed again for five minutes, and a wrong one always is", async () => {
    const { logins, clock, checks } = await worldWithUser();
    const login = (password: string) => logins.verifyPassword("user@example.test", password);
    await login("pass word");
    await login("pass word");
    assert.equal(checks.count, 1);
    await login("wrong");
    await login("wrong");
    assert.equal(checks.count, 3);
    await clock.advance(VERIFIED_AGE_MS_MAX);
    await login("pass word");
    assert.equal(checks.count, 4);
  });

  test("is wrong as soon as it was changed here, and within two seconds where another process changed it", async () => {
    const world = await worldWithUser();
    const login = (password: string) => world.logins.verifyPassword("user@example.test", password);
    assert.deepEqual(await login("pass word"), world.accepted);
    await world.directory.setPassword(address("user@example.test"), "second");
    assert.deepEqual(await login("pass word"), refused);
    assert.deepEqual(await login("second"), world.accepted);
    await world.another().directory.setPassword(address("user@example.test"), "third");
    await world.clock.advance(LOOKUP_AGE_MS_MAX);
    assert.deepEqual(await login("second"), refused);
    assert.deepEqual(await login("third"), world.accepted);
  });

  test("is computed once for many connections at the same time", async () => {
    const { logins, checks, accepted } = await worldWithUser();
    const answers = await Promise.all(Array.from({ length: 50 }, () => logins.verifyPassword("user@example.test", "pass word")));
    assert(answers.every((answer) => answer.kind === "accepted"));
    assert.deepEqual(answers[49], accepted);
    assert.equal(checks.count, 1);
  });

  test("has to wait when too many are being computed", async () => {
    const { logins } = await worldWithUser();
    const answers = await Promise.all(Array.from({ length: 257 }, (_, i) => logins.verifyPassword("user@example.test", `wrong ${i}`)));
    assert.equal(answers.filter((answer) => answer.kind === "unavailable").length, 1);
    assert.equal(answers.filter((answer) => answer.kind === "refused").length, 256);
  });
});

describe("an unknown login (RFC 5802 section 9)", () => {
  test("costs a computation and has the same credentials in every spelling and process", async () => {
    const world = await worldWithUser();
    await world.logins.verifyPassword("nobody@example.test", "x");
    assert.equal(world.checks.count, 1);
    const first = await world.logins.scramCredentials("nobody@example.test");
    assert.deepEqual(await world.logins.scramCredentials("Nobody@EXAMPLE.test"), first);
    assert.deepEqual(await world.another().logins.scramCredentials("nobody@example.test"), first);
    assert(first.kind === "credentials");
    assert.deepEqual([first.credentials.iterations, first.credentials.salt.length], [ITERATIONS, 16]);
    const other = await world.logins.scramCredentials("nobody2@example.test");
    assert(other.kind === "credentials" && !other.credentials.salt.equals(first.credentials.salt));
  });
});

describe("what was found", () => {
  test("is kept for a bounded time and in bounded number", async () => {
    const clock = new FakeClock();
    const map = new AgingMap<number>(clock, { entriesMax: 2, ageMsMax: 100 });
    map.set("a", 1);
    map.set("b", 2);
    map.set("a", 3);
    map.set("c", 4);
    assert.deepEqual([map.get("a"), map.get("b"), map.get("c"), map.size], [3, undefined, 4, 2]);
    await clock.advance(100);
    assert.deepEqual([map.get("a"), map.get("c"), map.size], [undefined, undefined, 0]);
  });
  test("and what was not found is asked for again at once", async () => {
    const world = fakeDirectory();
    const other = world.another();
    await world.directory.addDomain(domain("example.test"));
    assert.deepEqual(await other.recipients.resolve(address("user@example.test")), { kind: "unknown-user" });
    const id = await world.addAccount("user@example.test");
    assert.deepEqual(await other.recipients.resolve(address("user@example.test")), { kind: "local", accountIds: [id], remote: [], detail: null });
  });
});
