/** Programmer errors. What a protocol foresees is a value, never one of these. */

/** Stops the caller when an invariant does not hold. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new AssertionFailed(what);
}

/** Makes a switch exhaustive: a new kind fails to compile until every switch has it. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`unreachable: ${JSON.stringify(value)}`);
}

export class AssertionFailed extends Error {
  override name = "AssertionFailed";
}
