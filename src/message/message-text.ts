/**
 * The text of a message as a search sees it: header fields with encoded words decoded, text parts with their transfer
 * encoding and charset undone, all folded so that case does not matter. Made part by part, only as far as it is asked for.
 */
import { parseAddressList } from "./address-list.ts";
import { decodeEncodedWords } from "./encoded-word.ts";
import { fieldsNamed, fieldValue } from "./header-fields.ts";
import { parseMessage } from "./message.ts";
import type { MessagePart } from "./part.ts";
import { textOfPart } from "./text.ts";

export class MessageText {
  readonly #content: Buffer;
  readonly #message: MessagePart;
  #body: string | null = null;

  constructor(content: Buffer) {
    this.#content = content;
    this.#message = parseMessage(content);
  }
  /** How texts are compared: composed the same way, and without regard to case (RFC 5051 in spirit; i;unicode-casemap). */
  static fold(text: string): string {
    return text.normalize("NFC").toLowerCase();
  }
  /** The first field of that name (lower case), decoded; null when there is none. */
  header(name: string): string | null {
    const field = fieldsNamed(this.#message, name)[0];
    return field === undefined ? null : decodeEncodedWords(fieldValue(this.#content, field));
  }
  /** Whether a field of that name contains the folded text; "" for any field of that name. */
  headerContains(name: string, folded: string): boolean {
    return fieldsNamed(this.#message, name).some((field) => folded === "" || MessageText.fold(decodeEncodedWords(fieldValue(this.#content, field))).includes(folded));
  }
  /** The same for a field of addresses, which count as they are written and also without their comments, folds and blanks (RFC 9051 section 6.4.4: the envelope's). */
  addressesContain(name: string, folded: string): boolean {
    if (this.headerContains(name, folded)) return true;
    return fieldsNamed(this.#message, name).some((field) => {
      const addresses = parseAddressList(fieldValue(this.#content, field));
      return addresses.some((address) => MessageText.fold(`${decodeEncodedWords(address.name ?? "")} <${address.mailbox ?? ""}@${address.host ?? ""}>`).includes(folded));
    });
  }
  bodyContains(folded: string): boolean {
    this.#body ??= MessageText.fold(bodyText(this.#content, this.#message));
    return this.#body.includes(folded);
  }
  /** Header or body. */
  contains(folded: string): boolean {
    return this.#message.fields.some((field) => MessageText.fold(`${field.name}: ${decodeEncodedWords(fieldValue(this.#content, field))}`).includes(folded)) || this.bodyContains(folded);
  }
}

/** Every text part, and the header and text of messages inside. */
function bodyText(content: Buffer, part: MessagePart): string {
  switch (part.kind) {
    case "multipart":
      return part.children.map((child) => bodyText(content, child)).join("\n");
    case "message": {
      const inner = part.message;
      if (inner === null) return "";
      const fields = inner.fields.map((field) => `${field.name}: ${decodeEncodedWords(fieldValue(content, field))}`);
      return [...fields, bodyText(content, inner)].join("\n");
    }
    case "leaf":
      return part.contentType.type === "text" || part.contentType.type === "message" ? textOfPart(content, part) : "";
  }
}
