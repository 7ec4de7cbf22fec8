import type { Brand } from "../base/brand.ts";

/** A domain: lower case A-labels (RFC 5890), or an address literal in brackets (RFC 5321 section 4.1.3). */
export type Domain = Brand<string, "Domain">;

/** A mail address (RFC 5321 section 4.1.2, RFC 6531). The local part is unquoted and keeps its case. */
export interface Address {
  readonly localPart: string;
  readonly domain: Domain;
}

/** The reverse-path of a mail transaction: `<>` is a value of its own (RFC 5321 section 4.5.5). */
export type ReversePath = { readonly kind: "null" } | { readonly kind: "address"; readonly address: Address };
