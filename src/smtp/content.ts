/** Message content while it arrives, kept without copying large pieces and without an object for every small one. */

import { EMPTY } from "../base/bytes.ts";

/** Pieces from this size on are kept as they are; the octets between them are gathered in slabs. */
const PIECE_BYTES_MIN = 2048;
const SLAB_BYTES = 65536;

/**
 * Pieces that are appended are views of what was read. A peer that sends one octet at a time, or a dot in front of every line, would make
 * millions of views that each hold on to a whole read; small pieces are copied instead.
 */
export class Content {
  #pieces: Buffer[] = [];
  #slab: Buffer | null = null;
  #used = 0;
  #sealed = 0;
  #bytes = 0;
  #last = [0, 0];

  get bytes(): number {
    return this.#bytes;
  }
  append(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    this.#last = piece.length === 1 ? [this.#last[1]!, piece[0]!] : [piece[piece.length - 2]!, piece[piece.length - 1]!];
    if (piece.length >= PIECE_BYTES_MIN) {
      this.#seal();
      this.#pieces.push(piece);
    } else {
      this.#gather(piece);
    }
  }
  #gather(piece: Buffer): void {
    if (this.#slab === null || this.#used + piece.length > this.#slab.length) {
      this.#seal();
      // A small message should not cost a whole slab.
      const size = this.#pieces.length === 0 ? 2 * PIECE_BYTES_MIN : SLAB_BYTES;
      this.#slab = Buffer.allocUnsafeSlow(size);
      this.#used = this.#sealed = 0;
    }
    piece.copy(this.#slab, this.#used);
    this.#used += piece.length;
  }
  /** Ends the run of octets in the slab that no piece names yet. */
  #seal(): void {
    if (this.#slab === null || this.#used === this.#sealed) return;
    this.#pieces.push(this.#slab.subarray(this.#sealed, this.#used));
    this.#sealed = this.#used;
  }
  endsWithCrlf(): boolean {
    return this.#bytes >= 2 && this.#last[0] === 13 && this.#last[1] === 10;
  }
  /** The whole content in one buffer, `front` before it. The pieces are given up. */
  join(front: Buffer = EMPTY): Buffer {
    this.#seal();
    const pieces = front.length === 0 ? this.#pieces : [front, ...this.#pieces];
    this.clear();
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }
  clear(): void {
    this.#pieces = [];
    this.#slab = null;
    this.#used = this.#sealed = this.#bytes = 0;
    this.#last = [0, 0];
  }
}
