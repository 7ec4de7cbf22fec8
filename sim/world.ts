/** All that one seed makes: time, chance, the store and its weather, nodes that come and go, and other hosts. */
import { accountForm, addressForm, domainForm, writeObject } from "../src/directory/stored.ts";
import { accountKey, addressObjectKey, domainKey } from "../src/directory/keys.ts";
import type { Domain } from "../src/address/address.ts";
import { FakeRandom } from "../src/port/random.fake.ts";
import type { DeliveryAttempt, MailTransaction, RecipientOutcome, Transport } from "../src/queue/transport.ts";
import { CALM, SharedStore, type Weather } from "./faulty-store.ts";
import { SimNode, type NodeWrongs } from "./node.ts";
import { Observer } from "./observer.ts";
import { Scheduler, type Life } from "./scheduler.ts";
import { tokenOf } from "./token.ts";
import { holds, Trace, Violation } from "./trace.ts";

const MINUTE = 60_000;
const START = 1_700_000_000_000;
/** Lines of a node's log that tell of a fault of ours, whatever the weather. */
const FAULTS = /crashed|queue-content-unreadable/;

/** What a seed is about. Each kind of trouble is off in some seeds, so that it can't hide behind another. */
export interface Profile {
  readonly nodes: number;
  readonly users: readonly string[];
  readonly faults: boolean;
  readonly crashes: boolean;
  readonly pauses: boolean;
  /** Whether hours pass now and then. */
  readonly hours: boolean;
  /** Whether the queue's runners run. */
  readonly mail: boolean;
  readonly skewMs: number;
}

export class World {
  readonly seed: number;
  readonly profile: Profile;
  readonly scheduler = new Scheduler(START);
  readonly trace: Trace;
  readonly chance: FakeRandom;
  readonly shared: SharedStore;
  readonly observer: Observer;
  readonly nodes: SimNode[] = [];
  readonly quotas = new Map<string, number>();
  /** Tries to deliver, by "token account". */
  readonly localTries = new Map<string, number>();
  /** What other hosts took, by "token address", and the reports they got. */
  readonly taken = new Map<string, number>();
  readonly reports: Buffer[] = [];
  violation: Violation | null = null;
  calm = false;
  #incarnations = 0;
  readonly #logRead = new Map<SimNode, number>();
  readonly #wrongs = new Map<string, NodeWrongs>();
  readonly #hosts: FakeRandom;

  constructor(seed: number, options: { readonly keepTrace: boolean; readonly profile: Partial<Profile> }) {
    this.seed = seed;
    this.trace = new Trace(options.keepTrace);
    this.chance = new FakeRandom(mixed(seed, 1));
    this.#hosts = new FakeRandom(mixed(seed, 2));
    this.shared = new SharedStore(this.scheduler, new FakeRandom(mixed(seed, 3)), this.trace);
    this.observer = new Observer(this.shared.memory, (error) => this.failed(error), (line) => this.trace.add(`${this.scheduler.now}   ${line}`));
    this.shared.observer = this.observer;
    const { chance } = this;
    this.profile = {
      nodes: 1 + chance.below(3), users: ["alice", "bob"].slice(0, 1 + chance.below(2)), faults: chance.below(4) > 0, crashes: chance.below(2) > 0,
      pauses: chance.below(2) > 0, hours: chance.below(3) > 0, mail: chance.below(3) === 0, skewMs: [0, 2, 15][chance.below(3)]! * MINUTE, ...options.profile,
    };
  }

  /** The first fault counts; what follows from it says little. */
  failed(error: unknown): void {
    this.violation ??= error instanceof Violation ? error : new Violation(error instanceof Error ? `${error.stack ?? error.message}` : String(error));
  }
  /** 0 to below - 1. */
  pick(below: number): number {
    return this.chance.below(below);
  }
  oneOf<T>(values: readonly T[]): T {
    return values[this.pick(values.length)]!;
  }

  /** The directory, written straight into the store: nothing here is about passwords. */
  async setUp(): Promise<void> {
    const { memory } = this.shared;
    const now = START;
    await memory.put(domainKey("home.test"), writeObject(domainForm, { createdAt: now, catchAll: null, subaddressing: true, closing: false }, "1"), {});
    const credentials = { salt: Buffer.alloc(16), iterations: 4096, storedKey: Buffer.alloc(32), serverKey: Buffer.alloc(32) };
    for (const user of this.profile.users) {
      const quotaBytes = this.pick(2) === 0 ? 8_000 : null;
      if (quotaBytes !== null) this.observer.quotas.set(`a/${user}/`, quotaBytes);
      this.quotas.set(user, quotaBytes ?? Infinity);
      await memory.put(accountKey(user), writeObject(accountForm, { address: `${user}@home.test`, name: "", credentials, disabled: false, quotaBytes, language: "en", createdAt: now }, "1"), {});
      await memory.put(addressObjectKey(user, "home.test")!, writeObject(addressForm, { kind: "account", accountId: user }, "1"), {});
    }
    for (let number = 0; number < this.profile.nodes; number++) this.addNode(`node${number}`);
    for (const user of this.profile.users) {
      const made = this.nodes[0]!.accounts.create(user).catch((error: unknown) => this.failed(error));
      await this.scheduler.advance(5_000);
      const answer = await made;
      holds(answer?.kind === "done" || this.violation !== null, () => `${user} can't be made in calm weather`);
    }
  }

