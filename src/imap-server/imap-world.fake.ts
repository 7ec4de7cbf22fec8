/** Accounts over a store in memory, and clients of IMAP sessions over them: what a client says, and what it hears. */
import { Accounts } from "../account/accounts.ts";
import type { Account } from "../account/account.ts";
import { newBodyCache } from "../account/account.ts";
import { appendMessages } from "../account/append.ts";
import { flagSetOf } from "../account/flags.ts";
import { assert } from "../base/assert.ts";
import { Keyring } from "../journal/keyring.ts";
import { FakeClock } from "../port/clock.fake.ts";
import { FakeConnection } from "../port/connection.fake.ts";
import { DrainSwitch } from "../port/drain.ts";
import { FakeLog } from "../port/log.fake.ts";
import { noMetrics } from "../port/metrics.ts";
import { MemoryStore, type MemoryStoreOptions } from "../port/object-store.fake.ts";
import { FakeRandom } from "../port/random.fake.ts";
import type { Authenticator } from "../sasl/authenticator.ts";
import { FakeAuthenticator } from "../sasl/authenticator.fake.ts";
import { type ImapServerDeps, serveImap } from "./imap-server.ts";
import type { ImapServerSettings } from "./settings.ts";

export const START = Date.UTC(2026, 10, 24, 11, 15);
/** Names of the logins; each has the password `wonderland`. */
export const LOGINS = ["alice@example.test", "bob@example.test"] as const;
const SETTINGS: ImapServerSettings = {
  hostname: "imap.example.test", version: "0", messageBytesMax: 1_000_000, startTls: true, offerLogin: false, cleartextLoopback: false, recheckMs: 30_000,
};

export interface ImapWorldOptions {
  readonly settings?: Partial<ImapServerSettings>;
  readonly store?: MemoryStoreOptions;
  readonly quotaBytes?: number;
}
export interface ConnectOptions {
  readonly tls?: boolean;
  readonly address?: string;
  /** Another process over the same store, by number. */
  readonly process?: number;
}

export class ImapWorld {
  readonly clock = new FakeClock(START);
  readonly log = new FakeLog();
  readonly store: MemoryStore;
  readonly authenticator = new FakeAuthenticator(Object.fromEntries(LOGINS.map((name) => [name, "wonderland"])));
  /** Of every process. */
  readonly drain = new DrainSwitch();
  quotaBytes: number;
  readonly settings: ImapServerSettings;
  /** Passwords are checked off the event loop: what is under way. */
  readonly #checks = new Set<Promise<unknown>>();
  readonly #processes = new Map<number, ImapServerDeps>();

