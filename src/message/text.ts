/** What people read in a part: its decoded text, the text of HTML, its file name. */
import { decodeCharset } from "./charset.ts";
import { decodeEncodedWords } from "./encoded-word.ts";
import { decodeReferences } from "./html-entities.ts";
import type { MessagePart } from "./part.ts";
import { decodeTransferEncoding } from "./transfer-encoding.ts";

/**
 * The decoded text of a text part, or of a multipart that named no boundary; "" for other parts. `octetsMax` bounds what is read of the body, in octets as they are in the
 * content. Line ends stay as they are.
 */
export function textOfPart(content: Buffer, part: MessagePart, octetsMax = Infinity): string {
  const { type, subtype, params } = part.contentType;
  if (part.kind !== "leaf" || (type !== "text" && type !== "multipart")) return "";
  const octets = decodeTransferEncoding(content.subarray(part.body.start, Math.min(part.body.end, part.body.start + octetsMax)), part.encoding);
  const charset = params.get("charset") ?? (subtype === "html" ? metaCharset(octets) : "");
  return decodeCharset(octets, charset);
}

/** Octets of HTML in which a declaration is looked for, as browsers do. */
const META_OCTETS_MAX = 1024;

/** The charset that HTML names itself, for parts that name none; "" without one. */
function metaCharset(octets: Buffer): string {
  const head = octets.toString("latin1", 0, META_OCTETS_MAX);
  return /<meta\b[^>]{0,256}?\bcharset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})/i.exec(head)?.[1] ?? "";
}

/** Elements whose content nobody reads. */
const HIDDEN = new Set(["script", "style", "head", "title", "noscript", "template", "svg", "object", "iframe"]);
/** Elements inside a line: a word goes on over their tags. */
const INLINE = new Set(["a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "del", "em", "font", "i", "ins", "kbd", "label", "mark", "o:p", "q", "rb", "ruby", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr"]);
const TAG_NAME = /\/?([A-Za-z][A-Za-z0-9:-]{0,31})/y;

/**
 * Readable text of HTML, for searching: tags, comments, scripts and styles are gone, references decoded, runs of blanks one
 * space, blocks apart by a line end. One walk; no tree is made and nothing is judged.
 */
export function textOfHtml(html: string): string {
  const out: string[] = [];
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    if (open < 0) break;
    if (open > at) out.push(decodeReferences(html.slice(at, open)));
    at = afterMarkup(html, open, out);
  }
  if (at < html.length) out.push(decodeReferences(html.slice(at)));
  return out.join("").replace(/[^\S\n]+/g, " ").replace(/ ?\n[ \n]*/g, "\n").trim();
}

/** At "<": behind the tag, comment or hidden element; a "<" that begins none is text. */
function afterMarkup(html: string, open: number, out: string[]): number {
  if (html.startsWith("<!--", open)) return behind(html, "-->", open + 4);
  const next = html[open + 1];
  if (next === "!" || next === "?") return behind(html, ">", open);
  TAG_NAME.lastIndex = open + 1;
  const match = TAG_NAME.exec(html);
  if (match === null) {
    out.push("<");
    return open + 1;
  }
  const name = match[1]!.toLowerCase();
  const end = tagEnd(html, TAG_NAME.lastIndex);
  if (next !== "/" && HIDDEN.has(name) && html[end - 2] !== "/") return behindElement(html, name, end);
  if (!INLINE.has(name)) out.push(name === "td" || name === "th" || name === "img" ? " " : "\n");
  return end;
}

function behind(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found < 0 ? html.length : found + mark.length;
}

/** Behind the ">" that ends a tag; one in a quoted attribute does not. */
function tagEnd(html: string, from: number): number {
  let at = from;
  while (at < html.length) {
    const char = html[at++];
    if (char === ">") return at;
    if (char !== "=") continue;
    while (html[at] === " ") at++;
    const quote = html[at];
    if (quote === '"' || quote === "'") at = behind(html, quote, at + 1);
  }
  return html.length;
}

/** Behind "</name ...>". Without an end tag the rest is hidden, as browsers do; "head" ends where a body begins. */
function behindElement(html: string, name: string, from: number): number {
  const end = new RegExp(name === "head" ? "</head\\b|<body\\b" : `</${name}\\b`, "gi");
  end.lastIndex = from;
  const match = end.exec(html);
  return match === null ? html.length : tagEnd(html, end.lastIndex);
}

/**
 * The file name a part proposes (RFC 2183 section 2.3), or the older Content-Type name; null when there is none. Encoded words are
 * decoded though RFC 2047 section 5 forbids them there, because most agents in Japan wrote them. It is a proposal of the
 * sender: whoever stores a file under it must judge it first.
 */
export function fileNameOf(part: MessagePart): string | null {
  const name = part.disposition?.params.get("filename") ?? part.contentType.params.get("name");
  return name === undefined ? null : decodeEncodedWords(name);
}
