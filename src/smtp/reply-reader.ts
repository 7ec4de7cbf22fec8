/**
 * Reads a server's replies, for clients (RFC 5321 section 4.2.1).
 *
 * Push octets as they come, then ask `next()` until it says `more`. Replies come out in order, several from one push when they were pipelined.
 * After `malformed` the stream cannot be trusted any more: close the connection.
 */
import { REPLY_BYTES_MAX, REPLY_LINE_BYTES_MAX, REPLY_LINES_MAX } from "./limits.ts";

/** A reply as a server sent it. */
export interface ReceivedReply {
  /** 200 to 599. */
  readonly code: number;
  readonly class: 2 | 3 | 4 | 5;
  /** RFC 3463, where the server gave one whose class agrees with the code: "5.1.1". */
  readonly enhanced: string | null;
  /** The text of each line without code, enhanced code and line end; octets above 127 as UTF-8 where valid. Control characters are replaced by "?". */
  readonly lines: readonly [string, ...string[]];
}
export type ReplyAnswer =
  | { readonly kind: "reply"; readonly reply: ReceivedReply }
  | { readonly kind: "more" }
  | { readonly kind: "malformed"; readonly because: "line-too-long" | "reply-too-long" | "not-a-reply" | "codes-differ" };

const MORE: ReplyAnswer = { kind: "more" };

export class ReplyReader {
  #buffer: Buffer = Buffer.alloc(0);
  /** Octets of the buffer that were searched for a line end already. */
  #searched = 0;
  #lines: string[] = [];
  #code = 0;
  #bytes = 0;
  #broken: ReplyAnswer | null = null;

  push(bytes: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
  }
  /** Octets that were pushed and not read as a whole reply. After STARTTLS's reply anything here was injected (RFC 3207 section 4.2). */
  get pending(): boolean {
    return this.#buffer.length > 0 || this.#lines.length > 0;
  }
  next(): ReplyAnswer {
    while (this.#broken === null) {
      const end = this.#buffer.indexOf(10, this.#searched);
      if (end < 0) {
        this.#searched = this.#buffer.length;
        return this.#buffer.length > REPLY_LINE_BYTES_MAX ? this.#break("line-too-long") : MORE;
      }
      if (end + 1 > REPLY_LINE_BYTES_MAX) return this.#break("line-too-long");
      // A bare LF ends a line, too: nothing a server says in a reply can be smuggled to another recipient.
      const line = this.#buffer.subarray(0, end > 0 && this.#buffer[end - 1] === 13 ? end - 1 : end);
      this.#buffer = this.#buffer.subarray(end + 1);
      this.#searched = 0;
      const answer = this.#line(line);
      if (answer !== null) return answer;
    }
    return this.#broken;
  }
  #break(because: Extract<ReplyAnswer, { kind: "malformed" }>["because"]): ReplyAnswer {
    this.#buffer = Buffer.alloc(0);
    this.#broken = { kind: "malformed", because };
    return this.#broken;
  }
  #line(line: Buffer): ReplyAnswer | null {
    const text = line.toString("utf8");
    const match = /^([2-5][0-9][0-9])(?:([ -])(.*))?$/s.exec(text);
    if (match === null) return this.#break("not-a-reply");
    const code = Number(match[1]);
    if (this.#lines.length > 0 && code !== this.#code) return this.#break("codes-differ");
    this.#code = code;
    this.#bytes += line.length;
    this.#lines.push((match[3] ?? "").replace(/[\x00-\x1f\x7f]/g, "?"));
    if (this.#lines.length > REPLY_LINES_MAX || this.#bytes > REPLY_BYTES_MAX) return this.#break("reply-too-long");
    if (match[2] === "-") return null;
    const reply = replyOf(code, this.#lines);
    this.#lines = [];
    this.#bytes = 0;
    return { kind: "reply", reply };
  }
}

const ENHANCED = /^([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)/;

function replyOf(code: number, lines: readonly string[]): ReceivedReply {
  const [first = "", ...rest] = lines;
  const digit = Math.floor(code / 100);
  const replyClass = digit === 2 ? 2 : digit === 3 ? 3 : digit === 4 ? 4 : 5;
  const found = ENHANCED.exec(first)?.[1];
  // A code of another class than the reply's is noise (RFC 2034 section 4 ties them): it stays in the text.
  if (found === undefined || found[0] !== String(replyClass)) return { code, class: replyClass, enhanced: null, lines: [first, ...rest] };
  const strip = (line: string): string => (ENHANCED.exec(line)?.[1] === found ? line.slice(found.length + 1) : line);
  return { code, class: replyClass, enhanced: found, lines: [strip(first), ...rest.map(strip)] };
}

/** What a server offers: keyword in upper case to its parameters as written ("SIZE" to "1000", "AUTH" to "PLAIN LOGIN"). */
export type Extensions = ReadonlyMap<string, string>;

/** The extensions of a positive EHLO reply; lines that are not a keyword with parameters are left out. */
export function extensionsOf(reply: ReceivedReply): Extensions {
  const extensions = new Map<string, string>();
  for (const line of reply.lines.slice(1)) {
    // "AUTH=PLAIN" is an old spelling that some servers still write beside the right one.
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?$/.exec(line);
    if (match === null) continue;
    const keyword = match[1]!.toUpperCase();
    if (!extensions.has(keyword)) extensions.set(keyword, (match[2] ?? "").trim());
  }
  return extensions;
}
