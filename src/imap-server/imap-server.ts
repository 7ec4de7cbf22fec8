/**
 * IMAP4rev2 and IMAP4rev1 (RFC 9051, RFC 3501): a session per connection over an account that any node can serve.
 *
 * The session only reads and dispatches; one command is one file in command/. What a command foresees is a tagged NO or BAD;
 * anything thrown is a bug or an outage, answered NO [SERVERBUG] once and logged with the session's id.
 */
import type { Accounts } from "../account/accounts.ts";
import type { Clock } from "../port/clock.ts";
import type { Connection } from "../port/connection.ts";
import type { Drain } from "../port/drain.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import type { Authenticator } from "../sasl/authenticator.ts";
import { Session } from "./session.ts";
import type { ImapServerSettings } from "./settings.ts";

export interface ImapServerDeps {
  readonly settings: ImapServerSettings;
  readonly accounts: Accounts;
  readonly authenticator: Authenticator;
  /** The octets an account may hold, by the directory. */
  readonly quotaOf: (accountId: string) => Promise<number>;
  /** When it begins, a session ends by BYE as soon as it is between commands; IDLE is such a place. */
  readonly drain: Drain;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Serves one connection until it ends. Never rejects. */
export async function serveImap(connection: Connection, deps: ImapServerDeps): Promise<void> {
  await new Session(connection, deps).run();
}
