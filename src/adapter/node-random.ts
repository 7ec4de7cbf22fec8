import { randomBytes, randomInt } from "node:crypto";
import type { Random } from "../port/random.ts";

/** The operating system's cryptographic randomness. */
export class NodeRandom implements Random {
  bytes(count: number): Buffer {
    return randomBytes(count);
  }
  below(below: number): number {
    return randomInt(below);
  }
}
