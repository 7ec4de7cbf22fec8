/** One mail transaction (RFC 5321 section 3.3): from MAIL until the answer to the content, or until it is dropped. */
import type { Address, ReversePath } from "../address/address.ts";
import type { AcceptedRecipient, Envelope } from "../delivery/received.ts";
import type { MailParameters, RcptParameters } from "../smtp/parameter.ts";
import type { Chunks } from "./chunks.ts";

export class MailTransaction {
  readonly reversePath: ReversePath;
  readonly parameters: MailParameters;
  readonly recipients: AcceptedRecipient[] = [];
  /** RCPT commands so far, whatever their answer. */
  attempts = 0;
  /** Content that comes by BDAT; null before the first chunk. */
  chunks: Chunks | null = null;
  readonly #seen = new Set<string>();

  constructor(reversePath: ReversePath, parameters: MailParameters) {
    this.reversePath = reversePath;
    this.parameters = parameters;
  }
  has(address: Address): boolean {
    return this.#seen.has(keyOf(address));
  }
  /** A recipient that was named before stays one recipient, with its first parameters. */
  add(address: Address, parameters: RcptParameters): void {
    if (this.has(address)) return;
    this.#seen.add(keyOf(address));
    this.recipients.push({ address, notify: parameters.notify, originalRecipient: parameters.originalRecipient });
  }
  envelope(): Envelope {
    const { ret, envelopeId, body, smtpUtf8 } = this.parameters;
    return { reversePath: this.reversePath, recipients: this.recipients, ret, envelopeId, bodyType: body ?? "7bit", smtpUtf8 };
  }
}

/** Exact, since only the mailbox's own server may fold the local part (RFC 5321 section 2.4). */
function keyOf(address: Address): string {
  return `${address.localPart}@${address.domain}`;
}
