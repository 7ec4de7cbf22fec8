import type { Clock } from "../port/clock.ts";

/** Node turns a longer delay into one millisecond. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The machine's clock. Neither a timer nor a sleep keeps the process alive: sockets and workers do. */
export class NodeClock implements Clock {
  now(): number {
    return Date.now();
  }
  monotonic(): number {
    return performance.now();
  }
  timer(ms: number, fn: () => void): () => void {
    let left = ms;
    let timeout: NodeJS.Timeout;
    const arm = (): void => {
      const part = Math.min(left, TIMER_MS_MAX);
      left -= part;
      timeout = setTimeout(left > 0 ? arm : fn, part).unref();
    };
    arm();
    return () => clearTimeout(timeout);
  }
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.timer(ms, resolve));
  }
}
