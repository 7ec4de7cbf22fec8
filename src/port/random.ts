/** Randomness. The real one is cryptographically strong; the fake one is a seeded sequence. */
export interface Random {
  /** `count` random octets in a buffer of their own. */
  bytes(count: number): Buffer;
  /** A whole number from 0 to `below` - 1. */
  below(below: number): number;
}
