import type { Command } from "../../imap/command.ts";
import type { Login } from "../../sasl/authenticator.ts";
import { LOGIN_FAILURE_DELAY_MS, LOGIN_FAILURES_MAX } from "../limits.ts";
import { no, ok, refusal } from "../response.ts";
import type { CommandOutcome, Session } from "../session.ts";

/** RFC 9051 section 6.2.3. */
export async function login(session: Session, command: Extract<Command, { kind: "login" }>): Promise<CommandOutcome> {
  if (!session.secure) return no("Begin TLS first", { kind: "PRIVACYREQUIRED" });
  const answer = await session.deps.authenticator.verifyPassword(command.userName, command.password);
  switch (answer.kind) {
    case "accepted":
      return loggedIn(session, answer.login);
    case "refused":
      return loginRefused(session);
    case "unavailable":
      return no("Logins can not be checked now", { kind: "UNAVAILABLE" });
  }
}

/** Opens the account of who logged in. */
export async function loggedIn(session: Session, login: Login): Promise<CommandOutcome> {
  const { deps } = session;
  // Asked first: from the lease on nothing may fail, or nobody would give it back.
  const quotaBytes = await deps.quotaOf(login.accountId);
  const lease = await deps.accounts.use(login.accountId);
  if (lease.kind !== "done") return refusal(lease);
  lease.value.account.quotaBytes = quotaBytes;
  session.authenticated = { login, lease: lease.value };
  session.reader.messageBytesMax = deps.settings.messageBytesMax;
  deps.metrics.count("tayori_logins_total", { protocol: "imap", result: "accepted" });
  session.log.info("imap-login", { account: login.accountId, peer: session.connection.remote.address, tls: session.connection.tls?.protocol ?? null });
  return ok("Logged in", { kind: "CAPABILITY", capabilities: session.capabilities() });
}

/** Late, so that guessing is slow, and the same whatever was wrong. */
export async function loginRefused(session: Session): Promise<CommandOutcome> {
  session.loginFailures += 1;
  session.deps.metrics.count("tayori_logins_total", { protocol: "imap", result: "refused" });
  session.log.info("imap-login-refused", { peer: session.connection.remote.address });
  await session.deps.clock.sleep(LOGIN_FAILURE_DELAY_MS);
  if (session.loginFailures < LOGIN_FAILURES_MAX) return no("Wrong name or password", { kind: "AUTHENTICATIONFAILED" });
  session.bye("Too many failed logins", "login-failures");
  return { kind: "end" };
}
