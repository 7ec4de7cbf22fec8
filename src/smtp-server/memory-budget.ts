/** How many octets of messages all sessions together may hold in memory. */

/** Shared by all sessions that run together. */
export class MemoryBudget {
  readonly #bytesMax: number;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }
  /** Octets held now. */
  get bytes(): number {
    return this.#bytes;
  }
  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax;
  }
  /** False, and nothing taken, when there is no room. */
  take(bytes: number): boolean {
    if (!this.hasRoomFor(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }
  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** One message's share, which grows while the message arrives. */
export class Reservation {
  readonly #budget: MemoryBudget;
  #bytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }
  /** False when the message has to be given up; its share is given back then. */
  growTo(bytes: number): boolean {
    if (bytes <= this.#bytes) return true;
    if (!this.#budget.take(bytes - this.#bytes)) {
      this.release();
      return false;
    }
    this.#bytes = bytes;
    return true;
  }
  release(): void {
    this.#budget.give(this.#bytes);
    this.#bytes = 0;
  }
}
