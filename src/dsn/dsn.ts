/**
 * Delivery status notifications (RFC 3461, RFC 3464, RFC 6522; RFC 6533 for internationalized mail).
 *
 * `composeReport` makes one message about recipients of one message that share an action: text for people in Japanese
 * and English, the machine-readable part, and what is returned of the message. Whether a report is owed at all is
 * `wanted`: never about a message with a null reverse-path, never against NOTIFY.
 *
 * The report leaves with a null reverse-path (RFC 3461 section 6.1), so that it is never answered by another.
 */
import type { Address, ReversePath } from "../address/address.ts";
import { writeAddress } from "../address/address.ts";
import { writeDate } from "../message/date.ts";
import { writeMessage, type ComposedPart } from "../message/write-message.ts";
import type { Random } from "../port/random.ts";
import { writeDeliveryStatus } from "./delivery-status.ts";
import { headerOf, messageIdOf, returnable } from "./returned-content.ts";
import { reportSubject, reportText } from "./report-text.ts";

/** RFC 3464 section 2.3.3. */
export type Action = "failed" | "delayed" | "delivered" | "relayed" | "expanded";
export type ReportLanguage = "ja" | "en";

export interface ReportedRecipient {
  readonly address: Address;
  /** With its address type: "rfc822;user@example.test". Null when the sender gave none. */
  readonly originalRecipient: string | null;
  /** RFC 3463: "5.1.1". */
  readonly status: string;
  /** The host that said so, null when none did. */
  readonly remoteMta: string | null;
  /** `smtp`: a peer's reply with its code. `local`: our own words. Any text; it is bounded and made printable here. */
  readonly diagnostic: { readonly from: "smtp"; readonly code: number; readonly text: string } | { readonly from: "local"; readonly text: string } | null;
  /** Milliseconds since the epoch. */
  readonly lastAttemptAt: number | null;
  /** For `delayed`: until when it is tried. */
  readonly willRetryUntil: number | null;
}

export interface Report {
  readonly action: Action;
  readonly recipients: readonly [ReportedRecipient, ...ReportedRecipient[]];
  /** The sender of the message reported about: who gets the report. */
  readonly to: Address;
  /** The name of this host, as RFC 3464 section 2.2.2 wants it. */
  readonly reportingMta: string;
  readonly envelopeId: string | null;
  readonly ret: "full" | "headers" | null;
  /** Whether the message came by SMTPUTF8, so that its sender can read RFC 6533's forms. */
  readonly smtpUtf8: boolean;
  /** Milliseconds since the epoch. */
  readonly arrivedAt: number;
  readonly now: number;
  /** The message; null when it cannot be read any more. */
  readonly content: Buffer | null;
  /** Whose text comes first. */
  readonly language: ReportLanguage;
}

export interface ComposedReport {
  readonly content: Buffer;
  readonly bodyType: "7bit" | "8bitmime";
  readonly smtpUtf8: boolean;
}

/**
 * Whether a sender is to be told (RFC 3461 section 5.2.1): never about a message with a null reverse-path or NOTIFY=NEVER;
 * without NOTIFY about failures and delays.
 */
export function wanted(action: Action, notify: readonly ("success" | "failure" | "delay")[] | "never" | null, reversePath: ReversePath): boolean {
  if (reversePath.kind === "null" || notify === "never") return false;
  const keyword = action === "failed" ? "failure" : action === "delayed" ? "delay" : "success";
  return (notify ?? ["failure", "delay"]).includes(keyword);
}

/** The report as a message. It is sent from the null reverse-path to `report.to`, with NOTIFY=NEVER (RFC 3461 section 6.1). */
export function composeReport(report: Report, random: Random): ComposedReport {
  const header = report.content === null ? null : headerOf(report.content);
  const messageId = header === null ? null : messageIdOf(header);
  const message: ComposedPart = {
    fields: [
      ["From", `Mail Delivery System <MAILER-DAEMON@${report.reportingMta}>`],
      ["To", `<${writeAddress(report.to)}>`],
      ["Subject", reportSubject(report)],
      ["Date", writeDate(report.now)],
      ["Message-ID", `<${random.bytes(16).toString("hex")}@${report.reportingMta}>`],
      // RFC 3834 section 5: nobody answers this by a machine.
      ["Auto-Submitted", "auto-replied"],
      ...(messageId === null ? [] : ([["In-Reply-To", messageId], ["References", messageId]] as const)),
    ],
    body: {
      kind: "multipart",
      subtype: "report",
      params: [["report-type", "delivery-status"]],
      parts: [
        { fields: [["Content-Description", "Notification"]], body: { kind: "text", subtype: "plain", text: reportText(report) } },
        octetsPart("Delivery report", report.smtpUtf8 ? "message/global-delivery-status" : "message/delivery-status", writeDeliveryStatus(report)),
        ...returnedPart(report, header),
      ],
    },
  };
  const content = writeMessage(message, random, { utf8Fields: report.smtpUtf8 });
  return { content, bodyType: isSevenBit(content) ? "7bit" : "8bitmime", smtpUtf8: report.smtpUtf8 };
}

/** RFC 3461 section 4.3: RET matters only where a failure is reported; else the headers are enough. */
function returnedPart(report: Report, header: Buffer | null): ComposedPart[] {
  if (report.content === null || header === null) return [];
  if (report.action === "failed" && report.ret === "full" && returnable(report.content)) {
    return [octetsPart("Undelivered message", report.smtpUtf8 ? "message/global" : "message/rfc822", report.content)];
  }
  return [octetsPart("Message headers", report.smtpUtf8 ? "message/global-headers" : "text/rfc822-headers", header)];
}

function octetsPart(description: string, type: string, octets: Buffer): ComposedPart {
  return { fields: [["Content-Description", description]], body: { kind: "octets", type, octets } };
}

function isSevenBit(octets: Buffer): boolean {
  // In latin1 every octet is one character, so one search over the text finds the first one above 127.
  return !/[\x80-\xff]/.test(octets.toString("latin1"));
}
