/** Reads what others wrote as soon as a hint says that there is something, one reading at a time however many hints come. */
import type { Log } from "../port/log.ts";
import type { RefreshAnswer } from "./journal.ts";

interface Followed {
  readonly prefix: string;
  readonly seq: number;
  readonly world: { readonly log: Log };
  refresh(): Promise<RefreshAnswer>;
}

export class HintFollower {
  readonly #journal: Followed;
  #following = false;
  /** The highest number hinted while a reading was under way. */
  #hinted = 0;

  constructor(journal: Followed) {
    this.#journal = journal;
  }
  /** Does nothing when the journal is there already. A hint that is wrong costs one reading. */
  hint(seq: number): void {
    if (seq <= this.#journal.seq) return;
    this.#hinted = Math.max(this.#hinted, seq);
    if (!this.#following) void this.#follow();
  }
  /** What fails is left to the timers of those who watch. */
  async #follow(): Promise<void> {
    this.#following = true;
    try {
      while (this.#hinted > this.#journal.seq) {
        this.#hinted = 0;
        if ((await this.#journal.refresh()).kind === "failed") break;
      }
    } catch (error) {
      this.#journal.world.log.error("hint-crashed", { prefix: this.#journal.prefix, detail: error instanceof Error ? error.name : "unknown" });
    } finally {
      this.#hinted = 0;
      this.#following = false;
    }
  }
}

/** The subject of hints about a journal. */
export function hintSubject(prefix: string): string {
  return prefix.slice(0, -1);
}
