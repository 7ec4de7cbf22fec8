/**
 * The SMTP servers: mx (RFC 5321, from other servers) and submission (RFC 6409, from people; RFC 8314 with TLS from the start).
 *
 * `serveSmtp` runs one connection to its end. A message is answered 250 only after `intake.deliver` said that it is durable; when the connection
 * ends before the end of the content, nothing is delivered. On the mx role there is no AUTH; on submission there is nothing without it.
 * How many connections there may be is for the listener to decide.
 */
import type { Intake } from "../delivery/received.ts";
import type { Clock } from "../port/clock.ts";
import type { Connection } from "../port/connection.ts";
import type { Drain } from "../port/drain.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import type { Authenticator } from "../sasl/authenticator.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { Session } from "./session.ts";
import type { SmtpServerSettings } from "./settings.ts";

/** `submission` begins in clear text and goes on by STARTTLS; `submissions` is under TLS from the start. */
export type SmtpRole = "mx" | "submission" | "submissions";

export interface SmtpServerDeps {
  readonly settings: SmtpServerSettings;
  readonly intake: Intake;
  /** Not asked on the mx role. */
  readonly authenticator: Authenticator;
  /** Shared by all sessions that run together. */
  readonly budget: MemoryBudget;
  /** When it begins, a session ends by 421 4.3.2 as soon as it is in no transaction. */
  readonly drain: Drain;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Resolves when the connection is closed and nothing of the session is left. Never rejects. */
export function serveSmtp(connection: Connection, deps: SmtpServerDeps, role: SmtpRole): Promise<void> {
  return new Session(connection, deps, role).run();
}
