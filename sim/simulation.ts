/**
 * One run: a seed makes a world and its actors, faults and kills befall it for a number of steps, then all becomes calm, and
 * what is left must be what was promised. The same seed and steps give the same trace, to the octet.
 */
import { accountMachine } from "../src/account/machine.ts";
import { ACTS, type Act, Knowledge, maintain, snapshot } from "./actors.ts";
import type { AccountTruth } from "./account-truth.ts";
import { compareState, readAndCompare } from "./compare.ts";
import { CALM } from "./faulty-store.ts";
import type { SimNode } from "./node.ts";
import { checkPosted, post, type Posted } from "./posting.ts";
import { holds, Violation } from "./trace.ts";
import { World, type Profile } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  readonly steps: number;
  readonly keepTrace?: boolean;
  /** What the seed is to be about, whatever it draws. */
  readonly profile?: Partial<Profile>;
}
export interface RunResult {
  /** Null when every invariant held. */
  readonly violation: string | null;
  /** Steps that were made. */
  readonly steps: number;
  readonly digest: string;
  readonly trace: readonly string[] | null;
  readonly profile: Profile;
  /** What happened, to see that a run is not empty. */
  readonly counts: { readonly entries: number; readonly ghosts: number; readonly acknowledged: number; readonly posted: number; readonly hours: number };
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
/** Longer than the queue keeps a message. */
const CALM_HOURS = 14;

export async function runSeed(options: RunOptions): Promise<RunResult> {
  const world = new World(options.seed, { keepTrace: options.keepTrace === true, profile: options.profile ?? {} });
  const run = new Run(world);
  const unhandled = (error: unknown): void => world.failed(new Violation(`nobody caught: ${error instanceof Error ? error.stack : String(error)}`));
  process.on("unhandledRejection", unhandled);
  try {
    await run.all(options.steps);
  } catch (error) {
    world.failed(error);
  } finally {
    process.off("unhandledRejection", unhandled);
  }
  const entries = [...world.observer.accounts.values(), ...world.observer.shards.values()].reduce((sum, truth) => sum + truth.seq, 0);
  return {
    violation: world.violation?.message ?? null, steps: run.steps, digest: world.trace.digest(), trace: world.trace.lines, profile: world.profile,
    counts: { entries, ghosts: world.observer.ghosts.length, acknowledged: run.acknowledged, posted: run.posted.filter((one) => one.accepted).length, hours: Math.round((world.scheduler.now - run.startedAt) / HOUR) },
  };
}

class Run {
  readonly world: World;
  readonly known = new Knowledge();
  readonly posted: Posted[] = [];
  readonly startedAt: number;
  steps = 0;
  #pending = 0;
  readonly #asleep = new Set<() => void>();

  constructor(world: World) {
    this.world = world;
    this.startedAt = world.scheduler.now;
  }
  get acknowledged(): number {
    return [...this.known.appends.values()].reduce((sum, adding) => sum + adding.acknowledged, 0);
  }

