/**
 * Who delivers a shard: a lease written into the shard's journal, so that a holder of the past fails its next write.
 *
 * Clocks of nodes are not compared. Who wants the lease of another watches it: when neither its epoch nor its end changed
 * for a whole lease by the watcher's own monotonic clock, the holder is gone (or too slow, which is the same).
 */
import type { Clock } from "../port/clock.ts";
import type { QueueShard } from "./shard.ts";
import type { Lease, QueueState } from "./state.ts";

/** Milliseconds a lease lasts from the moment its writing began. */
export const LEASE_MS = 30_000;
const RENEW_AFTER_MS = LEASE_MS / 3;
/** Starting nothing new this long before the end leaves room for a slow store. */
const MARGIN_MS = 5_000;

export class ShardLease {
  readonly #shard: QueueShard;
  readonly #clock: Clock;
  readonly #holder: string;
  /** The epoch we hold, null while we hold none. */
  #epoch: number | null = null;
  /** By the monotonic clock: when the last writing that succeeded began. */
  #writtenAt = 0;
  #seen: { readonly lease: Lease; readonly since: number } | null = null;

  /** `holder` is unique among the processes that run at one time; one that comes back under its old name need not wait for its own lease. */
  constructor(shard: QueueShard, clock: Clock, holder: string) {
    this.#shard = shard;
    this.#clock = clock;
    this.#holder = holder;
  }

  /** Whether an attempt may be started now. */
  get valid(): boolean {
    return this.#epoch !== null && this.heldIn(this.#shard.state) && this.#clock.monotonic() - this.#writtenAt < LEASE_MS - MARGIN_MS;
  }
  /** Whether a state says that the lease is ours: asked inside a decision, it is the fence. */
  heldIn(state: QueueState): boolean {
    return state.lease !== null && state.lease.epoch === this.#epoch;
  }
  /** Whether the shard can be had: nobody holds it, or the holder has gone silent. Looks at the state as it is. */
  get free(): boolean {
    const lease = this.#shard.state.lease;
    if (lease === null || (lease.holder === this.#holder && this.#epoch === null)) return true;
    if (this.heldIn(this.#shard.state)) return false;
    const now = this.#clock.monotonic();
    if (this.#seen === null || this.#seen.lease.epoch !== lease.epoch || this.#seen.lease.until !== lease.until) this.#seen = { lease, since: now };
    return now - this.#seen.since >= LEASE_MS + MARGIN_MS;
  }

  /** Takes the shard if it is still as it was found; answers whether it is ours. */
  async acquire(): Promise<boolean> {
    const found = this.#shard.state.lease;
    const startedAt = this.#clock.monotonic();
    const answer = await this.#shard.commit<number | null>((state, draft) => {
      if (state.lease?.epoch !== found?.epoch || state.lease?.until !== found?.until) return { kind: "nothing", result: null };
      const epoch = state.epoch + 1;
      draft.ops.push({ kind: "lease", lease: { holder: this.#holder, epoch, until: this.#clock.now() + LEASE_MS } });
      return { kind: "write", result: epoch };
    });
    if (answer.kind === "failed" || answer.result === null) return false;
    this.#epoch = answer.result;
    this.#writtenAt = startedAt;
    return true;
  }

  /** Renews a lease that is due for it. Answers false when it is lost. */
  async renew(): Promise<boolean> {
    const epoch = this.#epoch;
    if (epoch === null || !this.heldIn(this.#shard.state)) return this.#lost();
    const startedAt = this.#clock.monotonic();
    if (startedAt - this.#writtenAt < RENEW_AFTER_MS) return true;
    const answer = await this.#shard.commit<boolean>((state, draft) => {
      if (state.lease?.epoch !== epoch) return { kind: "nothing", result: false };
      draft.ops.push({ kind: "lease", lease: { holder: this.#holder, epoch, until: this.#clock.now() + LEASE_MS } });
      return { kind: "write", result: true };
    });
    // A store that does not answer takes no lease away from us, and gives it to nobody else; `valid` ends by itself.
    if (answer.kind === "failed") return true;
    if (!answer.result) return this.#lost();
    this.#writtenAt = startedAt;
    return true;
  }

  /** Gives the shard back, so that the next holder need not wait. */
  async release(): Promise<void> {
    const epoch = this.#epoch;
    this.#epoch = null;
    if (epoch === null) return;
    const answer = await this.#shard.commit<boolean>((state, draft) => {
      if (state.lease?.epoch !== epoch) return { kind: "nothing", result: false };
      draft.ops.push({ kind: "lease-ended", epoch });
      return { kind: "write", result: true };
    });
    if (answer.kind === "done" && answer.result) this.#shard.announce(answer.seq);
  }

  #lost(): false {
    this.#epoch = null;
    return false;
  }
}
