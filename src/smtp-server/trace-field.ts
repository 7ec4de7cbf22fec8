/**
 * The Received field of this hop (RFC 5321 section 4.4, RFC 3848, RFC 6531 section 3.7.3).
 *
 * It goes in front of the content. A Return-Path that is in the content already is left alone on the mx role: final delivery, which knows the
 * reverse-path, removes it and writes its own.
 */
import { writeAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { writeDate } from "../message/date.ts";
import type { Session } from "./session.ts";
import type { MailTransaction } from "./transaction.ts";

/** One folded field with its last CRLF, in UTF-8. */
export function traceField(session: Session, transaction: MailTransaction, receivedAt: number): Buffer {
  const { settings } = session.deps;
  const { tls } = session.connection;
  const lines = [
    `Received: from ${fromClause(session)}`,
    `\tby ${settings.hostname} with ${protocolOf(session, transaction)} id ${session.traceId}`,
  ];
  if (tls !== null) lines.push(`\t(${tls.protocol} ${tls.cipher})`);
  const forClause = forClauseOf(transaction);
  if (forClause !== null) lines.push(`\t${forClause}`);
  return Buffer.from(`${lines.join("\r\n")};\r\n\t${writeDate(receivedAt)}\r\n`, "utf8");
}

/** `name ([address])`: what the peer called itself, and where it came from. */
function fromClause(session: Session): string {
  if (session.isSubmission && session.deps.settings.hideSubmitter) return "localhost (client withheld)";
  const { address } = session.connection.remote;
  const literal = address.includes(":") ? `IPv6:${address}` : address;
  return `${nameOf(session)} ([${literal}])`;
}

/** What is no domain could end the clause or begin a comment: only harmless characters of it stay. */
function nameOf(session: Session): string {
  const said = session.hello?.domain ?? "unknown";
  return parseDomain(said) ?? said.replace(/[^A-Za-z0-9.:[\]_-]/g, "?");
}

/** RFC 3848, and for internationalized mail RFC 6531 section 4.3: S for TLS, A for a login. */
function protocolOf(session: Session, transaction: MailTransaction): string {
  const suffix = `${session.connection.tls === null ? "" : "S"}${session.login === null ? "" : "A"}`;
  if (transaction.parameters.smtpUtf8) return `UTF8SMTP${suffix}`;
  return session.hello?.extended === true ? `ESMTP${suffix}` : "SMTP";
}

/** Only for one recipient: otherwise each would learn of the others (RFC 5321 section 7.2 and 7.6). */
function forClauseOf(transaction: MailTransaction): string | null {
  const [only, ...others] = transaction.recipients;
  if (only === undefined || others.length > 0) return null;
  const written = writeAddress(only.address);
  return /[^\x20-\x7e]/.test(written) && !transaction.parameters.smtpUtf8 ? null : `for <${written}>`;
}
