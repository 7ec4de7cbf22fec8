/**
 * What a submission server does to a message before it is sent on (RFC 6409 section 8): it removes Bcc, adds Date and Message-ID where they are
 * missing, and checks that the author is somebody the login may write as (section 6.1).
 */
import type { Address } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { parseAddressList } from "../message/address-list.ts";
import { writeDate } from "../message/date.ts";
import { fieldValue, fieldsNamed } from "../message/header-fields.ts";
import { scanHeader } from "../message/header-scan.ts";
import { messageLimits } from "../message/limits.ts";
import { parseMessage } from "../message/message.ts";
import type { MessagePart } from "../message/part.ts";
import type { Login } from "../sasl/authenticator.ts";
import type { Rejection } from "../smtp/reply.ts";
import { AUTHORS_MAX } from "./limits.ts";
import { replies } from "./replies.ts";
import type { SmtpServerDeps } from "./smtp-server.ts";

/** Fields of our own to put in front, and the content without what had to go. */
export type SubmissionAnswer = { readonly kind: "ready"; readonly front: Buffer; readonly pieces: readonly Buffer[] } | { readonly kind: "refused"; readonly reply: Rejection };

export async function prepareSubmission(deps: SmtpServerDeps, login: Login, content: Buffer): Promise<SubmissionAnswer> {
  const scan = scanHeader(content, 0, messageLimits, () => false);
  // Fields beyond the limits would not be seen here, but by whoever reads the message.
  if (scan.limit !== null) return { kind: "refused", reply: replies.headerTooLarge };
  const header = parseMessage(content.subarray(0, scan.end));
  const refusal = await refusalOfAuthor(deps, login, content, header);
  if (refusal !== null) return { kind: "refused", reply: refusal };
  return { kind: "ready", front: missingFields(deps, header), pieces: withoutBcc(content, header) };
}

async function refusalOfAuthor(deps: SmtpServerDeps, login: Login, content: Buffer, header: MessagePart): Promise<Rejection | null> {
  const authors = addressesOf(content, header, "from");
  const senders = fieldsNamed(header, "sender").length === 0 ? [] : addressesOf(content, header, "sender");
  if (authors === null || senders === null || authors.length === 0) return replies.noAuthor;
  if (authors.length + senders.length > AUTHORS_MAX) return replies.notYourAuthor;
  for (const address of [...authors, ...senders]) {
    const may = await deps.intake.maySendAs(login, address);
    if (may === "unavailable") return replies.localError;
    if (!may) return replies.notYourAuthor;
  }
  return null;
}

/** The addresses of a field that must be there once (RFC 5322 section 3.6); null where it is not, or has something that is no address. */
function addressesOf(content: Buffer, header: MessagePart, name: string): readonly Address[] | null {
  const [field, ...others] = fieldsNamed(header, name);
  if (field === undefined || others.length > 0) return null;
  const addresses: Address[] = [];
  for (const { mailbox, host } of parseAddressList(fieldValue(content, field))) {
    if (mailbox === null || host === null) continue;
    const domain = parseDomain(host);
    if (domain === null || mailbox === "") return null;
    addresses.push({ localPart: mailbox, domain });
  }
  return addresses;
}

function missingFields(deps: SmtpServerDeps, header: MessagePart): Buffer {
  let front = "";
  if (fieldsNamed(header, "date").length === 0) front += `Date: ${writeDate(deps.clock.now())}\r\n`;
  if (fieldsNamed(header, "message-id").length === 0) front += `Message-ID: <${deps.random.bytes(16).toString("hex")}@${deps.settings.hostname}>\r\n`;
  return Buffer.from(front, "latin1");
}

function withoutBcc(content: Buffer, header: MessagePart): readonly Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (const field of header.fields) {
    if (field.nameLower !== "bcc" && field.nameLower !== "resent-bcc") continue;
    pieces.push(content.subarray(from, field.start));
    from = field.end;
  }
  pieces.push(content.subarray(from));
  return pieces;
}
