/**
 * The XML that S3 answers with: lists and errors. Strict and small: no document types, no entities of their own, no CDATA;
 * attributes are skipped. Null is what is no such XML or beyond a limit.
 */
import { S3_XML_BYTES_MAX, S3_XML_DEPTH_MAX, S3_XML_ELEMENTS_MAX } from "./limits.ts";

/** An element without child elements. */
export interface Leaf {
  /** The names from the root down, joined by slashes. */
  readonly path: string;
  readonly text: string;
}
export interface S3Page {
  readonly keys: readonly string[];
  readonly truncated: boolean;
  readonly next: string | null;
}

const NAME = "[A-Za-z_][A-Za-z0-9._:-]{0,63}";
const TAG = new RegExp(`<(?:(/?)(${NAME})((?:\\s[^<>]*?)?)(/?)>|\\?xml\\s[^<>]*\\?>)`, "y");
const ENTITY = /&(?:(amp|lt|gt|quot|apos)|#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}));/g;
const NAMED: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The leaves of a document, in order. */
export function parseXml(bytes: Buffer): readonly Leaf[] | null {
  if (bytes.length > S3_XML_BYTES_MAX) return null;
  const source = bytes.toString("utf8").replace(/^\ufeff/, "");
  const leaves: Leaf[] = [];
  const paths: string[] = [];
  let elements = 0;
  let ended = false;
  // Whether the element that is open has had no child yet.
  let isLeaf = false;
  for (let at = 0; at < source.length;) {
    const open = source.indexOf("<", at);
    const text = source.slice(at, open < 0 ? source.length : open);
    const inside = paths.at(-1);
    if (!(inside !== undefined && isLeaf) && text.trim() !== "") return null;
    if (open < 0) break;
    TAG.lastIndex = open;
    const tag = TAG.exec(source);
    if (tag === null) return null;
    const [whole, closing, name, attributes, selfClosing] = tag;
    if (name === undefined) {
      if (open !== 0) return null;
    } else if (closing === "/") {
      if (inside === undefined || selfClosing === "/" || attributes?.trim() !== "" || inside.slice(inside.lastIndexOf("/") + 1) !== name) return null;
      const decoded = isLeaf ? decodeText(text) : "";
      if (decoded === null) return null;
      if (isLeaf) leaves.push({ path: inside, text: decoded });
      paths.pop();
      isLeaf = false;
      ended = paths.length === 0;
    } else {
      if (ended || ++elements > S3_XML_ELEMENTS_MAX || paths.length >= S3_XML_DEPTH_MAX || (inside !== undefined && text.trim() !== "")) return null;
      const path = inside === undefined ? name : `${inside}/${name}`;
      if (selfClosing === "/") leaves.push({ path, text: "" });
      else paths.push(path);
      isLeaf = selfClosing !== "/";
      ended = paths.length === 0;
    }
    at = open + whole.length;
  }
  return ended && paths.length === 0 ? leaves : null;
}

function decodeText(text: string): string | null {
  if (!text.includes("&")) return text;
  const decoded = text.replace(ENTITY, (_, named: string | undefined, decimal: string | undefined, hex: string | undefined) => {
    if (named !== undefined) return NAMED[named]!;
    const point = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
    return point > 0x10ffff || point === 0 ? "\ufffd" : String.fromCodePoint(point);
  });
  return text.replace(ENTITY, "").includes("&") ? null : decoded;
}

/** One page of ListObjectsV2. */
export function parseList(bytes: Buffer): S3Page | null {
  const leaves = parseXml(bytes);
  if (leaves === null || !leaves.every(({ path }) => path.startsWith("ListBucketResult/"))) return null;
  const keys: string[] = [];
  let truncated: string | null = null;
  let next: string | null = null;
  for (const { path, text } of leaves) {
    if (path === "ListBucketResult/Contents/Key") keys.push(text);
    else if (path === "ListBucketResult/IsTruncated") truncated = text;
    else if (path === "ListBucketResult/NextContinuationToken") next = text;
  }
  return truncated === "true" || truncated === "false" ? { keys, truncated: truncated === "true", next } : null;
}

/** The code of an error; "" where there is none. Nothing else is taken from it: some stores put signatures into their errors. */
export function parseErrorCode(bytes: Buffer): string {
  const code = (parseXml(bytes) ?? []).find(({ path }) => path === "Error/Code")?.text ?? "";
  return /^[A-Za-z0-9.]{1,64}$/.test(code) ? code : "";
}
