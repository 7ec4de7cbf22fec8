/** Virtual time for a whole world: events in order of time, then of creation. Between two events everything that can go on without time goes on. */
import type { Clock } from "../src/port/clock.ts";

interface Event {
  readonly at: number;
  readonly order: number;
  fn: (() => void) | null;
}

export class Scheduler {
  #now: number;
  #order = 0;
  /** A binary heap by time and order. */
  readonly #heap: Event[] = [];

  constructor(now: number) {
    this.#now = now;
  }
  get now(): number {
    return this.#now;
  }
  at(ms: number, fn: () => void): () => void {
    const event: Event = { at: Math.max(this.#now, ms), order: this.#order++, fn };
    this.#push(event);
    return () => {
      event.fn = null;
    };
  }
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.at(this.#now + ms, resolve));
  }
  /** Lets `ms` pass. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle();
      let next = this.#heap[0];
      while (next !== undefined && next.fn === null) {
        this.#pop();
        next = this.#heap[0];
      }
      if (next === undefined || next.at > end) break;
      this.#pop();
      this.#now = next.at;
      next.fn!();
    }
    this.#now = end;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }
  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (!before(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** The event loop turns over only when no promise has anything left to do, however long the chain; so this is exact, and the same every time. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What stops a node: nothing of it goes on while it is paused, nothing ever again once it is dead. */
export class Life {
  dead = false;
  #resumed: Promise<void> | null = null;
  #resume: () => void = () => {};
  /** How long the machine was suspended so far: its monotonic clock does not count that. */
  suspendedMs = 0;

  get paused(): boolean {
    return this.#resumed !== null;
  }
  pause(): void {
    this.#resumed ??= new Promise((resolve) => {
      this.#resume = resolve;
    });
  }
  resume(): void {
    this.#resumed = null;
    this.#resume();
  }
  /** Resolves when the node may go on; never when it is dead. */
  async gate(): Promise<void> {
    while (this.#resumed !== null) await this.#resumed;
    if (this.dead) await new Promise<never>(() => {});
  }
}

/** The clock of one node: it is wrong by some time, runs too fast or too slow, and its timers stop with the node. */
export class NodeClock implements Clock {
  readonly #scheduler: Scheduler;
  readonly #life: Life;
  readonly #skewMs: number;
  readonly #rate: number;
  readonly #startedAt: number;

  constructor(scheduler: Scheduler, life: Life, wrong: { readonly skewMs: number; readonly rate: number }) {
    this.#scheduler = scheduler;
    this.#life = life;
    this.#skewMs = wrong.skewMs;
    this.#rate = wrong.rate;
    this.#startedAt = scheduler.now;
  }
  now(): number {
    return Math.floor(this.#scheduler.now + this.#skewMs + (this.#scheduler.now - this.#startedAt) * (this.#rate - 1));
  }
  monotonic(): number {
    return (this.#scheduler.now - this.#startedAt - this.#life.suspendedMs) * this.#rate;
  }
  timer(ms: number, fn: () => void): () => void {
    let cancelled = false;
    const cancel = this.#scheduler.at(this.#scheduler.now + Math.max(0, ms) / this.#rate, () => {
      if (!this.#life.paused && !this.#life.dead) return fn();
      void this.#life.gate().then(() => {
        if (!cancelled) fn();
      });
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.timer(ms, resolve));
  }
}
