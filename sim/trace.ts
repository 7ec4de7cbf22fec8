/** What happened, as a hash: two runs of one seed are the same when it is. With `keep` the lines are kept for people. */
import { createHash, type Hash } from "node:crypto";

export class Trace {
  readonly #hash: Hash = createHash("sha256");
  readonly lines: string[] | null;

  constructor(keep: boolean) {
    this.lines = keep ? [] : null;
  }
  add(line: string): void {
    this.#hash.update(line).update("\n");
    this.lines?.push(line);
  }
  digest(): string {
    return this.#hash.digest("hex");
  }
}

/** An invariant does not hold. */
export class Violation extends Error {
  override name = "Violation";
}
export function holds(condition: boolean, what: () => string): asserts condition {
  if (!condition) throw new Violation(what());
}
