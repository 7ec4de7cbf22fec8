/** AUTH (RFC 4954). The exchange itself is sasl/exchange.ts. */
import type { ExchangeAnswer } from "../../sasl/exchange.ts";
import { Exchange } from "../../sasl/exchange.ts";
import type { MechanismName } from "../../sasl/mechanism.ts";
import type { CommandOf } from "../../smtp/command.ts";
import { AUTH_LINE_BYTES_MAX } from "../../smtp/limits.ts";
import type { Reply } from "../../smtp/reply.ts";
import { LOGIN_FAILURES_MAX } from "../limits.ts";
import { replies } from "../replies.ts";
import type { Outcome, Session } from "../session.ts";
import { bindsChannel, mechanismsOf } from "./ehlo.ts";

/** RFC 9266 section 2. */
const EXPORTER_LABEL = "EXPORTER-Channel-Binding";
const EXPORTER_BYTES = 32;

export async function auth(session: Session, command: CommandOf<"AUTH">): Promise<Outcome> {
  const refusal = refusalOf(session);
  if (refusal !== null) return refusal;
  const mechanism = mechanismsOf(session).find((name) => name === command.mechanism);
  if (mechanism === undefined) return replies.mechanismUnknown;
  return exchange(session, mechanism, command.initial);
}

function refusalOf(session: Session): Reply | null {
  if (!session.isSubmission) return replies.noAuthHere;
  if (session.connection.tls === null) return replies.tlsForAuth;
  if (session.hello?.extended !== true) return replies.helloFirst;
  if (session.login !== null) return replies.authAlready;
  return session.transaction === null ? null : replies.authInTransaction;
}

async function exchange(session: Session, mechanism: MechanismName, initial: string | null): Promise<Outcome> {
  const { authenticator, random } = session.deps;
  session.idleCommands++;
  const { connection } = session;
  const plusOffered = bindsChannel(session);
  const channelBinding = (): Buffer | null => (plusOffered ? connection.tls?.exportKeyingMaterial(EXPORTER_BYTES, EXPORTER_LABEL) ?? null : null);
  const driver = new Exchange(mechanism, { authenticator, random, channelBinding, plusOffered });
  let answer = await driver.begin(initial);
  while (answer.kind === "challenge") {
    session.reply({ kind: "intermediate", code: 334, text: answer.base64 });
    const line = await session.readLine(AUTH_LINE_BYTES_MAX);
    if (line.kind === "gone") return { kind: "close", reply: null };
    if (line.kind === "timeout") return { kind: "close", reply: replies.timeout };
    if (line.kind === "too-long") return replies.authLineTooLong;
    if (line.kind === "bare-line-end") return replies.bareLineEnd;
    answer = await driver.respond(line.line.toString("latin1"));
  }
  session.deps.metrics.count("tayori_smtp_auth_total", { mechanism, result: answer.kind });
  return outcomeOf(session, mechanism, answer);
}

function outcomeOf(session: Session, mechanism: MechanismName, answer: Exclude<ExchangeAnswer, { kind: "challenge" }>): Outcome {
  switch (answer.kind) {
    case "accepted":
      session.login = answer.login;
      session.log.info("smtp-login", { mechanism, account: answer.login.accountId, peer: session.connection.remote.address });
      return replies.loggedIn;
    case "refused":
      session.log.info("smtp-login-refused", { mechanism, peer: session.connection.remote.address });
      return ++session.loginFailures >= LOGIN_FAILURES_MAX ? { kind: "close", reply: replies.loginRefused } : replies.loginRefused;
    case "unavailable":
      return replies.authUnavailable;
    case "malformed":
      return replies.authMalformed;
    case "cancelled":
      return replies.authCancelled;
  }
}
