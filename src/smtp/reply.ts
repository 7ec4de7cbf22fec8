/**
 * SMTP replies as values (RFC 5321 section 4.2, RFC 3463, RFC 2034).
 *
 * The class, the basic code and the enhanced code of a reply are tied by type: a 5yz reply with a 4.x.y code does not compile.
 * The greeting, the EHLO reply and the intermediate replies (334, 354) carry no enhanced code and are types of their own.
 */
export type Class = 2 | 4 | 5;
export interface CodeOf {
  2: 211 | 214 | 220 | 221 | 235 | 250 | 251 | 252;
  4: 421 | 432 | 450 | 451 | 452 | 454 | 455;
  5: 500 | 501 | 502 | 503 | 504 | 521 | 523 | 530 | 534 | 535 | 538 | 550 | 551 | 552 | 553 | 554 | 555 | 556;
}
export type EnhancedCode<C extends Class = Class> = `${C}.${number}.${number}`;

/** A final reply. `text` is US-ASCII; a line feed in it starts the next line of a multi-line reply. */
export type Reply<C extends Class = Class> = {
  [K in C]: { readonly kind: "final"; readonly class: K; readonly code: CodeOf[K]; readonly enhanced: EnhancedCode<K>; readonly text: string };
}[C];
/** A refusal, for now (4yz) or for good (5yz). */
export type Rejection = Reply<4 | 5>;
/** 354 after DATA, 334 with base64 after AUTH. */
export interface IntermediateReply {
  readonly kind: "intermediate";
  readonly code: 334 | 354;
  readonly text: string;
}
/** 220 when the connection opens; 554 or 421 instead are final replies. */
export interface Greeting {
  readonly kind: "greeting";
  readonly text: string;
}
/** The positive answer to EHLO or HELO: the server's name first, then one line for each extension (RFC 5321 section 4.1.1.1). */
export interface HelloReply {
  readonly kind: "hello";
  readonly lines: readonly [string, ...string[]];
}
export type AnyReply = Reply | IntermediateReply | Greeting | HelloReply;

export const accept = (code: CodeOf[2], enhanced: EnhancedCode<2>, text: string): Reply<2> => ({ kind: "final", class: 2, code, enhanced, text });
export const defer = (code: CodeOf[4], enhanced: EnhancedCode<4>, text: string): Reply<4> => ({ kind: "final", class: 4, code, enhanced, text });
export const reject = (code: CodeOf[5], enhanced: EnhancedCode<5>, text: string): Reply<5> => ({ kind: "final", class: 5, code, enhanced, text });

/** The same reply with other words. */
export function withText<R extends Reply>(reply: R, text: string): R {
  return { ...reply, text };
}

/** RFC 5321 section 4.5.3.1.5: 512 octets with the code and CRLF; room is left for the code, the enhanced code and CRLF. */
const TEXT_BYTES_MAX = 480;

/** The reply as octets. Whatever a text could contain that would break the line apart is replaced or cut. */
export function writeReply(reply: AnyReply): Buffer {
  switch (reply.kind) {
    case "final":
      return writeLines(String(reply.code), `${reply.enhanced} `, reply.text.includes("\n") ? reply.text.split("\n") : [reply.text]);
    case "intermediate":
      // A challenge is never cut: it is base64, and RFC 4954 section 4 allows it 12288 octets.
      return Buffer.from(`${reply.code} ${reply.text}\r\n`, "latin1");
    case "greeting":
      return writeLines("220", "", [reply.text]);
    case "hello":
      return writeLines("250", "", reply.lines);
  }
}

function writeLines(code: string, enhanced: string, lines: readonly string[]): Buffer {
  let out = "";
  for (const [index, line] of lines.entries()) {
    out += `${code}${index === lines.length - 1 ? " " : "-"}${enhanced}${clean(line)}\r\n`;
  }
  return Buffer.from(out, "latin1");
}

const UNFIT = /[^\x20-\x7e]/;
function clean(text: string): string {
  const fit = UNFIT.test(text) ? text.replace(/[^\x20-\x7e]/g, "?") : text;
  return fit.length > TEXT_BYTES_MAX ? fit.slice(0, TEXT_BYTES_MAX) : fit;
}
