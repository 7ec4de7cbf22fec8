import { type Hints, HintListeners } from "./hints.ts";

/** What becomes of one hint on its way. */
export type HintFate = "arrives" | "lost" | "twice";

/** Processes that hint each other in memory. A hint arrives one microtask later, unless `fate` has it otherwise. */
export class FakeHintBus {
  readonly #members = new Set<FakeHints>();
  /** Every hint that was published: "a/x 7". */
  readonly published: string[] = [];
  fate: (subject: string, seq: number) => HintFate = () => "arrives";

  join(): FakeHints {
    const member = new FakeHints(this);
    this.#members.add(member);
    return member;
  }
  leave(member: FakeHints): void {
    this.#members.delete(member);
  }
  send(from: FakeHints, subject: string, seq: number): void {
    this.published.push(`${subject} ${seq}`);
    const fate = this.fate(subject, seq);
    const times = fate === "lost" ? 0 : fate === "twice" ? 2 : 1;
    for (let time = 0; time < times; time++) {
      void Promise.resolve().then(() => { for (const member of this.#members) if (member !== from) member.listeners.tell(subject, seq); });
    }
  }
}

export class FakeHints implements Hints {
  readonly #bus: FakeHintBus;
  #closed = false;
  /** Subjects in the order in which they got their first listener, and lost their last: "+a/x", "-a/x". */
  readonly changes: string[] = [];
  readonly listeners = new HintListeners((subject) => this.changes.push(`+${subject}`), (subject) => this.changes.push(`-${subject}`));

  constructor(bus: FakeHintBus) {
    this.#bus = bus;
  }
  publish(subject: string, seq: number): void {
    if (!this.#closed) this.#bus.send(this, subject, seq);
  }
  subscribe(subject: string, fn: (seq: number) => void): () => void {
    return this.listeners.add(subject, fn);
  }
  async close(): Promise<void> {
    this.#closed = true;
    this.listeners.clear();
    this.#bus.leave(this);
  }
}
