/**
 * What one message may ask of the DNS. Each question is asked once, however many steps want the answer; each step has a number of
 * questions and a time. Beyond either, the answer is that of a DNS that stays silent, so that every method says "temperror" by itself.
 */
import type { Clock } from "../port/clock.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../port/resolver.ts";

const SILENCE = { kind: "failure", because: "timeout" } as const;
type Silence = typeof SILENCE;

export class QuestionBudget {
  readonly #resolver: Resolver;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #asked = new Map<string, Promise<Answer<unknown>>>();
  readonly #cancels: (() => void)[] = [];
  /** Whether some step was not answered in time, or wanted more than it may ask. */
  exceeded = false;

  constructor(resolver: Resolver, clock: Clock) {
    this.#resolver = resolver;
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
  }
  /** Questions asked, over all steps. */
  get queries(): number {
    return this.#asked.size;
  }

  /** A resolver for one step. `untilMs` counts from the beginning of the budget. */
  step(limits: { readonly queries: number; readonly untilMs: number }): Resolver {
    let left = limits.queries;
    let silence: Promise<Silence> | null = null;
    return {
      resolve: async <T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> => {
        const key = `${type} ${name.toLowerCase()}`;
        // The key holds the type, so what was asked under it has that type's records.
        let asked = this.#asked.get(key) as Promise<Answer<RecordOf[T]>> | undefined;
        if (asked === undefined) {
          if (--left < 0) return this.#exceed();
          asked = this.#resolver.resolve(name, type);
          this.#asked.set(key, asked);
        }
        silence ??= this.#silenceAfter(limits.untilMs);
        return Promise.race([asked, silence]);
      },
    };
  }

  /** Ends the timers. Questions under way are answered to nobody. */
  close(): void {
    for (const cancel of this.#cancels) cancel();
  }

  #silenceAfter(untilMs: number): Promise<Silence> {
    const ms = untilMs - (this.#clock.monotonic() - this.#startedAt);
    return new Promise((resolve) => this.#cancels.push(this.#clock.timer(ms, () => resolve(this.#exceed()))));
  }
  #exceed(): Silence {
    this.exceeded = true;
    return SILENCE;
  }
}
