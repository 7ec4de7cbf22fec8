import type { Random } from "./random.ts";

/** A seeded sequence (xorshift32): the same seed, the same run. Never for secrets. */
export class FakeRandom implements Random {
  #state: number;
  constructor(seed = 1) {
    this.#state = (seed >>> 0) || 1;
  }
  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }
  bytes(count: number): Buffer {
    const out = Buffer.alloc(count);
    for (let i = 0; i < count; i++) out[i] = this.#next() >>> 24;
    return out;
  }
  below(below: number): number {
    return this.#next() % below;
  }
}
