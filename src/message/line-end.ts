/** Every bare LF becomes CRLF; the same buffer when there is none. For import only: mail from the wire is never rewritten. */
export declare function toCrlf(content: Buffer): Buffer;
