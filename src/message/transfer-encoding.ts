/** Undoes a Content-Transfer-Encoding (RFC 2045 section 6): base64, quoted-printable, x-uuencode; others give the same octets. */
export declare function decodeTransferEncoding(bytes: Buffer, encoding: string): Buffer;
