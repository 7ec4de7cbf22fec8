/** EHLO and HELO (RFC 5321 section 4.1.1.1). Both begin anew: a transaction under way is dropped (section 4.1.4). */
import { offeredMechanisms } from "../../sasl/mechanism.ts";
import type { MechanismName } from "../../sasl/mechanism.ts";
import type { CommandOf } from "../../smtp/command.ts";
import type { Outcome, Session } from "../session.ts";

export function ehlo(session: Session, command: CommandOf<"EHLO">): Outcome {
  session.idleCommands++;
  session.dropTransaction();
  session.hello = { extended: true, domain: command.domain };
  return { kind: "hello", lines: [session.deps.settings.hostname, ...extensions(session)] };
}

/** Without extensions, parameters are refused. */
export function helo(session: Session, command: CommandOf<"HELO">): Outcome {
  session.idleCommands++;
  session.dropTransaction();
  session.hello = { extended: false, domain: command.domain };
  return { kind: "hello", lines: [session.deps.settings.hostname] };
}

/** LIMITS is RFC 9422. */
function extensions(session: Session): string[] {
  const { settings } = session.deps;
  const lines = [
    "PIPELINING",
    `SIZE ${settings.messageBytesMax}`,
    "8BITMIME",
    "SMTPUTF8",
    "CHUNKING",
    "BINARYMIME",
    "ENHANCEDSTATUSCODES",
    "DSN",
    `LIMITS RCPTMAX=${settings.recipientsMax} MAILMAX=${settings.messagesMax}`,
  ];
  if (session.connection.tls === null && settings.startTls) lines.push("STARTTLS");
  const mechanisms = mechanismsOf(session);
  if (mechanisms.length > 0) lines.push(`AUTH ${mechanisms.join(" ")}`);
  return lines;
}

/** None on the mx role, and none in clear text. */
export function mechanismsOf(session: Session): readonly MechanismName[] {
  if (!session.isSubmission) return [];
  const { tls } = session.connection;
  return offeredMechanisms({ tls: tls !== null, channelBinding: bindsChannel(session), login: session.deps.settings.offerLogin });
}

/** RFC 9266 section 3: with TLS 1.2 the exporter is only unique where the extended master secret was used, which we are not told. */
export function bindsChannel(session: Session): boolean {
  return session.connection.tls?.protocol === "TLSv1.3";
}
