/** A directory over a store in memory, with few iterations so that tests are quick. */
import { parseAddress, type Address, type Domain } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { assert } from "../base/assert.ts";
import { FakeClock } from "../port/clock.fake.ts";
import { MemoryStore, type MemoryStoreOptions } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { verifyPassword } from "../sasl/password.ts";
import { Directory } from "./directory.ts";
import { Logins } from "./logins.ts";
import { Lookup } from "./lookup.ts";
import { Recipients } from "./recipients.ts";

export const ITERATIONS = 4096;

export function address(text: string): Address {
  const parsed = parseAddress(text);
  assert(parsed !== null, `${text} is an address`);
  return parsed;
}
export function domain(text: string): Domain {
  const parsed = parseDomain(text);
  assert(parsed !== null, `${text} is a domain`);
  return parsed;
}

export interface FakeDirectoryWorld {
  readonly store: MemoryStore;
  readonly clock: FakeClock;
  readonly directory: Directory;
  readonly recipients: Recipients;
  readonly logins: Logins;
  /** How many passwords went through PBKDF2. */
  readonly checks: { count: number };
  /** The accounts that hold something; `failing` makes it impossible to change that. */
  readonly contents: { readonly held: Set<string>; failing: boolean };
  /** Another process on the same store. */
  another(): FakeDirectoryWorld;
  addAccount(text: string, password?: string): Promise<string>;
}

export function fakeDirectory(options: MemoryStoreOptions & { readonly postmaster?: string; readonly defaultDomain?: string } = {}): FakeDirectoryWorld {
  return worldOver(new MemoryStore(options), new FakeClock(), options, 1);
}

function worldOver(store: MemoryStore, clock: FakeClock, options: { readonly postmaster?: string; readonly defaultDomain?: string }, seed: number): FakeDirectoryWorld {
  const random = new FakeRandom(seed);
  const lookup = new Lookup(store, clock);
  const checks = { count: 0 };
  const contents = { held: new Set<string>(), failing: false };
  const change = async (apply: () => void) => {
    if (contents.failing) return { kind: "unavailable" as const, detail: "told to fail" };
    apply();
    return { kind: "done" as const };
  };
  const directory = new Directory({
    store, lookup, clock, random, iterations: ITERATIONS,
    contents: { prepare: (id) => change(() => contents.held.add(id)), erase: (id) => change(() => contents.held.delete(id)) },
  });
  const logins = new Logins({
    store, lookup, clock, random, iterations: ITERATIONS, defaultDomain: options.defaultDomain === undefined ? null : domain(options.defaultDomain),
    verify: (credentials, password) => {
      checks.count++;
      return verifyPassword(credentials, password);
    },
  });
  return {
    store, clock, directory, logins, checks, contents,
    recipients: new Recipients({ store, lookup, postmaster: options.postmaster === undefined ? null : address(options.postmaster) }),
    another: () => worldOver(store, clock, options, seed + 1000),
    addAccount: async (text, password = "secret") => {
      await clock.advance(1);
      const added = await directory.addAccount({ address: address(text), password });
      assert(added.kind === "added", `${text}: ${JSON.stringify(added)}`);
      return added.accountId;
    },
  };
}
