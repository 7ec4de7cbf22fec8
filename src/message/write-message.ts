import type { Random } from "../port/random.ts";

export interface ComposedPart {
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: ComposedBody;
}
export type ComposedBody =
  /** text/plain or another text type; written as UTF-8. */
  | { readonly kind: "text"; readonly subtype: string; readonly text: string; readonly params?: readonly (readonly [string, string])[] }
  /** Octets that need no transfer encoding: message/delivery-status, message/rfc822, text/rfc822-headers. Lines ended by CRLF. */
  | { readonly kind: "octets"; readonly type: string; readonly octets: Buffer }
  | { readonly kind: "multipart"; readonly subtype: string; readonly params?: readonly (readonly [string, string])[]; readonly parts: readonly ComposedPart[] };

/** Writes a message, CRLF line ends, MIME-Version in front of the content fields. Field values are encoded and folded where needed. */
export declare function writeMessage(message: ComposedPart, random: Random): Buffer;
