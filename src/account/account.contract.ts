/** A world for tests of accounts: nodes over one store in memory, and what they are asked most. */
import assert from "node:assert/strict";
import { Keyring } from "../journal/keyring.ts";
import { FakeClock } from "../port/clock.fake.ts";
import type { Hints } from "../port/hints.ts";
import { FakeLog } from "../port/log.fake.ts";
import { MemoryStore, type StoreFault, type StoreOperation } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import { type Account, newBodyCache } from "./account.ts";
import { Accounts } from "./accounts.ts";
import { appendMessages, type NewMessage } from "./append.ts";
import type { Outcome } from "./failure.ts";
import { flagNames, flagSetOf } from "./flags.ts";

export class AccountWorld {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly puts: string[] = [];
  fault: ((operation: StoreOperation, key: string) => StoreFault | null) | null = null;
  readonly store = new MemoryStore({
    fail: (operation, key) => {
      if (operation === "put") this.puts.push(key);
      return this.fault?.(operation, key) ?? null;
    },
  });
  readonly #options: { readonly keepExpungedMs?: number };
  #seed = 1;

  constructor(options: { readonly keepExpungedMs?: number } = {}) {
    this.#options = options;
  }

  /** Another node: nothing in common with the others but the store. */
  async node(id = "test", hints?: Hints): Promise<Account> {
    const random = new FakeRandom(this.#seed++);
    const keyring = new Keyring(this.store, Buffer.alloc(32, 7), random);
    const accounts = new Accounts({ store: this.store, clock: this.clock, random, log: this.log, ...(hints === undefined ? {} : { hints }) }, keyring, { idleBytesMax: 0, bodies: newBodyCache(1024 * 1024), ...this.#options });
    must(await accounts.create(id));
    return must(await accounts.use(id)).account;
  }
}

export function must<T>(outcome: Outcome<T>): T {
  assert.equal(outcome.kind, "done", JSON.stringify(outcome));
  return outcome.kind === "done" ? outcome.value : assert.fail();
}
export function letter(text: string, flags: readonly string[] = []): NewMessage {
  return { content: Buffer.from(`Subject: ${text}\r\n\r\n${text}\r\n`), flags: flagSetOf(flags), internalDate: null };
}
export async function append(account: Account, name: string, ...messages: NewMessage[]): Promise<readonly number[]> {
  return must(await appendMessages(account, (state) => state.byName.get(name) ?? null, messages)).uids;
}
/** What a mailbox holds: "uid text flags", in order. Reads every body. */
export async function contents(account: Account, name: string): Promise<string[]> {
  must(await account.refresh());
  const { mailbox, columns } = must(await account.load(account.mailboxNamed(name)!.id));
  assert.equal(mailbox.exists, columns.count, "the counter of messages");
  assert.equal(mailbox.unseen, columns.unseen(), "the counter of unseen ones");
  const lines: string[] = [];
  for (let row = 0; row < columns.count; row++) {
    const content = must(await account.content(columns.bodyAt(row)));
    assert.equal(content.length, columns.size[row]);
    const text = /^Subject: (.*)\r$/m.exec(content.toString())?.[1];
    lines.push([columns.uid[row], text, ...flagNames({ low: columns.low[row]!, high: columns.high[row]! }, mailbox.keywords)].join(" "));
  }
  return lines;
}
