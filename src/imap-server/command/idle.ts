import { writeContinuation } from "../../imap/write-response.ts";
import { IDLE_TIMEOUT_MS, KEEP_ALIVE_MS } from "../limits.ts";
import { bad, ok } from "../response.ts";
import type { CommandOutcome, Session } from "../session.ts";

/**
 * RFC 2177. What this process does is told at once; what others did, when a hint comes or at the next re-check. A line that
 * says nothing goes out now and then, so that nobody between forgets the connection.
 */
export async function idle(session: Session): Promise<CommandOutcome> {
  writeContinuation(session.writer, "Idling");
  const { account } = session.authenticated!.lease;
  const watch = new ChangeWatch();
  const stop = account.onChange(() => watch.ring());
  const { clock, drain, settings } = session.deps;
  const stopDrain = drain.onDrain(() => watch.ring());
  const startedAt = clock.monotonic();
  let toldAt = startedAt;
  try {
    for (;;) {
      if (!(await tell(session))) return { kind: "end" };
      if (drain.draining) {
        session.sayShuttingDown();
        return { kind: "end" };
      }
      if (session.writer.bytesWaiting > 0) toldAt = clock.monotonic();
      else if (clock.monotonic() - toldAt >= KEEP_ALIVE_MS) {
        session.untagged("OK", "Still here");
        toldAt = clock.monotonic();
      }
      session.flush();
      session.writer.release();
      const line = session.reader.nextLine();
      if (line.kind === "line") return /^done$/i.test(line.octets.toString("latin1").trim()) ? ok("Done idling") : bad("DONE ends IDLE");
      if (line.kind === "too-long") return bad("DONE ends IDLE");
      const woken = await watch.next(session, settings.recheckMs);
      if (woken === "gone") return { kind: "end" };
      if (clock.monotonic() - startedAt > IDLE_TIMEOUT_MS) {
        session.bye("Idle for too long", "timeout");
        return { kind: "end" };
      }
      if (woken === "timer") await account.refresh();
    }
  } finally {
    stop();
    stopDrain();
    watch.cancel();
  }
}

/** False when the selected mailbox is gone. */
async function tell(session: Session): Promise<boolean> {
  if (session.selected === null) return true;
  const told = await session.selected.sync(session.writer, { expunges: true, condstore: session.condstore, withUid: false });
  if (told.kind !== "mailbox-missing") return true;
  session.bye("The selected mailbox was deleted", "mailbox-deleted");
  return false;
}

/** Waits for the client, for a change or for the time, whichever is first. */
class ChangeWatch {
  #rung = false;
  /** The client said something, or is gone. */
  #heard = false;
  #listening = false;
  #wake: (() => void) | null = null;
  #cancelTimer: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }
  async next(session: Session, ms: number): Promise<"change" | "timer" | "input" | "gone"> {
    // One listener for each read: changes and re-checks come many times while the client says nothing.
    if (!this.#listening) {
      this.#listening = true;
      void session.chunks.peek().then(() => {
        this.#heard = true;
        this.#wake?.();
      });
    }
    if (!this.#rung && !this.#heard) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#cancelTimer = session.deps.clock.timer(ms, resolve);
      });
      this.#wake = null;
      this.cancel();
    }
    if (this.#heard) return this.#take(session);
    const why = this.#rung ? "change" : "timer";
    this.#rung = false;
    return why;
  }
  async #take(session: Session): Promise<"input" | "gone"> {
    this.#heard = this.#listening = false;
    const answer = await session.chunks.next(0);
    if (answer.kind !== "bytes") return "gone";
    session.reader.push(answer.bytes);
    return "input";
  }
  cancel(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }
}
