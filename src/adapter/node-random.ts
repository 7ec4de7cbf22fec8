import { randomBytes, randomFillSync, randomInt } from "node:crypto";
import type { Random } from "../port/random.ts";

const POOL_BYTES = 8192;
/** Longer ones, keys among them, are asked for directly. */
const POOLED_BYTES_MAX = 24;

/** The operating system's cryptographic randomness. Small amounts come from a pool, since each call costs more than its octets. */
export class NodeRandom implements Random {
  readonly #pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  #used = POOL_BYTES;

  bytes(count: number): Buffer {
    if (count > POOLED_BYTES_MAX) return randomBytes(count);
    if (this.#used + count > POOL_BYTES) {
      randomFillSync(this.#pool);
      this.#used = 0;
    }
    const taken = Buffer.from(this.#pool.subarray(this.#used, this.#used + count));
    // What was given out is nowhere else.
    this.#pool.fill(0, this.#used, this.#used + count);
    this.#used += count;
    return taken;
  }
  below(below: number): number {
    return randomInt(below);
  }
}
