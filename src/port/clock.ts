/** Time. Every other folder below adapter/ asks here, so that one seed replays a whole run. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. May jump. */
  now(): number;
  /** Milliseconds from an arbitrary start; never goes back. */
  monotonic(): number;
  /** Calls `fn` once after `ms`. The returned function cancels it. A pending timer does not keep the process alive. */
  timer(ms: number, fn: () => void): () => void;
  sleep(ms: number): Promise<void>;
}
