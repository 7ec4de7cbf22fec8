/** What operators choose for the SMTP servers. */
import type { Domain } from "../address/address.ts";

export interface SmtpServerSettings {
  /** This server's name, in the greeting and the trace field; `<Postmaster>` is looked up in it. */
  readonly hostname: Domain;
  /** Octets of one message without our own fields (RFC 1870). */
  readonly messageBytesMax: number;
  /** Recipients of one message, at least 100. */
  readonly recipientsMax: number;
  /** Recipients of one message with the null reverse-path. Notifications have one; a hundred must be taken all the same. */
  readonly nullSenderRecipientsMax: number;
  /** Messages of one session. */
  readonly messagesMax: number;
  /** Whether LOGIN is offered beside PLAIN, for clients that know nothing else. */
  readonly offerLogin: boolean;
  /** Whether there is a certificate for STARTTLS. */
  readonly startTls: boolean;
  /** Leaves the address and the name of the submitter's machine out of the trace field. */
  readonly hideSubmitter: boolean;
}

export const smtpServerDefaults: Omit<SmtpServerSettings, "hostname"> = {
  messageBytesMax: 50_000_000,
  recipientsMax: 1000,
  nullSenderRecipientsMax: 100,
  messagesMax: 1000,
  offerLogin: false,
  startTls: true,
  hideSubmitter: true,
};
