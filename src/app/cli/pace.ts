/** What long commands need: going no faster than they are told, and saying how far they are. */
import type { Clock } from "../../port/clock.ts";
import { parseSize } from "../units.ts";
import type { CliIo } from "./io.ts";

const PROGRESS_EVERY_MS = 5_000;
/** What was not used is kept for so long: a store that is slow now and then is caught up with, and a long rest gives no burst. */
const UNUSED_MS_MAX = 1_000;

/** Waits after octets, so that on the whole there are at most `bytesPerSecond`. */
export class Pace {
  readonly #clock: Clock;
  readonly #bytesPerSecond: number;
  /** By the monotonic clock: when everything so far may be done. */
  #due: number;

  constructor(clock: Clock, bytesPerSecond: number) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#due = clock.monotonic();
  }
  async spend(bytes: number): Promise<void> {
    const now = this.#clock.monotonic();
    this.#due = Math.max(this.#due, now - UNUSED_MS_MAX) + (bytes * 1000) / this.#bytesPerSecond;
    if (this.#due > now) await this.#clock.sleep(this.#due - now);
  }
}

/** "20" (megabytes) or a size as in the settings, both for a second; Infinity where it was not given, null where it is no rate. */
export function parseRate(text: string | undefined): number | null {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  const bytes = /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Number(text) * 1_000_000 : parseSize(text.replace(/\/s$/, ""));
  return bytes === null || bytes <= 0 ? null : bytes;
}

/** One line on standard error now and then. */
export class Progress {
  readonly #clock: Clock;
  readonly #io: CliIo;
  #saidAt: number;

  constructor(clock: Clock, io: CliIo) {
    this.#clock = clock;
    this.#io = io;
    this.#saidAt = clock.monotonic();
  }
  say(line: () => string): void {
    const now = this.#clock.monotonic();
    if (now - this.#saidAt < PROGRESS_EVERY_MS) return;
    this.#saidAt = now;
    this.#io.err(`${line()}\n`);
  }
}
