import type { Command } from "../../imap/command.ts";
import { Exchange, type ExchangeAnswer } from "../../sasl/exchange.ts";
import { offeredMechanisms } from "../../sasl/mechanism.ts";
import { LOGIN_TIMEOUT_MS } from "../limits.ts";
import { bad, no } from "../response.ts";
import type { CommandOutcome, Session } from "../session.ts";
import { loggedIn, loginRefused } from "./login.ts";

/** RFC 9051 section 6.2.2, RFC 4959. */
export async function authenticate(session: Session, command: Extract<Command, { kind: "authenticate" }>): Promise<CommandOutcome> {
  if (!session.secure) return no("Begin TLS first", { kind: "PRIVACYREQUIRED" });
  const { tls } = session.connection;
  const offered = offeredMechanisms({ tls: true, channelBinding: tls?.protocol === "TLSv1.3", login: session.deps.settings.offerLogin });
  const name = offered.find((mechanism) => mechanism === command.mechanism);
  if (name === undefined) return no("That mechanism is not offered", { kind: "CANNOT" });
  const exchange = new Exchange(name, {
    authenticator: session.deps.authenticator,
    random: session.deps.random,
    channelBinding: () => (tls?.protocol === "TLSv1.3" ? tls.exportKeyingMaterial(32, "EXPORTER-Channel-Binding") : null),
    plusOffered: offered.includes("SCRAM-SHA-256-PLUS"),
  });
  let answer = await exchange.begin(command.initialResponse === null ? null : command.initialResponse.toString("base64"));
  while (answer.kind === "challenge") {
    session.writer.ascii("+ ").ascii(answer.base64).crlf();
    session.flush();
    const line = await nextLine(session);
    if (line === null) return { kind: "end" };
    answer = await exchange.respond(line);
  }
  return finish(session, answer);
}

function finish(session: Session, answer: Exclude<ExchangeAnswer, { kind: "challenge" }>): Promise<CommandOutcome> | CommandOutcome {
  switch (answer.kind) {
    case "accepted":
      return loggedIn(session, answer.login);
    case "refused":
      return loginRefused(session);
    case "unavailable":
      return no("Logins can not be checked now", { kind: "UNAVAILABLE" });
    case "malformed":
      return bad("Not what the mechanism allows here");
    case "cancelled":
      return bad("Cancelled");
  }
}

/** Null when the client is gone. A line that is too long is no answer of any mechanism. */
async function nextLine(session: Session): Promise<string | null> {
  for (;;) {
    const event = session.reader.nextLine();
    if (event.kind === "line") return event.octets.toString("latin1");
    if (event.kind === "too-long") return "!";
    const answer = await session.chunks.next(LOGIN_TIMEOUT_MS);
    if (answer.kind !== "bytes") return null;
    session.reader.push(answer.bytes);
  }
}
