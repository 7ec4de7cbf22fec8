/** Decodes encoded words (RFC 2047) in unfolded header text or its octets; what is broken stays as it is. */
export declare function decodeEncodedWords(text: string | Uint8Array): string;
/** Unstructured text for a header field (RFC 2047 B, UTF-8), folded by CRLF SP; printable ASCII stays as it is. */
export declare function encodeHeaderText(text: string): string;
