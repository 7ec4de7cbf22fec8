/** The accounts this process holds in memory: opened when somebody needs them, dropped when nobody does and memory is short. */
import { assert } from "../base/assert.ts";
import { Journal, type JournalWorld } from "../journal/journal.ts";
import type { Keyring } from "../journal/keyring.ts";
import { LIST_LIMIT_MAX } from "../port/object-store.ts";
import { Account, type BodyCache } from "./account.ts";
import { done, failureOf, type Outcome } from "./failure.ts";
import { accountMachine } from "./machine.ts";
import { createFirstMailboxes } from "./mailbox-names.ts";

/** An account in use. Released exactly once, when the session or the delivery ends. */
export interface AccountLease {
  readonly account: Account;
  release(): void;
}
interface Held {
  readonly account: Account;
  uses: number;
}
export interface AccountsOptions {
  /** Octets of accounts that nobody uses and that are kept for the next to come. */
  readonly idleBytesMax: number;
  readonly bodies: BodyCache;
  /** How long expunged messages can be brought back; 0, or absent: not at all. */
  readonly keepExpungedMs?: number;
}

const RELEASES_BETWEEN_COUNTS = 64;

export class Accounts {
  readonly #world: JournalWorld;
  readonly #keyring: Keyring;
  readonly #options: AccountsOptions;
  /** In order of last use. */
  readonly #held = new Map<string, Held>();
  #releases = 0;
  readonly #opening = new Map<string, Promise<Outcome<Held>>>();

  constructor(world: JournalWorld, keyring: Keyring, options: AccountsOptions) {
    this.#world = world;
    this.#keyring = keyring;
    this.#options = options;
  }

  /** Makes the account's key and first mailboxes, where they are not there yet. */
  async create(id: string): Promise<Outcome<null>> {
    const key = await this.#keyring.openOrCreate(prefixOf(id));
    if (key.kind === "failure") return failureOf(key);
    const lease = await this.use(id);
    if (lease.kind !== "done") return lease;
    const made = await createFirstMailboxes(lease.value.account);
    lease.value.release();
    return made;
  }

  /** `closed`: the account has no key (any more). */
  async use(id: string): Promise<Outcome<AccountLease>> {
    const held = this.#held.get(id) ?? (await this.#open(id));
    if ("kind" in held) {
      if (held.kind !== "done") return held;
      return done(this.#lease(held.value));
    }
    return done(this.#lease(held));
  }
  #lease(held: Held): AccountLease {
    held.uses += 1;
    this.#held.delete(held.account.id);
    this.#held.set(held.account.id, held);
    let released = false;
    return {
      account: held.account,
      release: () => {
        assert(!released, "a lease is released once");
        released = true;
        held.uses -= 1;
        if (held.uses === 0) this.#drop();
      },
    };
  }
  #open(id: string): Promise<Outcome<Held>> {
    const opening = this.#opening.get(id) ?? this.#openNow(id).finally(() => this.#opening.delete(id));
    this.#opening.set(id, opening);
    return opening;
  }
  async #openNow(id: string): Promise<Outcome<Held>> {
    const prefix = prefixOf(id);
    const key = await this.#keyring.open(prefix);
    if (key.kind === "failure") return failureOf(key);
    if (key.kind === "absent") return { kind: "closed" };
    const opened = await Journal.open(prefix, this.#world, key.cipher, accountMachine);
    if (opened.kind === "failed") return failureOf(opened.failure);
    const held = { account: new Account(id, opened.journal, { quotaBytes: Infinity, bodies: this.#options.bodies, keepExpungedMs: this.#options.keepExpungedMs ?? 0 }), uses: 0 };
    this.#held.set(id, held);
    return done(held);
  }
  /** Forgets accounts that nobody uses, oldest first, until the rest fits. Counting costs, so not at every release. */
  #drop(): void {
    this.#releases += 1;
    if (this.#releases % RELEASES_BETWEEN_COUNTS !== 0) return;
    let bytes = 0;
    for (const held of this.#held.values()) if (held.uses === 0) bytes += held.account.memoryBytes;
    for (const [id, held] of this.#held) {
      if (bytes <= this.#options.idleBytesMax) return;
      if (held.uses > 0) continue;
      this.#held.delete(id);
      bytes -= held.account.memoryBytes;
    }
  }
  get openCount(): number {
    return this.#held.size;
  }

  /**
   * Erases an account: no node writes to it any more, then its key is destroyed, which makes every copy of its octets
   * unreadable, then the objects are deleted. May be called again after a failure.
   */
  async erase(id: string): Promise<Outcome<null>> {
    const lease = await this.use(id);
    if (lease.kind === "done") {
      const closed = await lease.value.account.journal.commit<null>((state, draft) => {
        if (state.closed) return { kind: "nothing", result: null };
        if (!draft.isEmpty) return { kind: "later" };
        draft.structural = true;
        draft.ops.push({ kind: "close" });
        return { kind: "write", result: null };
      });
      lease.value.release();
      if (closed.kind === "failed") return failureOf(closed.failure);
    } else if (lease.kind !== "closed") return lease;
    const failure = await this.#keyring.destroy(prefixOf(id));
    if (failure !== null) return failureOf(failure);
    this.#held.delete(id);
    for (;;) {
      const page = await this.#world.store.list(prefixOf(id), { limit: LIST_LIMIT_MAX });
      if (page.kind === "failure") return failureOf(page);
      if (page.keys.length === 0) return done(null);
      for (const key of page.keys) {
        const deleted = await this.#world.store.delete(key);
        if (deleted.kind === "failure") return failureOf(deleted);
      }
    }
  }
}

export function prefixOf(id: string): string {
  return `a/${id}/`;
}
