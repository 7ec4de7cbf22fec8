/** The machine-readable part: message/delivery-status (RFC 3464 section 2), message/global-delivery-status (RFC 6533 section 4). */
import { writeAddress, type Address } from "../address/address.ts";
import { utf8 } from "../base/bytes.ts";
import { writeDate } from "../message/date.ts";
import { writeUtf8AddressXtext } from "../smtp/xtext.ts";
import type { Report, ReportedRecipient } from "./dsn.ts";
import { DIAGNOSTIC_OCTETS_MAX, ENVELOPE_ID_OCTETS_MAX } from "./limits.ts";

const ASCII = /^[\x00-\x7f]*$/;

/** Groups of fields, each ended by an empty line but the last (RFC 3464 section 2.1). */
export function writeDeliveryStatus(report: Report): Buffer {
  const perMessage = [
    ...(report.envelopeId === null ? [] : [`Original-Envelope-Id: ${oneLine(report.envelopeId, ENVELOPE_ID_OCTETS_MAX, report.smtpUtf8)}`]),
    `Reporting-MTA: dns; ${oneLine(report.reportingMta, DIAGNOSTIC_OCTETS_MAX, false)}`,
    `Arrival-Date: ${writeDate(report.arrivedAt)}`,
  ];
  const groups = [perMessage, ...report.recipients.map((recipient) => recipientFields(report, recipient))];
  return utf8(groups.map((fields) => fields.map((field) => `${field}\r\n`).join("")).join("\r\n"));
}

function recipientFields(report: Report, recipient: ReportedRecipient): string[] {
  const original = recipient.originalRecipient === null ? null : writeOriginal(recipient.originalRecipient, report.smtpUtf8);
  const diagnostic = diagnosticOf(recipient, report.smtpUtf8);
  return [
    ...(original === null ? [] : [`Original-Recipient: ${original}`]),
    `Final-Recipient: ${writeFinal(recipient.address, report.smtpUtf8)}`,
    `Action: ${report.action}`,
    `Status: ${/^[245]\.\d{1,3}\.\d{1,3}$/.test(recipient.status) ? recipient.status : report.action === "failed" ? "5.0.0" : "4.0.0"}`,
    ...(recipient.remoteMta === null ? [] : [`Remote-MTA: dns; ${oneLine(recipient.remoteMta, DIAGNOSTIC_OCTETS_MAX, false)}`]),
    ...(diagnostic === null ? [] : [`Diagnostic-Code: ${diagnostic}`]),
    ...(recipient.lastAttemptAt === null ? [] : [`Last-Attempt-Date: ${writeDate(recipient.lastAttemptAt)}`]),
    // RFC 3464 section 2.3.9: only where it goes on.
    ...(recipient.willRetryUntil === null || report.action !== "delayed" ? [] : [`Will-Retry-Until: ${writeDate(recipient.willRetryUntil)}`]),
  ];
}

function writeFinal(address: Address, global: boolean): string {
  const written = writeAddress(address);
  if (ASCII.test(written)) return `rfc822; ${written}`;
  return `utf-8; ${global ? written : (writeUtf8AddressXtext(written) ?? "unknown")}`;
}

/** What the sender wrote, in the form the report can carry (RFC 6533 section 3); null when it is of no known shape. */
function writeOriginal(original: string, global: boolean): string | null {
  const match = /^([A-Za-z0-9-]{1,64});(.+)$/s.exec(original);
  if (match === null) return null;
  const [, type, address] = match;
  if (ASCII.test(address!) || global) return `${type}; ${oneLine(address!, DIAGNOSTIC_OCTETS_MAX, global)}`;
  const encoded = writeUtf8AddressXtext(address!);
  // Cut in the middle it would name somebody else.
  return encoded === null || encoded.length > DIAGNOSTIC_OCTETS_MAX ? null : `utf-8; ${encoded}`;
}

/** RFC 3464 section 2.3.6. Our own words have a type of their own, so that nobody takes them for a peer's. */
function diagnosticOf(recipient: ReportedRecipient, global: boolean): string | null {
  const { diagnostic } = recipient;
  if (diagnostic === null) return null;
  if (diagnostic.from === "local") return `x-tayori; ${oneLine(diagnostic.text, DIAGNOSTIC_OCTETS_MAX, global)}`;
  return `smtp; ${diagnostic.code} ${oneLine(diagnostic.text, DIAGNOSTIC_OCTETS_MAX, global)}`;
}

/** One printable line: what could end it, reorder it or hide in it becomes "?", and without RFC 6533 so does all beyond US-ASCII. */
export function oneLine(text: string, octetsMax: number, beyondAscii: boolean): string {
  const unfit = beyondAscii ? /[\p{C}\p{Zl}\p{Zp}]/gu : /[^\x20-\x7e]/gu;
  const line = text.slice(0, octetsMax + 1).replace(/[\r\n\t]+/g, " ").replace(unfit, "?").trim();
  if (Buffer.byteLength(line) <= octetsMax) return line;
  let kept = "";
  let octets = 0;
  for (const character of line) {
    octets += Buffer.byteLength(character);
    if (octets > octetsMax) break;
    kept += character;
  }
  return `${kept}...`;
}
