import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Keyring } from "../journal/keyring.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { domain, fakeDirectory } from "./directory-world.fake.ts";
import { dkimKey } from "./keys.ts";
import { LOOKUP_AGE_MS_MAX } from "./limits.ts";
import { SigningKeys } from "./signing-keys.ts";

const MASTER = Buffer.alloc(32, 3);
const HERE = domain("example.test");

async function world(fail: (operation: string, key: string) => { failure: "before" } | null = () => null) {
  const made = fakeDirectory({ fail });
  await made.directory.addDomain(HERE);
  const keys = (): SigningKeys => new SigningKeys({ store: made.store, keyring: new Keyring(made.store, MASTER, new FakeRandom(7)), clock: made.clock, random: new FakeRandom(8) });
  return { ...made, keys: keys(), anotherProcess: keys };
}
const selectors = async (keys: SigningKeys): Promise<string[]> => {
  const answer = await keys.activeKeys(HERE);
  assert(answer.kind === "keys", JSON.stringify(answer));
  return answer.keys.map(({ selector, algorithm }) => `${selector} ${algorithm}`);
};

describe("signing keys", () => {
  test("sign once they are active, RSA first, in every process on the store", async () => {
    const { keys, anotherProcess } = await world();
    assert.equal((await keys.generate(HERE, "e1", "ed25519")).kind, "added");
    assert.equal((await keys.generate(HERE, "r1", "rsa")).kind, "added");
    assert.deepEqual(await selectors(keys), []);
    for (const selector of ["e1", "r1"]) assert.equal((await keys.setState(HERE, selector, "active")).kind, "done");
    assert.deepEqual(await selectors(keys), ["r1 rsa-sha256", "e1 ed25519-sha256"]);
    assert.deepEqual(await selectors(anotherProcess()), ["r1 rsa-sha256", "e1 ed25519-sha256"]);
  });

  test("what another process activates signs within two seconds", async () => {
    const { keys, anotherProcess, clock } = await world();
    await keys.generate(HERE, "e1", "ed25519");
    assert.deepEqual(await selectors(keys), []);
    await anotherProcess().setState(HERE, "e1", "active");
    await clock.advance(LOOKUP_AGE_MS_MAX);
    assert.deepEqual(await selectors(keys), ["e1 ed25519-sha256"]);
  });

  test("of one algorithm one signs at a time: activation retires the one before", async () => {
    const { keys, clock } = await world();
    for (const selector of ["e1", "e2"]) {
      await keys.generate(HERE, selector, "ed25519");
      await clock.advance(1000);
      await keys.setState(HERE, selector, "active");
    }
    assert.deepEqual(await selectors(keys), ["e2 ed25519-sha256"]);
    const listed = await keys.list(HERE);
    assert.deepEqual(listed.kind === "list" && listed.entries.map(({ selector, state, retiredAt }) => [selector, state, retiredAt !== null]), [["e1", "retired", true], ["e2", "active", false]]);
    assert.equal((await keys.setState(HERE, "e1", "active")).kind, "done", "a retired key may sign again");
    assert.deepEqual(await selectors(keys), ["e1 ed25519-sha256"]);
  });

  test("states are entered only from where a way leads to them", async () => {
    const { keys } = await world();
    await keys.generate(HERE, "e1", "ed25519");
    assert.deepEqual(await keys.setState(HERE, "e1", "retired"), { kind: "refused", from: "pending" });
    assert.equal((await keys.setState(HERE, "e1", "published")).kind, "done");
    assert.equal((await keys.setState(HERE, "e1", "active")).kind, "done");
    assert.deepEqual(await keys.setState(HERE, "e1", "published"), { kind: "refused", from: "active" });
    const revoked = await keys.setState(HERE, "e1", "revoked");
    assert.equal(revoked.kind === "done" && revoked.key.sealed, null);
    assert.deepEqual(await keys.setState(HERE, "e1", "active"), { kind: "refused", from: "revoked" });
    assert.deepEqual(await selectors(keys), []);
    assert.deepEqual(await keys.setState(HERE, "none", "active"), { kind: "absent" });
  });

  test("need a hosted domain, a selector, and a name that was never used", async () => {
    const { keys } = await world();
    assert.deepEqual(await keys.generate(domain("elsewhere.test"), "s", "ed25519"), { kind: "unknown-domain" });
    for (const selector of ["", "a b", "-", "a..b", "ä"]) assert.equal((await keys.generate(HERE, selector, "ed25519")).kind, "unusable", selector);
    assert.equal((await keys.generate(HERE, "s", "ed25519")).kind, "added");
    assert.deepEqual(await keys.generate(HERE, "S", "rsa"), { kind: "exists" });
    await keys.setState(HERE, "s", "revoked");
    assert.deepEqual(await keys.generate(HERE, "s", "ed25519"), { kind: "exists" });
  });

  test("lie sealed in the store, each in its own place", async () => {
    const { keys, anotherProcess, store, clock } = await world();
    for (const selector of ["e1", "e2"]) await keys.generate(HERE, selector, "ed25519");
    for (const key of store.keys()) assert.doesNotMatch(store.peek(key)!.toString("latin1"), /PRIVATE KEY/);
    await keys.setState(HERE, "e1", "active");
    const [one, two] = [dkimKey(HERE, "e1")!, dkimKey(HERE, "e2")!];
    const swapped = { ...JSON.parse(store.peek(one)!.toString()), sealed: JSON.parse(store.peek(two)!.toString()).sealed };
    await store.put(one, Buffer.from(JSON.stringify(swapped)), {});
    const answer = await anotherProcess().activeKeys(HERE);
    assert.equal(answer.kind, "unavailable");
    await clock.advance(LOOKUP_AGE_MS_MAX);
    assert.equal((await keys.activeKeys(HERE)).kind, "unavailable");
  });

  test("go with their domain, and only those", async () => {
    const { keys, directory, store } = await world();
    await directory.addDomain(domain("example.test.example"));
    await keys.generate(HERE, "e1", "ed25519");
    await keys.generate(domain("example.test.example"), "e1", "ed25519");
    assert.deepEqual(await keys.removeDomain(HERE), { kind: "done" });
    assert.deepEqual(store.keys().filter((key) => key.startsWith("d/dkim/")), ["d/dkim/example.test.example/e1"]);
    const all = await keys.list(null);
    assert.deepEqual(all.kind === "list" && all.entries.map((entry) => entry.domain), ["example.test.example"]);
  });

  test("are unavailable while the store is, and only so long", async () => {
    let failing = false;
    const { keys } = await world((_, key) => (failing && key.startsWith("d/dkim") ? { failure: "before" } : null));
    await keys.generate(HERE, "e1", "ed25519");
    await keys.setState(HERE, "e1", "active");
    failing = true;
    assert.equal((await keys.activeKeys(HERE)).kind, "unavailable");
    failing = false;
    assert.deepEqual(await selectors(keys), ["e1 ed25519-sha256"]);
  });
});
