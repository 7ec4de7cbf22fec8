/** Sessions that wait a few seconds for another message to the same host, so that a burst needs few connections. */
import { ClientSession, type SessionAnswer } from "./client-session.ts";
import type { MailTransaction } from "../queue/transport.ts";
import { IDLE_MS, IDLE_SESSIONS_MAX, IDLE_SESSIONS_PER_HOST_MAX } from "./limits.ts";
import { openSession, type ClientWorld, type OpenAnswer, type Target } from "./open-session.ts";

export type PoolAnswer = SessionAnswer | Extract<OpenAnswer, { kind: "unavailable" }>;

interface Idle {
  readonly session: ClientSession;
  readonly cancel: () => void;
}

export class SessionPool {
  readonly #world: ClientWorld;
  readonly #idle = new Map<string, Idle[]>();
  #idleCount = 0;
  #closed = false;

  constructor(world: ClientWorld) {
    this.#world = world;
  }
  get idle(): number {
    return this.#idleCount;
  }

  /** Sends one message to one host, over a session that waits or a new one. */
  async deliver(target: Target, transaction: MailTransaction): Promise<PoolAnswer> {
    for (let waiting = this.#take(target); waiting !== null; waiting = this.#take(target)) {
      const answer = await waiting.deliver(transaction);
      this.#keep(waiting);
      // One that ended while it waited, or has had enough messages, says nothing about the host.
      if (answer.kind === "outcomes") return answer;
    }
    const opened = await openSession(target, this.#world);
    if (opened.kind === "unavailable") return opened;
    const session = new ClientSession(target, opened);
    const answer = await session.deliver(transaction);
    this.#keep(session);
    return answer;
  }

  /** Ends all sessions that wait, and keeps none from now on. */
  async close(): Promise<void> {
    this.#closed = true;
    const all = [...this.#idle.values()].flat();
    this.#idle.clear();
    this.#idleCount = 0;
    for (const { cancel } of all) cancel();
    await Promise.all(all.map(({ session }) => session.quit()));
  }

  #take(target: Target): ClientSession | null {
    const key = keyOf(target);
    const idle = this.#idle.get(key);
    const last = idle?.pop();
    if (idle === undefined || last === undefined) return null;
    if (idle.length === 0) this.#idle.delete(key);
    this.#idleCount--;
    last.cancel();
    return last.session;
  }

  #keep(session: ClientSession): void {
    const key = keyOf(session.target);
    const idle = this.#idle.get(key) ?? [];
    if (!session.reusable || this.#closed || this.#idleCount >= IDLE_SESSIONS_MAX || idle.length >= IDLE_SESSIONS_PER_HOST_MAX) {
      void session.quit();
      return;
    }
    const entry: Idle = { session, cancel: this.#world.clock.timer(IDLE_MS, () => this.#expire(key, entry)) };
    idle.push(entry);
    this.#idle.set(key, idle);
    this.#idleCount++;
  }

  #expire(key: string, entry: Idle): void {
    const idle = this.#idle.get(key);
    const at = idle?.indexOf(entry) ?? -1;
    if (idle === undefined || at < 0) return;
    idle.splice(at, 1);
    if (idle.length === 0) this.#idle.delete(key);
    this.#idleCount--;
    void entry.session.quit();
  }
}

/** TLS is part of it: what one policy allowed another may not. */
function keyOf({ host, address, port, tls }: Target): string {
  return `${tls} ${host} ${address} ${port}`;
}
