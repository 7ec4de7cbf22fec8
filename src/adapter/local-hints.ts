/**
 * Hints between the workers of one server, without any other program: each worker tells the primary what it watches and what it wrote,
 * and the primary passes on what somebody watches. Other processes on the same store (the command line, a second server) are not
 * reached: they see changes by their timers, or over NATS.
 *
 * One message is under way in each direction; what comes meanwhile waits as one hint per subject, and no more than so many subjects.
 */
import { type Hints, HintListeners, isSeq, WaitingHints } from "../port/hints.ts";
import { HINT_SUBJECTS_WAITING_MAX, HINTS_AT_ONCE_MAX } from "./limits.ts";

export type HintMessage =
  | { readonly kind: "watch" | "unwatch"; readonly subject: string }
  | { readonly kind: "hints"; readonly hints: readonly (readonly [subject: string, seq: number])[] };

/** One end of the way between a worker and the primary. Messages keep their order, or the end is gone. */
export interface HintLink {
  /** Calls `sent` when the message has left or the other end is gone. Never throws. */
  send(message: HintMessage, sent: () => void): void;
}

/** Sends what waits, one message at a time. */
class Outlet {
  readonly #link: HintLink;
  readonly #waiting = new WaitingHints(HINT_SUBJECTS_WAITING_MAX);
  #sending = false;

  constructor(link: HintLink) {
    this.#link = link;
  }
  add(subject: string, seq: number): void {
    this.#waiting.add(subject, seq);
    if (this.#sending) return;
    this.#sending = true;
    // What is written in one turn of the event loop leaves together.
    setImmediate(() => this.#send());
  }
  #send(): void {
    const hints = this.#waiting.take(HINTS_AT_ONCE_MAX);
    this.#sending = hints.length > 0;
    if (this.#sending) this.#link.send({ kind: "hints", hints }, () => this.#send());
  }
}

/** A worker's end. */
export class LocalHints implements Hints {
  readonly #link: HintLink;
  readonly #outlet: Outlet;
  readonly #listeners: HintListeners;
  #closed = false;

  constructor(link: HintLink) {
    this.#link = link;
    this.#outlet = new Outlet(link);
    const say = (kind: "watch" | "unwatch") => (subject: string): void => {
      if (!this.#closed) this.#link.send({ kind, subject }, () => {});
    };
    this.#listeners = new HintListeners(say("watch"), say("unwatch"));
  }
  publish(subject: string, seq: number): void {
    if (!this.#closed) this.#outlet.add(subject, seq);
  }
  subscribe(subject: string, fn: (seq: number) => void): () => void {
    return this.#listeners.add(subject, fn);
  }
  /** What came from the primary. */
  receive(message: HintMessage): void {
    if (message.kind !== "hints" || this.#closed) return;
    for (const [subject, seq] of message.hints) if (isSeq(seq)) this.#listeners.tell(subject, seq);
  }
  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }
}

/** The primary's end, for one worker. */
export interface RelayMember {
  receive(message: HintMessage): void;
  /** The worker is gone. */
  leave(): void;
}

/** The primary: passes hints on to those who watch their subjects, not back to where they came from. */
export class HintRelay {
  readonly #watchers = new Map<string, Set<Outlet>>();

  get subjectCount(): number {
    return this.#watchers.size;
  }
  join(link: HintLink): RelayMember {
    const outlet = new Outlet(link);
    const watched = new Set<string>();
    return {
      receive: (message) => {
        switch (message.kind) {
          case "watch":
            watched.add(message.subject);
            this.#watch(message.subject, outlet);
            break;
          case "unwatch":
            watched.delete(message.subject);
            this.#unwatch(message.subject, outlet);
            break;
          case "hints":
            for (const [subject, seq] of message.hints) this.#pass(subject, seq, outlet);
            break;
        }
      },
      leave: () => { for (const subject of watched) this.#unwatch(subject, outlet); },
    };
  }
  #watch(subject: string, outlet: Outlet): void {
    const watchers = this.#watchers.get(subject);
    if (watchers === undefined) this.#watchers.set(subject, new Set([outlet]));
    else watchers.add(outlet);
  }
  #unwatch(subject: string, outlet: Outlet): void {
    const watchers = this.#watchers.get(subject);
    watchers?.delete(outlet);
    if (watchers?.size === 0) this.#watchers.delete(subject);
  }
  #pass(subject: string, seq: number, from: Outlet): void {
    for (const watcher of this.#watchers.get(subject) ?? []) if (watcher !== from) watcher.add(subject, seq);
  }
}
