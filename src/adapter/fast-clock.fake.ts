import { NodeClock } from "./node-clock.ts";

/** A clock that runs so many times faster, for tests that wait over real sockets. `now()` stays right. */
export class FastClock extends NodeClock {
  readonly #times: number;
  constructor(times: number) {
    super();
    this.#times = times;
  }
  override monotonic(): number {
    return super.monotonic() * this.#times;
  }
  override timer(ms: number, fn: () => void): () => void {
    return super.timer(ms / this.#times, fn);
  }
}
