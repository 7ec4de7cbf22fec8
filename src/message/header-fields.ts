import type { Field, MessagePart } from "./part.ts";

/** The fields of that name (any case), in order. */
export declare function fieldsNamed(part: MessagePart, name: string): readonly Field[];
/** The field's value, unfolded and trimmed (RFC 5322 section 2.2.3), octets as UTF-8 where they are valid, else as windows-1252. */
export declare function fieldValue(content: Buffer, field: Field): string;
/** The first field of that name as `fieldValue` gives it, encoded words not decoded; null when there is none. */
export declare function headerField(content: Buffer, part: MessagePart, name: string): string | null;
/** The header as IMAP's BODY[HEADER] has it: always ended by an empty line. */
export declare function headerBlock(content: Buffer, part: MessagePart): Buffer;
/** BODY[HEADER.FIELDS (...)] and, with `not`, HEADER.FIELDS.NOT (RFC 9051 section 6.4.5.1): raw fields and the final CRLF. `names` in lower case. */
export declare function selectHeaderFields(content: Buffer, part: MessagePart, names: ReadonlySet<string>, not: boolean): Buffer;