  async all(steps: number): Promise<void> {
    const { world } = this;
    await world.setUp();
    world.turnWeather();
    for (; this.steps < steps && world.violation === null; this.steps++) {
      if (world.profile.pauses && world.profile.hours && world.pick(60) === 0) await this.#night();
      this.#step();
      await world.scheduler.advance(this.#pause());
      world.readLogs();
    }
    if (world.violation !== null) return;
    await this.#becomeCalm();
    if (world.violation === null) await this.#check();
  }

  #step(): void {
    const { world } = this;
    const { profile } = world;
    const chance = world.pick(1000);
    if (chance < 30) return world.turnWeather();
    if (chance < 45 && profile.crashes) return this.#crashOne();
    if (chance < 65 && profile.pauses) return this.#pauseOne();
    const node = world.oneOf(world.nodes);
    if (profile.mail && chance < 300) return this.#start(node, () => post(world, this.known, node, this.posted));
    // Now and then several at once, so that their decisions share an entry.
    const together = world.pick(5) === 0 ? 4 : 1;
    for (let i = 0; i < together; i++) this.#start(node, () => this.#act(node));
  }
  /** Mostly moments, so that operations meet; seldom hours, so that leases, margins and retries run out. */
  #pause(): number {
    const { world } = this;
    const chance = world.pick(100);
    if (chance < 70) return world.pick(60);
    if (chance < 92) return world.pick(2 * SECOND);
    if (chance < 98) return world.pick(90 * SECOND);
    return world.profile.hours && world.pick(2) === 0 ? world.pick(2 * HOUR) : world.pick(20 * MINUTE);
  }
  #start(node: SimNode, work: () => Promise<string>): void {
    const { world } = this;
    this.#pending += 1;
    const step = this.steps;
    work().then(
      (line) => {
        this.#pending -= 1;
        world.trace.add(`${world.scheduler.now} #${step} ${node.name} ${line}`);
      },
      (error: unknown) => world.failed(error instanceof Violation ? error : new Violation(`step ${step}: ${error instanceof Error ? error.stack : String(error)}`)),
    );
  }

  async #act(node: SimNode, given: Act | null = null): Promise<string> {
    const { world } = this;
    const user = world.oneOf(world.profile.users);
    const act = given ?? this.#drawAct();
    const lease = await node.run(() => node.accounts.use(user));
    if (lease === "died") return "use died";
    if (lease.kind !== "done") {
      holds(lease.kind === "unavailable" || lease.kind === "full", () => `${node.name} can't open ${user}: ${JSON.stringify(lease)}`);
      return `use ${lease.kind}`;
    }
    const { account, release } = lease.value;
    account.quotaBytes = world.quotas.get(user) ?? Infinity;
    const line = await act({ world, known: this.known, node, account, truth: this.#truth(user) });
    release();
    return `${user} ${line}`;
  }
  #drawAct(): Act {
    let drawn = this.world.pick(ACTS.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, act] of ACTS) if ((drawn -= weight) < 0) return act;
    return ACTS[0]![1];
  }
  #truth(user: string): AccountTruth {
    return this.world.observer.accounts.get(`a/${user}/`)!;
  }

  #crashOne(): void {
    const { world } = this;
    const node = world.oneOf(world.nodes);
    world.trace.add(`${world.scheduler.now} ${node.name} crashes`);
    world.crash(node);
    world.addNode(node.name);
  }
  /**
   * What the margins are for: one node falls asleep in the middle of things, for hours, while others go on, write snapshots
   * and remove what nobody needs; then it wakes and goes on where it was.
   */
  async #night(): Promise<void> {
    const { world } = this;
    const sleeper = world.oneOf(world.nodes);
    const others = world.nodes.filter((node) => node !== sleeper && !node.life.paused);
    if (sleeper.life.paused || others.length === 0) return;
    for (let i = 0; i < 4; i++) this.#start(sleeper, () => (world.profile.mail && i > 1 ? post(world, this.known, sleeper, this.posted) : this.#act(sleeper, i === 0 ? maintain : null)));
    await world.scheduler.advance(world.pick(world.profile.mail ? 1_000 : 120));
    this.#pauseOne(sleeper, 2 * HOUR + world.pick(HOUR));
    for (let quarter = 0; quarter < 12 && world.violation === null; quarter++) {
      for (let i = 0; i < 4; i++) {
        const node = world.oneOf(others);
        if (!node.life.dead) this.#start(node, () => this.#act(node, i === 3 ? world.oneOf([snapshot, maintain]) : null));
        await world.scheduler.advance(world.pick(2 * SECOND));
      }
      await world.scheduler.advance(15 * MINUTE);
    }
  }
  #pauseOne(node = this.world.oneOf(this.world.nodes), ms = this.world.pick(3) === 0 ? this.world.pick(3 * HOUR) : this.world.pick(2 * MINUTE)): void {
    const { world } = this;
    if (node.life.paused) return;
    const suspended = world.pick(2) === 0;
    world.trace.add(`${world.scheduler.now} ${node.name} pauses for ${ms}`);
    node.life.pause();
    const since = world.scheduler.now;
    const wake = (): void => {
      this.#asleep.delete(wake);
      // A suspended machine's monotonic clock stands still; its wall clock is right when it wakes.
      if (suspended) node.life.suspendedMs += world.scheduler.now - since;
      node.life.resume();
    };
    this.#asleep.add(wake);
    world.scheduler.at(since + ms, () => {
      if (this.#asleep.has(wake)) wake();
    });
  }

  /** No fault any more, everybody awake, time enough for all that waits. */
  async #becomeCalm(): Promise<void> {
    const { world } = this;
    world.shared.weather = CALM;
    world.calm = true;
    for (const wake of [...this.#asleep]) wake();
    const waits = (): boolean => this.#pending > 0 || [...world.observer.shards.values()].some((shard) => shard.state.messages.size > 0);
    await world.scheduler.advance(MINUTE);
    for (let waited = 0; waited < CALM_HOURS * 4 && waits() && world.violation === null; waited++) await world.scheduler.advance(HOUR / 4);
    world.readLogs();
    holds(this.#pending === 0 || world.violation !== null, () => `${this.#pending} operations never ended`);
  }

  async #check(): Promise<void> {
    const { world } = this;
    // One that was not there before reads what is in the store and nothing else.
    world.addNode("fresh");
    for (const user of world.profile.users) {
      for (const node of world.nodes) await this.#readAll(node, user);
      this.#replay(user);
      this.#checkAppends(user);
    }
    for (const shard of world.observer.shards.values()) {
      holds(shard.state.messages.size === 0, () => `${shard.prefix}: these wait after ${CALM_HOURS} calm hours: ${JSON.stringify([...shard.state.messages.values()])}, lease ${JSON.stringify(shard.state.lease)}`);
    }
    checkPosted(world, this.posted);
  }
  async #readAll(node: SimNode, user: string): Promise<void> {
    const { world } = this;
    const reading = (async () => {
      const lease = await node.accounts.use(user);
      holds(lease.kind === "done", () => `${node.name} can't open ${user} in calm weather: ${JSON.stringify(lease)}`);
      const answer = await readAndCompare(`${node.name}, in the end,`, lease.value.account, this.#truth(user), { all: true, pick: () => 0 });
      holds(answer === "read", () => `${node.name} can't read ${user} in calm weather`);
      holds(lease.value.account.journal.seq === this.#truth(user).seq, () => `${node.name} is not fresh`);
      lease.value.release();
    })().catch((error: unknown) => world.failed(error));
    await world.scheduler.advance(20 * MINUTE);
    await reading;
  }
  /** The system's own machine over every entry from the first on, as if nothing had ever been trimmed. */
  #replay(user: string): void {
    const truth = this.#truth(user);
    const state = accountMachine.empty();
    truth.entries.forEach((ops, at) => accountMachine.apply(state, ops, at + 1));
    compareState(`a replay of ${user}`, state, truth);
  }
  #checkAppends(user: string): void {
    const truth = this.#truth(user);
    const times = new Map<string, number>();
    const copies = new Map<Buffer, number>();
    for (const [place, trail] of truth.trails) {
      if (trail.by === "append") times.set(trail.content.toString("latin1"), (times.get(trail.content.toString("latin1")) ?? 0) + 1);
      else copies.set(trail.content, (copies.get(trail.content) ?? 0) + 1);
      const mailbox = Number(place.split(" ")[0]);
      if (trail.goneAt !== null && truth.mailboxes.has(mailbox)) holds(this.known.removable.has(`${user} ${place}`), () => `${user} ${place} is gone, and nobody asked for that`);
    }
    for (const [content, found] of this.known.renamedInbox.has(user) ? [] : copies) {
      const { acknowledged, unknown } = this.known.copies.get(content) ?? { acknowledged: 0, unknown: 0 };
      holds(acknowledged <= found && found <= acknowledged + unknown, () => `a message of ${user} was copied ${found} times; ${acknowledged} were answered, of ${unknown} nobody knows`);
    }
    for (const [key, { content, acknowledged, unknown }] of this.known.appends) {
      if (!key.startsWith(`${user} `)) continue;
      const found = times.get(content.toString("latin1")) ?? 0;
      holds(acknowledged <= found && found <= acknowledged + unknown, () => `${key} was added ${found} times; ${acknowledged} were answered, of ${unknown} nobody knows`);
    }
  }
}
