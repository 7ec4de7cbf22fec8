/** How many octets of content may be in memory at a time. Who wants more than is left waits in line. */
export class ByteBudget {
  readonly #bytesMax: number;
  #used = 0;
  #line: { readonly bytes: number; readonly go: () => void }[] = [];

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }
  /** One content larger than the whole budget is let in alone. */
  async take(bytes: number): Promise<void> {
    if (this.#line.length === 0 && this.#fits(bytes)) this.#used += bytes;
    else await new Promise<void>((go) => this.#line.push({ bytes, go }));
  }
  give(bytes: number): void {
    this.#used -= bytes;
    while (this.#line.length > 0 && this.#fits(this.#line[0]!.bytes)) {
      const next = this.#line.shift()!;
      this.#used += next.bytes;
      next.go();
    }
  }
  #fits(bytes: number): boolean {
    return this.#used === 0 || this.#used + bytes <= this.#bytesMax;
  }
}
