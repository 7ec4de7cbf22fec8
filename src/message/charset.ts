/** Octets to text by a charset label as mail has them (any case, aliases, UTF-7). Never throws: unknown labels are UTF-8 or windows-1252. */
export declare function decodeCharset(bytes: Uint8Array, label: string): string;
