/** A node of the tree. What is not needed to find the parts is read from the content when first asked for. */
import { OFFSETS_PER_FIELD, countLines, nameEnd, nameIs } from "./header-scan.ts";
import type { HeaderScan } from "./header-scan.ts";
import { fieldOctetsMax } from "./limits.ts";
import { trimBlanks } from "./octets.ts";
import { firstToken, parseContentDisposition, parseContentType } from "./parameters.ts";
import type { ContentDisposition, ContentType, Field, MessagePart, PartLimit, Span } from "./part.ts";

const NO_PARTS: readonly PartTree[] = [];

export class PartTree implements MessagePart {
  readonly #content: Buffer;
  readonly #offsets: readonly number[];
  readonly header: Span;
  readonly contentType: ContentType;
  readonly contentTypeDeclared: boolean;
  #kind: MessagePart["kind"] = "leaf";
  #bodyEnd: number;
  #children = NO_PARTS as PartTree[];
  #message: PartTree | null = null;
  #limit: PartLimit | null;
  #fields: readonly Field[] | null = null;
  #lines = -1;
  #encoding: string | null = null;
  #disposition: ContentDisposition | null | undefined = undefined;

  constructor(content: Buffer, start: number, scan: HeaderScan, defaultType: ContentType) {
    this.#content = content;
    this.#offsets = scan.offsets;
    this.#limit = scan.limit;
    this.header = { start, end: scan.end };
    this.#bodyEnd = scan.end;
    const text = this.#text("content-type");
    const declared = text === null ? null : parseContentType(text);
    this.contentType = declared ?? defaultType;
    this.contentTypeDeclared = declared !== null;
  }

  get kind(): MessagePart["kind"] {
    return this.#kind;
  }
  get body(): Span {
    return { start: this.header.end, end: this.#bodyEnd };
  }
  get octets(): number {
    return this.#bodyEnd - this.header.end;
  }
  get lines(): number {
    if (this.#lines < 0) this.#lines = countLines(this.#content, this.header.end, this.#bodyEnd);
    return this.#lines;
  }
  get children(): readonly PartTree[] {
    return this.#children;
  }
  get message(): PartTree | null {
    return this.#message;
  }
  get limit(): PartLimit | null {
    return this.#limit;
  }

  get fields(): readonly Field[] {
    if (this.#fields !== null) return this.#fields;
    const fields: Field[] = [];
    for (let i = 0; i < this.#offsets.length; i += OFFSETS_PER_FIELD) fields.push(this.#fieldAt(i));
    this.#fields = fields;
    return fields;
  }

  get disposition(): ContentDisposition | null {
    if (this.#disposition !== undefined) return this.#disposition;
    const text = this.#text("content-disposition");
    this.#disposition = text === null ? null : parseContentDisposition(text);
    return this.#disposition;
  }
  get encoding(): string {
    this.#encoding ??= firstToken(this.#text("content-transfer-encoding") ?? "") || "7bit";
    return this.#encoding;
  }
  get contentId(): string | null {
    return this.#text("content-id");
  }
  get description(): string | null {
    return this.#text("content-description");
  }
  get location(): string | null {
    return this.#text("content-location");
  }
  get md5(): string | null {
    return this.#text("content-md5");
  }
  get language(): readonly string[] | null {
    const text = this.#text("content-language");
    if (text === null) return null;
    const tags = text.split(",").map(firstToken).filter((tag) => tag !== "");
    return tags.length > 0 ? tags : null;
  }

  /** For the parser: the node gets parts inside. */
  becomeMultipart(): void {
    this.#kind = "multipart";
    this.#children = [];
  }
  becomeMessage(message: PartTree): void {
    this.#kind = "message";
    this.#message = message;
  }
  add(child: PartTree): void {
    this.#children.push(child);
  }
  stopAt(limit: PartLimit): void {
    this.#limit = limit;
  }
  /** Ends the body at `end`, or where it starts when that lies behind; answers where it ends. */
  endBody(end: number): number {
    this.#bodyEnd = Math.max(end, this.header.end);
    return this.#bodyEnd;
  }

  #fieldAt(at: number): Field {
    const start = this.#offsets[at]!;
    const colon = this.#offsets[at + 1]!;
    const end = this.#offsets[at + 2]!;
    const name = this.#content.toString("latin1", start, nameEnd(this.#content, start, colon));
    return { name, nameLower: name.toLowerCase(), start, end, valueStart: colon + 1, valueEnd: valueEnd(this.#content, colon + 1, end) };
  }

  /** The first field of that name, unfolded; null when there is none. */
  #text(nameLower: string): string | null {
    for (let i = 0; i < this.#offsets.length; i += OFFSETS_PER_FIELD) {
      const start = this.#offsets[i]!;
      const colon = this.#offsets[i + 1]!;
      if (nameIs(this.#content, start, nameEnd(this.#content, start, colon), nameLower)) return unfoldOctets(this.#content, colon + 1, this.#offsets[i + 2]!);
    }
    return null;
  }
}

function valueEnd(content: Buffer, start: number, end: number): number {
  if (end <= start || content[end - 1] !== 10) return end;
  return end - 1 > start && content[end - 2] === 13 ? end - 2 : end - 1;
}

/** A field's value without folds (RFC 5322 section 2.2.3) and outer blanks, octets as latin1. */
export function unfoldOctets(content: Buffer, start: number, end: number): string {
  const text = content.toString("latin1", start, Math.min(end, start + fieldOctetsMax));
  return trimBlanks(text.includes("\n") ? text.replace(/\r?\n/g, "") : text);
}
