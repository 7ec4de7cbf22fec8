/** The shape of a message: a tree of parts that names octets by offset and copies nothing. */

/** Octets `start` to `end` - 1 of the content. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One header field (RFC 5322 section 2.2). */
export interface Field {
  /** As written, octets read as latin1. */
  readonly name: string;
  readonly nameLower: string;
  /** The whole field: from the first octet of the name to behind the last line end. */
  readonly start: number;
  readonly end: number;
  /** The octets after the colon, folds inside, without the last line end. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** Parameters of Content-Type and Content-Disposition (RFC 2045 section 5.1, RFC 2231). */
export interface Parameters {
  /** Names in lower case; continuations joined, charsets decoded. */
  readonly params: ReadonlyMap<string, string>;
  /**
   * In the order written, for BODYSTRUCTURE: continuations joined (RFC 2231 section 8), but a value with a charset stays
   * encoded under its name with a star (`filename*`, `utf-8''%E4...`). Octets read as latin1.
   */
  readonly wireParams: readonly (readonly [name: string, value: string])[];
}

export interface ContentType extends Parameters {
  /** Lower case. */
  readonly type: string;
  /** Lower case. */
  readonly subtype: string;
}

/** RFC 2183. */
export interface ContentDisposition extends Parameters {
  /** Lower case: "inline", "attachment" or another token. */
  readonly type: string;
}

/** Why a part was not looked into: limits.ts names the numbers. */
export type PartLimit = "depth" | "parts" | "fields" | "header-octets";

/**
 * One MIME part, or a whole message. The tree keeps the content's buffer alive: fields and everything made of them are read
 * from it when first asked for. Part numbers as IMAP has them (RFC 9051 section 6.4.5.1) follow from `children` and `message`.
 */
export interface MessagePart {
  /**
   * - leaf: neither of the following, or one of them that could not be looked into (no boundary, encoded, a limit).
   * - multipart: has `children`, possibly none when no delimiter was found.
   * - message: message/rfc822 or message/global; `message` is what is inside.
   */
  readonly kind: "leaf" | "multipart" | "message";
  /** With the empty line behind it, where there is one. */
  readonly header: Span;
  /** Starts at `header.end`. Without the line end before the delimiter that ends it (RFC 2046 section 5.1.1). */
  readonly body: Span;
  /** Octets of the body. */
  readonly octets: number;
  /** Lines of the body, counted by their ends, as Dovecot and Cyrus do. */
  readonly lines: number;
  /** In order. Lines of the header that are no field are left out. */
  readonly fields: readonly Field[];
  /** What is declared, or the default (RFC 2045 section 5.2, RFC 2046 section 5.1.5). */
  readonly contentType: ContentType;
  /** Whether a Content-Type was there and could be read. */
  readonly contentTypeDeclared: boolean;
  readonly disposition: ContentDisposition | null;
  /** Content-Transfer-Encoding in lower case, "7bit" when there is none. */
  readonly encoding: string;
  /** With the angle brackets. This and the following four: unfolded, octets read as latin1. */
  readonly contentId: string | null;
  readonly description: string | null;
  readonly location: string | null;
  readonly md5: string | null;
  readonly language: readonly string[] | null;
  readonly children: readonly MessagePart[];
  readonly message: MessagePart | null;
  /** Not null when a limit stopped the parser here; what lies behind it is opaque. */
  readonly limit: PartLimit | null;
}