  constructor(options: ImapWorldOptions = {}) {
    this.store = new MemoryStore(options.store);
    this.settings = { ...SETTINGS, ...options.settings };
    this.quotaBytes = options.quotaBytes ?? Infinity;
  }
  /** A world in which the logins have their accounts. */
  static async open(options: ImapWorldOptions = {}): Promise<ImapWorld> {
    const world = new ImapWorld(options);
    for (const name of LOGINS) {
      const created = await world.deps(0).accounts.create(`account-${name}`);
      assert(created.kind === "done", "the account is made");
    }
    return world;
  }
  deps(process: number): ImapServerDeps {
    const existing = this.#processes.get(process);
    if (existing !== undefined) return existing;
    const random = new FakeRandom(process + 1);
    const { clock, log, store } = this;
    const keyring = new Keyring(store, Buffer.alloc(32, 9), random);
    const accounts = new Accounts({ store, clock, random, log }, keyring, { idleBytesMax: 1e9, bodies: newBodyCache(1e7) });
    const deps: ImapServerDeps = {
      settings: this.settings, accounts, authenticator: this.#watched(), quotaOf: async () => this.quotaBytes, drain: this.drain, clock, random, log, metrics: noMetrics,
    };
    this.#processes.set(process, deps);
    return deps;
  }
  #watched(): Authenticator {
    const watch = <T>(check: Promise<T>): Promise<T> => {
      this.#checks.add(check);
      return check.finally(() => this.#checks.delete(check));
    };
    return {
      verifyPassword: (name, password) => watch(this.authenticator.verifyPassword(name, password)),
      scramCredentials: (name) => watch(this.authenticator.scramCredentials(name)),
      loginOf: (name) => watch(this.authenticator.loginOf(name)),
    };
  }
  /** Lets everything come to rest that needs no time to pass. `turn` waits for a turn of the event loop, which a test may do. */
  async settle(turn: () => Promise<void>): Promise<void> {
    do {
      await Promise.all(this.#checks);
      for (let i = 0; i < 5; i++) {
        await this.clock.advance(0);
        await turn();
      }
    } while (this.#checks.size > 0);
  }
  connect(options: ConnectOptions = {}): ImapClient {
    const remote = { address: options.address ?? "192.0.2.7", port: 40_000 };
    const [server, client] = FakeConnection.pair({ tls: options.tls ?? true, remote });
    return new ImapClient(server, client, serveImap(server, this.deps(options.process ?? 0)));
  }
  /** A client that is logged in, its greeting read. */
  async login(options: ConnectOptions & { readonly name?: string } = {}): Promise<ImapClient> {
    const client = this.connect(options);
    await client.hearLine();
    const said = await client.say(`login ${options.name ?? LOGINS[0]} wonderland`);
    assert(/ OK /.test(said.at(-1) ?? ""), "the login is accepted");
    return client;
  }
  /** What `use` does with an account, without a session. */
  async account<T>(use: (account: Account) => Promise<T>, options: { readonly name?: string; readonly process?: number } = {}): Promise<T> {
    const lease = await this.deps(options.process ?? 0).accounts.use(`account-${options.name ?? LOGINS[0]}`);
    assert(lease.kind === "done", "the account opens");
    try {
      return await use(lease.value.account);
    } finally {
      lease.value.release();
    }
  }
  /** Puts messages into a mailbox, as a delivery would; their UIDs. */
  async deliver(mailbox: string, contents: readonly string[], options: { readonly flags?: readonly string[]; readonly internalDate?: number; readonly process?: number } = {}): Promise<readonly number[]> {
    const { flags = [], internalDate = null } = options;
    const messages = contents.map((content) => ({ content: Buffer.from(content, "latin1"), flags: flagSetOf(flags), internalDate }));
    const appended = await this.account((account) => appendMessages(account, (state) => state.byName.get(mailbox) ?? null, messages), options);
    assert(appended.kind === "done", "the message is delivered");
    return appended.value.uids;
  }
  get faults(): string[] {
    return this.log.lines.filter((line) => line.event === "imap-fault").map((line) => JSON.stringify(line.fields));
  }
}

export class ImapClient {
  readonly server: FakeConnection;
  readonly connection: FakeConnection;
  /** Resolves when the session is over. */
  readonly done: Promise<void>;
  #heard: Buffer = Buffer.alloc(0);
  #reading: Promise<void> | null = null;
  #ended = false;
  #tag = 0;

  constructor(server: FakeConnection, connection: FakeConnection, done: Promise<void>) {
    this.server = server;
    this.connection = connection;
    this.done = done;
  }
  /** Sends octets as they are; text as UTF-8. */
  send(octets: string | Buffer): void {
    this.connection.write(typeof octets === "string" ? Buffer.from(octets, "utf8") : octets);
  }
  /** One read at a time, which outlives who asked. */
  #read(): Promise<void> {
    this.#reading ??= this.connection.read().then((read) => {
      this.#reading = null;
      if (read.kind === "bytes") this.#heard = Buffer.concat([this.#heard, read.bytes]);
      else this.#ended = true;
    });
    return this.#reading;
  }
  /** The next line without CRLF, as latin1 (octets); null when the server closed. */
  async hearLine(): Promise<string | null> {
    for (;;) {
      const end = this.#heard.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#heard.toString("latin1", 0, end);
        this.#heard = this.#heard.subarray(end + 2);
        return line;
      }
      if (this.#ended) return this.#heard.length === 0 ? null : this.#heard.toString("latin1");
      await this.#read();
    }
  }
  /** One whole response with its literals, as latin1, CRLF within it kept and the last one taken off; null when the server closed. */
  async hear(): Promise<string | null> {
    let response = "";
    for (;;) {
      const line = await this.hearLine();
      if (line === null) return response === "" ? null : response;
      response += line;
      const literal = /~?\{(\d+)\}$/.exec(line);
      if (literal === null) return response;
      response += `\r\n${await this.#octets(Number(literal[1]))}`;
    }
  }
  async #octets(count: number): Promise<string> {
    while (this.#heard.length < count && !this.#ended) await this.#read();
    const octets = this.#heard.toString("latin1", 0, count);
    this.#heard = this.#heard.subarray(count);
    return octets;
  }
  /** What was heard and not yet taken, after what is under way was done. */
  async rest(settle: () => Promise<void>): Promise<string> {
    for (;;) {
      const before = this.#heard.length;
      if (!this.#ended) void this.#read();
      await settle();
      if (this.#heard.length === before) return this.#heard.toString("latin1");
    }
  }
  /** Sends a command and hears all responses to the tagged one, which is the last, or to the end. */
  async say(command: string | Buffer): Promise<string[]> {
    const tag = `t${++this.#tag}`;
    this.send(Buffer.concat([Buffer.from(`${tag} `), Buffer.from(command as string), Buffer.from("\r\n")]));
    return this.hearTo(tag);
  }
  /** All responses up to the one with this tag, or to a continuation, or to the end. */
  async hearTo(tag: string): Promise<string[]> {
    const responses: string[] = [];
    for (;;) {
      const response = await this.hear();
      if (response === null) return responses;
      responses.push(response);
      if (response.startsWith(`${tag} `) || response.startsWith("+")) return responses;
    }
  }
  /** Hears to the end of the session. */
  async hearAll(): Promise<string[]> {
    const responses: string[] = [];
    for (let response = await this.hear(); response !== null; response = await this.hear()) responses.push(response);
    return responses;
  }
  async end(): Promise<void> {
    this.connection.end();
    await this.done;
  }
}
