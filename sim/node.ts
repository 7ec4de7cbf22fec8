/** One node: everything a process has, over the shared store, put together as in `src/app/wire.ts`. Crashing drops all of it. */
import { newBodyCache } from "../src/account/account.ts";
import { Accounts } from "../src/account/accounts.ts";
import { Delivery } from "../src/delivery/delivery.ts";
import { LocalTransport } from "../src/delivery/local-transport.ts";
import { OutgoingSigner } from "../src/delivery/outgoing-signer.ts";
import { Directory } from "../src/directory/directory.ts";
import { Lookup } from "../src/directory/lookup.ts";
import { Recipients } from "../src/directory/recipients.ts";
import { SigningKeys } from "../src/directory/signing-keys.ts";
import { PublicKeys } from "../src/dkim/public-keys.ts";
import { Filter } from "../src/filter/filter.ts";
import { Networks } from "../src/filter/network.ts";
import type { JournalWorld } from "../src/journal/journal.ts";
import { Keyring } from "../src/journal/keyring.ts";
import { FakeLog } from "../src/port/log.fake.ts";
import { noMetrics } from "../src/port/metrics.ts";
import { FakeRandom } from "../src/port/random.fake.ts";
import { FakeResolver } from "../src/port/resolver.fake.ts";
import { Queue } from "../src/queue/queue.ts";
import { QueueRunner } from "../src/queue/runner.ts";
import type { Transport } from "../src/queue/transport.ts";
import { NodeStore, type SharedStore } from "./faulty-store.ts";
import { Life, NodeClock } from "./scheduler.ts";

export const MASTER = Buffer.alloc(32, 7);
export const HOSTNAME = "mx.home.test";
/** Two shards: one alone would hide mistakes about which is meant. */
const SHARDS = 2;
const HOUR = 3_600_000;
const SCHEDULE = { lifetimeMs: 4 * HOUR, delayReportAfterMs: 2 * HOUR, retryDelaysMs: [1, 5, 15, 30, 60].map((minutes) => minutes * 60_000) };
/** Often enough to keep a lease (of four minutes here), seldom enough that hours pass quickly. */
const TICK_MS = 45_000;

export interface NodeWrongs {
  readonly skewMs: number;
  readonly rate: number;
}
export interface NodeOptions {
  readonly name: string;
  readonly seed: number;
  readonly wrong: NodeWrongs;
  readonly shared: SharedStore;
  /** Other hosts, as this node reaches them. */
  readonly others: (life: Life) => Transport;
  /** Counts the tries of the queue to deliver into a mailbox here. */
  readonly localTried: (content: Buffer, recipients: readonly string[]) => void;
}
interface Mail {
  readonly queue: Queue;
  readonly delivery: Delivery;
  readonly runner: QueueRunner;
}

export class SimNode {
  readonly name: string;
  readonly life = new Life();
  readonly log = new FakeLog();
  readonly clock: NodeClock;
  readonly world: JournalWorld;
  readonly accounts: Accounts;
  readonly keyring: Keyring;
  readonly #options: NodeOptions;
  readonly #died: Promise<"died">;
  #die: () => void = () => {};
  mail: Mail | null = null;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.name = options.name;
    const random = new FakeRandom(options.seed);
    this.clock = new NodeClock(options.shared.scheduler, this.life, options.wrong);
    this.world = { store: new NodeStore(options.shared, this.life, options.name), clock: this.clock, random, log: this.log };
    this.keyring = new Keyring(this.world.store, MASTER, random);
    this.accounts = new Accounts(this.world, this.keyring, { idleBytesMax: 32 * 1024, bodies: newBodyCache(64 * 1024) });
    this.#died = new Promise((resolve) => {
      this.#die = () => resolve("died");
    });
  }

  /** Opens the queue and what delivers, however often that takes. */
  async start(): Promise<void> {
    const { world, keyring, accounts, clock } = this;
    const lookup = new Lookup(world.store, clock);
    const contents = { prepare: async () => ({ kind: "done" as const }), erase: async () => ({ kind: "done" as const }) };
    const directory = new Directory({ store: world.store, lookup, clock, random: world.random, contents });
    const recipients = new Recipients({ store: world.store, lookup, postmaster: null });
    for (;;) {
      const opened = await Queue.open({ ...world, keyring, shards: SHARDS, schedule: SCHEDULE });
      if (opened.kind === "open") {
        const { queue } = opened;
        const resolver = new FakeResolver({});
        const filter = new Filter({ resolver, keys: new PublicKeys(resolver), clock, log: this.log, metrics: noMetrics, hostname: HOSTNAME, authservId: HOSTNAME, trusted: new Networks(["0.0.0.0/0"]), showLogin: false });
        const signer = new OutgoingSigner({ signingKeys: new SigningKeys({ store: world.store, keyring, clock, random: world.random }), clock, log: this.log, metrics: noMetrics });
        const delivery = new Delivery({ accounts, directory, recipients, queue, filter, signer, clock, random: world.random, log: this.log, metrics: noMetrics, hostname: HOSTNAME, language: "en" });
        const local = new LocalTransport({ accounts, directory, recipients, clock }, this.#options.others(this.life));
        const transport: Transport = {
          deliver: (domain, transaction) => {
            if (domain === "home.test") this.#options.localTried(transaction.content, transaction.recipients.map(({ address }) => address.localPart));
            return local.deliver(domain, transaction);
          },
        };
        const runner = new QueueRunner({ queue, transport, holder: this.name, clock, random: world.random, log: this.log, metrics: noMetrics, enqueueOrDeliver: (message) => delivery.handOver(message), reportingMta: HOSTNAME, language: "en", tickMs: TICK_MS });
        this.mail = { queue, delivery, runner };
        runner.start();
        return;
      }
      await clock.sleep(1_000);
    }
  }

  /** What `work` answers, or `died` when the node dies first: then nobody knows what became of it. */
  run<T>(work: () => Promise<T>): Promise<T | "died"> {
    return Promise.race([work(), this.#died]);
  }
  crash(): void {
    this.life.dead = true;
    this.#die();
  }
}
