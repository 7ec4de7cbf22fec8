import type { MessagePart } from "./part.ts";

/** The decoded text of a text part, "" for others. */
export declare function textOfPart(content: Buffer, part: MessagePart): string;
/** Readable text of HTML, for SEARCH: tags, scripts and comments gone, references decoded. Linear. */
export declare function textOfHtml(html: string): string;
/** The file name a part proposes (RFC 2183 section 2.3), encoded words decoded; null when there is none. */
export declare function fileNameOf(part: MessagePart): string | null;
