/**
 * Two clients work on one mailbox, one after the other and at the same time, in one process and in two. What each client
 * makes of the untagged responses must be the mailbox as it is, once both have said NOOP.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { flagNames } from "../account/flags.ts";
import { ImapWorld, type ImapClient } from "./imap-world.fake.ts";

interface Known {
  uid: number | null;
  flags: readonly string[] | null;
}
type Mode = "" | "+" | "-";
type Action =
  | { readonly kind: "noop" | "check" | "expunge" | "idle" | "search" | "uid search" | "deliver" | "append" | "rename" | "select" }
  | { readonly kind: "fetch" | "body"; readonly at: number; readonly uid: boolean }
  | { readonly kind: "store"; readonly at: readonly number[]; readonly uid: boolean; readonly mode: Mode; readonly silent: boolean; readonly flags: readonly string[] }
  | { readonly kind: "copy" | "move" | "uid expunge"; readonly at: readonly number[]; readonly uid: boolean; readonly to: string };

/** What one client knows, and how it follows the rules of RFC 9051 section 7. */
class ClientView {
  readonly messages: Known[] = [];
  readonly client: ImapClient;
  #tag = 0;

  constructor(client: ImapClient) {
    this.client = client;
  }
  async do(action: Action, world: ImapWorld): Promise<void> {
    if (action.kind === "deliver") return void (await world.deliver("INBOX", ["Subject: new\r\n\r\nnew\r\n"]));
    if (action.kind === "select") this.messages.length = 0;
    const command = this.#command(action);
    if (command === null) return;
    const tag = `x${++this.#tag}`;
    this.client.send(`${tag} ${command}\r\n`);
    if (action.kind === "idle") {
      assert.deepEqual((await this.#hear(tag, null)).slice(-1), ["+ Idling"]);
      this.client.send("DONE\r\n");
    }
    const told = new Set<Known>();
    const targets = action.kind === "store" ? this.#numbers(action).map((number) => this.messages[number - 1]!) : [];
    const completion = (await this.#hear(tag, told, action)).at(-1)!;
    assert.match(completion, new RegExp(`^${tag} (OK|NO \\[EXPUNGEISSUED\\])`), command);
    if (action.kind === "store" && action.silent && completion.includes(" OK ")) assume(action, targets, told);
  }
  #numbers(action: { readonly at: readonly number[] }): number[] {
    return [...new Set(action.at.map((at) => (at % this.messages.length) + 1))];
  }
  #set(action: { readonly at: readonly number[]; readonly uid: boolean }): string | null {
    if (this.messages.length === 0) return null;
    const numbers = this.#numbers(action);
    if (!action.uid) return numbers.join(",");
    const uids = numbers.map((number) => this.messages[number - 1]!.uid).filter((uid) => uid !== null);
    return uids.length === 0 ? null : uids.join(",");
  }
  #command(action: Action): string | null {
    switch (action.kind) {
      case "deliver": return null;
      case "idle": case "noop": case "check": case "expunge": return action.kind.toUpperCase();
      case "select": return "SELECT INBOX";
      case "search": return "SEARCH ALL";
      case "uid search": return "UID SEARCH ALL";
      case "append": return "APPEND INBOX (\\Draft) {3+}\r\nabc";
      case "rename": return `RENAME INBOX old/${this.client.server.id}/${++this.#tag}`;
      case "fetch": case "body": {
        const set = this.#set({ at: [action.at], uid: action.uid });
        return set === null ? null : `${action.uid ? "UID " : ""}FETCH ${set} ${action.kind === "body" ? "BODY[]" : "(UID FLAGS)"}`;
      }
      case "store": {
        const set = this.#set(action);
        return set === null ? null : `${action.uid ? "UID " : ""}STORE ${set} ${action.mode}FLAGS${action.silent ? ".SILENT" : ""} (${action.flags.join(" ")})`;
      }
      case "copy": case "move": case "uid expunge": {
        const set = this.#set({ at: action.at, uid: action.uid || action.kind === "uid expunge" });
        if (set === null) return null;
        return action.kind === "uid expunge" ? `UID EXPUNGE ${set}` : `${action.uid ? "UID " : ""}${action.kind.toUpperCase()} ${set} ${action.to}`;
      }
    }
  }
  async #hear(tag: string, told: Set<Known> | null, action?: Action): Promise<string[]> {
    const responses = await this.client.hearTo(tag);
    // RFC 9051 section 7.5.1: numbers shift only where the client can know.
    const fixed = action !== undefined && (action.kind === "search" || ((action.kind === "fetch" || action.kind === "body" || action.kind === "store") && !action.uid));
    for (const response of responses) {
      assert.ok(!fixed || !/^\* \d+ EXPUNGE/.test(response), `${response} while numbers are in use`);
      this.#learn(response, told);
    }
    return responses;
  }
  #learn(response: string, told: Set<Known> | null): void {
    const [, digits, what, rest = ""] = /^\* (\d+) (EXISTS|EXPUNGE|FETCH)(.*)$/s.exec(response) ?? [];
    const number = Number(digits);
    if (what === "EXISTS") {
      assert.ok(number >= this.messages.length, `${response} where ${this.messages.length} are known`);
      while (this.messages.length < number) this.messages.push({ uid: null, flags: null });
    } else if (what === "EXPUNGE") {
      assert.ok(number >= 1 && number <= this.messages.length, `${response} where ${this.messages.length} are known`);
      this.messages.splice(number - 1, 1);
    } else if (what === "FETCH") {
      const known = this.messages[number - 1];
      assert.ok(known !== undefined, `${response} where ${this.messages.length} are known`);
      const uid = /UID (\d+)/.exec(rest)?.[1];
      if (uid !== undefined) {
        assert.ok(known.uid === null || known.uid === Number(uid), `${response} where the UID was ${known.uid}`);
        known.uid = Number(uid);
      }
      const flags = /FLAGS \(([^)]*)\)/.exec(rest)?.[1];
      if (flags === undefined) return;
      known.flags = withoutRecent(flags.split(" "));
      told?.add(known);
    }
  }
}
/** RFC 9051 section 6.4.6: after .SILENT the client works out the flags itself, where it was not told. */
function assume(action: Extract<Action, { kind: "store" }>, targets: readonly Known[], told: ReadonlySet<Known>): void {
  for (const known of targets) {
    if (told.has(known) || (action.uid && known.uid === null)) continue;
    const before = known.flags;
    if (action.mode === "") known.flags = withoutRecent(action.flags);
    else if (before !== null) known.flags = withoutRecent(action.mode === "+" ? [...before, ...action.flags] : before.filter((flag) => !action.flags.includes(flag)));
  }
}
function withoutRecent(flags: readonly string[]): string[] {
  return [...new Set(flags.filter((flag) => flag !== "" && flag !== "\\Recent"))].sort();
}