  addNode(name: string): SimNode {
    const { skewMs } = this.profile;
    const wrong = this.#wrongs.get(name) ?? { skewMs: skewMs === 0 ? 0 : this.pick(2 * skewMs) - skewMs, rate: 1 + (this.pick(401) - 200) / 1_000_000 };
    this.#wrongs.set(name, wrong);
    const node = new SimNode({
      name, wrong, shared: this.shared, seed: mixed(this.seed, 1000 + this.#incarnations++),
      others: (life) => this.#otherHosts(life),
      localTried: (content, users) => {
        for (const user of users) this.tried(tokenOf(content), user);
      },
    });
    this.nodes.push(node);
    if (this.profile.mail) node.start().catch((error: unknown) => this.failed(error));
    return node;
  }
  crash(node: SimNode): void {
    node.crash();
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }
  tried(token: string | null, user: string): void {
    const key = `${token} ${user}`;
    this.localTries.set(key, (this.localTries.get(key) ?? 0) + 1);
  }

  /** The weather of the next while. */
  turnWeather(): void {
    if (!this.profile.faults) return;
    const weathers: readonly Weather[] = [
      CALM, { ...CALM, latencyMsMax: 400 }, { before: 30, after: 30, torn: 20, throttled: 20, late: 10, full: false, latencyMsMax: 60 },
      { before: 100, after: 150, torn: 100, throttled: 50, late: 60, full: false, latencyMsMax: 150 }, { ...CALM, after: 200 }, { ...CALM, late: 200 }, { ...CALM, full: true },
      { before: 300, after: 100, torn: 100, throttled: 200, late: 100, full: false, latencyMsMax: 2_000 },
    ];
    this.shared.weather = this.oneOf(weathers);
  }

  /** Looks for what the nodes say of faults of their own. */
  readLogs(): void {
    for (const node of this.nodes) {
      const { lines } = node.log;
      for (let at = this.#logRead.get(node) ?? 0; at < lines.length; at++) {
        const { event, fields } = lines[at]!;
        // Who slept through the end of a message finds its content gone: so it should be.
        if (event === "queue-content-unreadable" && !this.#isQueued(String(fields["id"]))) continue;
        if (FAULTS.test(event) || fields["because"] === "corrupt") this.failed(new Violation(`${node.name} logs ${event}: ${JSON.stringify(fields)}`));
      }
      this.#logRead.set(node, lines.length);
    }
  }

  #isQueued(id: string): boolean {
    return [...this.observer.shards.values()].some((shard) => shard.state.messages.has(id));
  }

  #otherHosts(life: Life): Transport {
    return {
      deliver: async (domain: Domain, transaction: MailTransaction): Promise<DeliveryAttempt> => {
        await life.gate();
        await this.scheduler.sleep(10 + this.#hosts.below(500));
        const outcomes = transaction.recipients.map(({ address }) => this.#otherHost(domain, `${address.localPart}@${address.domain}`, transaction));
        await this.scheduler.sleep(10 + this.#hosts.below(500));
        await life.gate();
        return { outcomes, destination: "up" };
      },
    };
  }
  #otherHost(domain: string, address: string, transaction: MailTransaction): RecipientOutcome {
    const reply = (code: number, status: string): RecipientOutcome["reply"] => ({ code, status, text: "so it is", remoteMta: `mx.${domain}` });
    if (domain === "bad.test") return { kind: "failed", reply: reply(550, "5.1.1") };
    if (domain === "slow.test" && !this.calm && this.#hosts.below(3) > 0) return { kind: "deferred", reply: reply(451, "4.7.1") };
    if (transaction.envelope.reversePath.kind === "null") this.reports.push(transaction.content);
    const key = `${tokenOf(transaction.content)} ${address}`;
    this.taken.set(key, (this.taken.get(key) ?? 0) + 1);
    // The reply to the end of data is lost: it has the message, and we don't know.
    if (this.profile.faults && !this.calm && this.#hosts.below(20) === 0) return { kind: "deferred", reply: { code: null, status: "4.4.2", text: "connection lost", remoteMta: null } };
    return { kind: "delivered", reply: reply(250, "2.0.0"), dsnPassedOn: true };
  }
}

function mixed(seed: number, stream: number): number {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(stream + 1, 0xc2b2ae35);
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d);
  return (x ^ (x >>> 13)) >>> 0;
}
