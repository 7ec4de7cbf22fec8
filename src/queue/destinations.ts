/**
 * Whose turn it is: fair over destinations, bounded for each of them and in all.
 *
 * A destination starts with few transactions at a time and gets one more with every success (slow start). When no host
 * of it could be reached it is down for a while; then one transaction probes it. Destinations take turns, so that a
 * thousand messages for one of them do not keep the one message for another waiting.
 */
import type { Domain } from "../address/address.ts";
import type { Random } from "../port/random.ts";

export interface DestinationSettings {
  /** Transactions at a time, over all destinations of this process. */
  readonly attemptsMax: number;
  /** Transactions at a time for one destination. */
  readonly perDestinationMax: number;
}
export const DEFAULT_DESTINATIONS: DestinationSettings = { attemptsMax: 100, perDestinationMax: 10 };

const FIRST_WINDOW = 2;
/** Milliseconds a destination stays down after the first, second, … failure in a row; the last one repeats. */
const DOWN_MS = [30_000, 60_000, 120_000, 300_000, 600_000] as const;
const JITTER_PERCENT = 20;

interface Destination<Unit> {
  readonly domain: Domain;
  /** First come, first served: the next one is at `head`. */
  waiting: Unit[];
  head: number;
  active: number;
  window: number;
  failures: number;
  /** Milliseconds since the epoch; 0 while up. */
  downUntil: number;
}

export class Destinations<Unit> {
  readonly #settings: DestinationSettings;
  readonly #random: Random;
  readonly #all = new Map<Domain, Destination<Unit>>();
  /** Those that can start a transaction now, in the order of their turns. */
  readonly #ready = new Set<Destination<Unit>>();
  readonly #down = new Set<Destination<Unit>>();
  #active = 0;

  constructor(settings: DestinationSettings, random: Random) {
    this.#settings = settings;
    this.#random = random;
  }
  get active(): number {
    return this.#active;
  }
  get waiting(): number {
    let sum = 0;
    for (const destination of this.#all.values()) sum += count(destination);
    return sum;
  }
  /** How many destinations are down. */
  get downCount(): number {
    return this.#down.size;
  }
  /** When the next destination that is down may be probed; null when nothing waits for that. */
  get earliestProbeAt(): number | null {
    let earliest: number | null = null;
    for (const destination of this.#down) if (count(destination) > 0) earliest = Math.min(earliest ?? destination.downUntil, destination.downUntil);
    return earliest;
  }
  add(domain: Domain, unit: Unit): void {
    const destination = this.#all.get(domain) ?? { domain, waiting: [], head: 0, active: 0, window: Math.min(FIRST_WINDOW, this.#settings.perDestinationMax), failures: 0, downUntil: 0 };
    this.#all.set(domain, destination);
    destination.waiting.push(unit);
    this.#settle(destination);
  }
  /** The next unit to start, null when none may. The caller answers with `finished`. */
  take(now: number): { readonly domain: Domain; readonly unit: Unit } | null {
    for (const destination of this.#down) if (destination.downUntil <= now) this.#probe(destination);
    if (this.#active >= this.#settings.attemptsMax) return null;
    const [destination] = this.#ready;
    if (destination === undefined) return null;
    const unit = next(destination);
    destination.active++;
    this.#active++;
    // Deleted and added again: the end of the turn.
    this.#ready.delete(destination);
    this.#settle(destination);
    return { domain: destination.domain, unit };
  }
  /**
   * A unit that was taken has ended. `unused`: it was not tried after all. Answers whether the destination is down now:
   * one that took no part while others still run has refused one more connection, and gets fewer.
   */
  finished(domain: Domain, how: "up" | "down" | "unused", now: number): boolean {
    const destination = this.#all.get(domain)!;
    destination.active--;
    this.#active--;
    if (how === "up") {
      destination.failures = 0;
      destination.window = Math.min(destination.window + 1, this.#settings.perDestinationMax);
    } else if (how === "down" && destination.active > 0) {
      destination.window = Math.max(1, Math.floor(destination.window / 2));
    } else if (how === "down") {
      const pause = DOWN_MS[Math.min(destination.failures++, DOWN_MS.length - 1)]!;
      destination.downUntil = now + pause + this.#random.below(Math.floor((pause * JITTER_PERCENT) / 100) + 1);
      destination.window = 1;
      this.#down.add(destination);
    }
    this.#settle(destination);
    return this.#down.has(destination);
  }
  /** Lets a destination that is down be tried at once: somebody asked for it. */
  probeNow(domain: Domain): void {
    const destination = this.#all.get(domain);
    if (destination !== undefined && this.#down.has(destination)) this.#probe(destination);
  }
  /** Takes away all that waits for a destination. */
  drain(domain: Domain): readonly Unit[] {
    const destination = this.#all.get(domain);
    if (destination === undefined) return [];
    const units = destination.waiting.slice(destination.head);
    destination.waiting = [];
    destination.head = 0;
    this.#settle(destination);
    return units;
  }
  #probe(destination: Destination<Unit>): void {
    this.#down.delete(destination);
    destination.window = 1;
    this.#settle(destination);
  }
  #settle(destination: Destination<Unit>): void {
    const down = this.#down.has(destination);
    if (count(destination) > 0 && destination.active < destination.window && !down) this.#ready.add(destination);
    else this.#ready.delete(destination);
    if (count(destination) === 0 && destination.active === 0 && !down) this.#all.delete(destination.domain);
  }
}

function count(destination: Destination<unknown>): number {
  return destination.waiting.length - destination.head;
}

/** Takes the first one; the array is shortened now and then, since shifting a long one costs its length. */
function next<Unit>(destination: Destination<Unit>): Unit {
  const unit = destination.waiting[destination.head++]!;
  if (destination.head >= 256 && destination.head * 2 >= destination.waiting.length) {
    destination.waiting = destination.waiting.slice(destination.head);
    destination.head = 0;
  }
  return unit;
}