/** UIDs and flags as the account has them. */
async function actual(world: ImapWorld, process: number): Promise<{ uid: number; flags: string[] }[]> {
  return world.account(async (account) => {
    assert.equal((await account.refresh()).kind, "done");
    const loaded = await account.load(account.mailboxNamed("INBOX")!.id);
    assert.ok(loaded.kind === "done");
    const { mailbox, columns } = loaded.value;
    return Array.from({ length: columns.count }, (_, at) => ({ uid: columns.uid[at]!, flags: withoutRecent(flagNames({ low: columns.low[at]!, high: columns.high[at]! }, mailbox.keywords)) }));
  }, { process });
}
async function compare(view: ClientView, world: ImapWorld, process: number): Promise<void> {
  // Twice: what came between the first and its answer is told by the second.
  for (let i = 0; i < 2; i++) await view.do({ kind: "noop" }, world);
  const real = await actual(world, process);
  assert.equal(view.messages.length, real.length);
  view.messages.forEach(({ uid, flags }, at) => {
    if (uid !== null) assert.equal(uid, real[at]!.uid);
    if (flags !== null) assert.deepEqual(flags, real[at]!.flags, `flags of UID ${real[at]!.uid}`);
  });
  const fetched = await view.client.say("FETCH 1:* (UID FLAGS)");
  assert.equal(fetched.length, real.length + 1);
  assert.deepEqual(fetched.slice(0, -1).map((line) => ({ uid: Number(/UID (\d+)/.exec(line)![1]), flags: withoutRecent(/FLAGS \(([^)]*)\)/.exec(line)![1]!.split(" ")) })), real);
}

/** Time passes until it is done: writers that meet wait a little before they try again. */
async function passing(world: ImapWorld, work: Promise<unknown>): Promise<unknown> {
  let pending = true;
  const done = work.finally(() => { pending = false; });
  done.catch(() => {});
  for (let i = 0; pending && i < 2000; i++) await world.clock.advance(10);
  assert.ok(!pending, "it takes no more than 20 seconds");
  return done;
}

const at = fc.nat({ max: 5 });
const set = fc.array(at, { minLength: 1, maxLength: 3 });
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.constantFrom("noop", "check", "expunge", "idle", "search", "uid search", "deliver", "append", "rename", "select").map((kind) => ({ kind }) as Action),
  fc.record({ kind: fc.constantFrom("fetch", "body"), at, uid: fc.boolean() }),
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("store"), at: set, uid: fc.boolean(), mode: fc.constantFrom("", "+", "-"), silent: fc.boolean(), flags: fc.subarray(["\\Deleted", "\\Seen", "\\Flagged", "blue", "red"]) }) },
  fc.record({ kind: fc.constantFrom("copy", "move", "uid expunge"), at: set, uid: fc.boolean(), to: fc.constantFrom("INBOX", "Archive") }),
) as fc.Arbitrary<Action>;
/** One client acts, or both at once. */
const step = fc.oneof(fc.record({ who: fc.constantFrom(0, 1), action }), fc.record({ both: fc.tuple(action, action) }));

for (const processes of [1, 2]) {
  test(`two clients know the mailbox, in ${processes} process${processes === 1 ? "" : "es"}`, { timeout: 120_000 }, async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const world = await ImapWorld.open();
      await world.deliver("INBOX", Array.from({ length: 4 }, (_, n) => `Subject: ${n}\r\n\r\nx\r\n`));
      const views = [new ClientView(await world.login()), new ClientView(await world.login({ process: processes - 1 }))] as const;
      for (const view of views) await passing(world, view.do({ kind: "select" }, world));
      for (const taken of steps) {
        await passing(world, "who" in taken ? views[taken.who]!.do(taken.action, world) : Promise.all(taken.both.map((one, i) => views[i]!.do(one, world))));
      }
      for (const [i, view] of views.entries()) await passing(world, compare(view, world, i === 0 ? 0 : processes - 1));
      for (const view of views) await view.client.end();
      assert.deepEqual(world.faults, []);
    }), { numRuns: 25 });
  });
}
