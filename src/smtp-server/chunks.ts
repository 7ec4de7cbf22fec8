/** Content that comes in chunks (RFC 3030). */
import { Content } from "../smtp/content.ts";
import { LineEnds } from "../smtp/data.ts";
import type { Rejection } from "../smtp/reply.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { Reservation } from "./memory-budget.ts";
import { replies } from "./replies.ts";

export class Chunks {
  readonly content = new Content();
  readonly reservation: Reservation;
  readonly #lineEnds = new LineEnds();
  readonly #bytesMax: number;
  /** Why nothing is kept any more. */
  rejection: Rejection | null = null;

  constructor(budget: MemoryBudget, bytesMax: number) {
    this.reservation = new Reservation(budget);
    this.#bytesMax = bytesMax;
  }
  append(piece: Buffer): void {
    if (this.rejection !== null) return;
    const bytes = this.content.bytes + piece.length;
    if (bytes > this.#bytesMax) return this.giveUp(replies.tooLarge);
    if (!this.reservation.growTo(bytes)) return this.giveUp(replies.noMemory);
    this.#lineEnds.feed(piece);
    this.content.append(piece);
  }
  get strict(): boolean {
    return this.#lineEnds.strict;
  }
  giveUp(rejection: Rejection): void {
    this.rejection = rejection;
    this.content.clear();
    this.reservation.release();
  }
}
