/** What a message needs of a server, held against what the server offers: nothing is sent that it may not understand. */
import type { Address } from "../address/address.ts";
import { writeAddress } from "../address/address.ts";
import type { AttemptReply } from "../queue/queued-message.ts";
import type { MailTransaction } from "../queue/transport.ts";
import { LineEnds } from "../smtp/data.ts";
import type { MailParameters } from "../smtp/parameter.ts";
import type { Extensions } from "../smtp/reply-reader.ts";
import { ownReply } from "./peer-reply.ts";

export interface Requirements {
  /** Octets above 127, in a header or body. */
  readonly eightBit: boolean;
  /** Octets above 127 in a header, or an internationalized reverse-path (RFC 6531). */
  readonly smtpUtf8: boolean;
  /** NUL, bare CR or LF: only BINARYMIME and BDAT carry them (RFC 3030). */
  readonly binary: boolean;
}
export type Plan =
  | { readonly kind: "send"; readonly parameters: MailParameters; readonly chunking: boolean; /** Reports are passed on to the server (RFC 3461). */ readonly dsn: boolean; readonly smtpUtf8: boolean }
  | { readonly kind: "refuse"; readonly reply: AttemptReply };

const ABOVE_ASCII = /[\x80-\xff]/;

/** Scans the content once. */
export function requirementsOf(transaction: MailTransaction): Requirements {
  const { envelope, content } = transaction;
  const ends = new LineEnds();
  ends.feed(content);
  const headerEnd = content.indexOf("\r\n\r\n");
  const header = headerEnd < 0 ? content : content.subarray(0, headerEnd);
  const headerEightBit = hasEightBit(header);
  const international = envelope.reversePath.kind === "address" && isInternational(envelope.reversePath.address);
  // Without the flag, octets above 127 in a header are an old client's unlabelled 8-bit text, not RFC 6532's.
  const smtpUtf8 = international || (envelope.smtpUtf8 && headerEightBit);
  return { eightBit: headerEightBit || hasEightBit(content.subarray(header.length)), smtpUtf8, binary: !ends.strict || content.includes(0) };
}

export function isInternational(address: Address): boolean {
  return /[^\x00-\x7f]/.test(writeAddress(address));
}

/** Looked at piece by piece: a large message is not turned into a string as a whole. */
function hasEightBit(octets: Buffer): boolean {
  for (let at = 0; at < octets.length; at += 65536) if (ABOVE_ASCII.test(octets.toString("latin1", at, at + 65536))) return true;
  return false;
}

export function planFor(transaction: MailTransaction, needs: Requirements, extensions: Extensions, host: string): Plan {
  const { envelope, recipients, content } = transaction;
  const refuse = (status: string, text: string): Plan => ({ kind: "refuse", reply: ownReply(status, `${host} ${text}`, host) });
  const sizeMax = Number(/^\d{1,15}$/.exec(extensions.get("SIZE") ?? "")?.[0] ?? 0);
  // RFC 1870 section 6.1: what is known to be too large is not sent. Zero is no limit.
  if (sizeMax > 0 && content.length > sizeMax) return refuse("5.3.4", `accepts at most ${sizeMax} octets; the message has ${content.length}`);
  const smtpUtf8 = needs.smtpUtf8 || recipients.some((recipient) => isInternational(recipient.address));
  if (needs.smtpUtf8 && !extensions.has("SMTPUTF8")) return refuse("5.6.7", "does not support internationalized mail (SMTPUTF8)");
  // Converting would change what signatures cover and what the author wrote, so it is not done (RFC 3463, X.6.3).
  if (needs.binary && !(extensions.has("CHUNKING") && extensions.has("BINARYMIME"))) return refuse("5.6.3", "does not support binary messages (BINARYMIME)");
  if (needs.eightBit && !extensions.has("8BITMIME")) return refuse("5.6.3", "does not support 8-bit messages (8BITMIME)");
  const dsn = extensions.has("DSN");
  return {
    kind: "send", chunking: needs.binary, dsn, smtpUtf8: smtpUtf8 && extensions.has("SMTPUTF8"),
    parameters: {
      size: extensions.has("SIZE") ? content.length : null,
      body: needs.binary ? "binarymime" : needs.eightBit ? "8bitmime" : null,
      smtpUtf8: smtpUtf8 && extensions.has("SMTPUTF8"),
      ret: dsn ? envelope.ret : null,
      envelopeId: dsn ? envelope.envelopeId : null,
      auth: null,
    },
  };
}
