/**
 * Messages (RFC 5322) and their parts (RFC 2045, 2046): the tree of parts, by offset.
 *
 * One walk from front to back. A stack holds the parts that are open; a line that is the delimiter of one of them ends all
 * parts inside it. Nothing is decoded or copied, so a message costs a few microseconds, and the time is linear in its size
 * whatever is in it.
 */
import { OpenBoundaries } from "./boundary.ts";
import type { Delimiter } from "./boundary.ts";
import { scanHeader } from "./header-scan.ts";
import { boundaryOctetsMax, messageLimits } from "./limits.ts";
import type { MessageLimits } from "./limits.ts";
import { beforeLineEnd } from "./octets.ts";
import { MESSAGE_RFC822, OCTET_STREAM, TEXT_PLAIN } from "./parameters.ts";
import type { MessagePart } from "./part.ts";
import { PartTree } from "./part-tree.ts";

/** Any octets give a tree: limits and broken syntax make leaves, never an exception. */
export function parseMessage(content: Buffer, limits: MessageLimits = messageLimits): MessagePart {
  return new Parse(content, limits).run();
}

class Parse {
  readonly #content: Buffer;
  readonly #limits: MessageLimits;
  readonly #boundaries: OpenBoundaries;
  readonly #stack: PartTree[] = [];
  readonly #isDelimiter: (at: number) => boolean;
  #parts = 0;

  constructor(content: Buffer, limits: MessageLimits) {
    this.#content = content;
    this.#limits = limits;
    this.#boundaries = new OpenBoundaries(content);
    this.#isDelimiter = (at) => this.#boundaries.isDelimiter(at);
  }

  run(): PartTree {
    const root = this.#read(0, TEXT_PLAIN);
    let at = this.#enter(root);
    while (!this.#boundaries.isEmpty) {
      const delimiter = this.#boundaries.next(at);
      if (delimiter === null) break;
      at = this.#pass(delimiter);
    }
    this.#endAbove(-1, this.#content.length);
    return root;
  }

  /** Reads the header at `start`. */
  #read(start: number, defaultType: typeof TEXT_PLAIN): PartTree {
    this.#parts++;
    return new PartTree(this.#content, start, scanHeader(this.#content, start, this.#limits, this.#isDelimiter), defaultType);
  }

  /** Puts a part on the stack, and the messages it holds; answers where to look for the next delimiter. */
  #enter(first: PartTree): number {
    let part = first;
    for (;;) {
      this.#stack.push(part);
      if (part.limit !== null) break;
      const { type } = part.contentType;
      if (type !== "multipart" && type !== "message") break;
      if (this.#stack.length > this.#limits.depthMax) {
        part.stopAt("depth");
        break;
      }
      if (type === "multipart") {
        this.#openMultipart(part);
        break;
      }
      if (!holdsMessage(part)) break;
      if (this.#parts >= this.#limits.partsMax) {
        part.stopAt("parts");
        break;
      }
      const message = this.#read(part.header.end, TEXT_PLAIN);
      part.becomeMessage(message);
      part = message;
    }
    return part.header.end;
  }

  #openMultipart(part: PartTree): void {
    // Boundaries are octets; those above 127 are not allowed, but they are compared as they came.
    const boundary = part.contentType.wireParams.find(([name]) => name === "boundary")?.[1] ?? part.contentType.params.get("boundary");
    if (boundary === undefined || boundary === "" || boundary.length > boundaryOctetsMax) return;
    part.becomeMultipart();
    this.#boundaries.open(boundary, this.#stack.length - 1);
  }

  /** Ends what the delimiter ends and begins what it begins; answers where to go on. */
  #pass(delimiter: Delimiter): number {
    this.#endAbove(delimiter.level, beforeLineEnd(this.#content, delimiter.start, 0));
    const parent = this.#stack[delimiter.level]!;
    if (delimiter.closing) {
      this.#boundaries.closeFrom(delimiter.level);
      return delimiter.end;
    }
    const defaultType = parent.contentType.subtype === "digest" ? MESSAGE_RFC822 : TEXT_PLAIN;
    if (this.#parts < this.#limits.partsMax) {
      const child = this.#read(delimiter.end, defaultType);
      parent.add(child);
      return this.#enter(child);
    }
    const rest = new PartTree(this.#content, delimiter.end, { offsets: [], end: delimiter.end, limit: "parts" }, OCTET_STREAM);
    parent.add(rest);
    this.#stack.push(rest);
    this.#boundaries.closeFrom(0);
    return this.#content.length;
  }

  /** Ends all parts inside `level` at `end`. Who holds a part whose header reaches further ends with it. */
  #endAbove(level: number, end: number): void {
    let bodyEnd = end;
    while (this.#stack.length - 1 > level) bodyEnd = this.#stack.pop()!.endBody(bodyEnd);
    this.#boundaries.closeFrom(level + 1);
  }
}

/** RFC 2046 section 5.2.1 and RFC 6532 section 3.7. An encoded message is not looked into: its octets are not in the content. */
function holdsMessage(part: PartTree): boolean {
  const { subtype } = part.contentType;
  return (subtype === "rfc822" || subtype === "global") && /^(?:7bit|8bit|binary)$/.test(part.encoding);
}
