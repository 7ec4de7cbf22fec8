/** Charsets of mail. TextDecoder knows most of them (WHATWG Encoding); this adds the labels and charsets it lacks. */
import { isAscii, isUtf8 } from "node:buffer";
import { asBuffer } from "../base/bytes.ts";
import { decodeUtf7 } from "./utf7.ts";

type Decode = (bytes: Buffer) => string;

/** Labels that WHATWG does not list, to ones it does. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ["cp932", "shift_jis"], ["cp943c", "shift_jis"], ["ibm943", "shift_jis"], ["sjis-win", "shift_jis"], ["sjis-open", "shift_jis"], ["x-ms-cp932", "shift_jis"],
  ["shift-jisx0213", "shift_jis"], ["shift_jisx0213", "shift_jis"], ["mskanji", "shift_jis"], ["pck", "shift_jis"],
  ["eucjp", "euc-jp"], ["eucjp-win", "euc-jp"], ["eucjp-ms", "euc-jp"], ["x-eucjp", "euc-jp"], ["ujis", "euc-jp"], ["euc_jp", "euc-jp"],
  ["iso-2022-jp-1", "iso-2022-jp"], ["iso-2022-jp-2", "iso-2022-jp"], ["iso-2022-jp-3", "iso-2022-jp"], ["iso-2022-jp-ms", "iso-2022-jp"], ["iso2022jp", "iso-2022-jp"],
  ["iso2022-jp", "iso-2022-jp"], ["cp50220", "iso-2022-jp"], ["cp50221", "iso-2022-jp"], ["cp50222", "iso-2022-jp"], ["x-windows-iso2022jp", "iso-2022-jp"], ["jis", "iso-2022-jp"],
  ["cp949", "euc-kr"], ["uhc", "euc-kr"], ["x-windows-949", "euc-kr"], ["ms949", "euc-kr"], ["euckr", "euc-kr"], ["ks_c_5601", "euc-kr"],
  ["cp936", "gbk"], ["ms936", "gbk"], ["euc-cn", "gbk"], ["euccn", "gbk"], ["gb-2312", "gbk"], ["gb18030-2022", "gb18030"], ["cp54936", "gb18030"],
  ["cp950", "big5"], ["ms950", "big5"], ["big-5", "big5"], ["big5hkscs", "big5"], ["euc-tw", "big5"],
  ["utf8mb4", "utf-8"], ["unicode-1-1-utf-8", "utf-8"], ["cp65001", "utf-8"], ["utf_8", "utf-8"], ["utf-8-sig", "utf-8"],
  ["latin-1", "iso-8859-1"], ["iso8859_1", "iso-8859-1"], ["iso-8859-8-e", "iso-8859-8"], ["iso-8859-6-e", "iso-8859-6"], ["tis620", "tis-620"], ["cp874", "windows-874"],
  ["koi8u", "koi8-u"], ["cp1250", "windows-1250"], ["cp1251", "windows-1251"], ["cp1252", "windows-1252"], ["macintosh-roman", "macintosh"], ["mac-roman", "macintosh"],
]);
/** What these say is only that nobody knows. US-ASCII with octets above 127 says no more. */
const UNKNOWN = new Set(["", "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us", "unknown-8bit", "unknown", "x-unknown", "8bit", "7bit", "default", "default_charset", "binary", "none"]);
/** Charsets in which octets below 128 mean something else than US-ASCII. */
const NOT_ASCII = /^(?:iso-2022-|utf-16|utf-7|unicode-1-1-utf-7|hz|csiso2022|unicode$|ucs-2|csunicode)/;

/** One decoder per charset: making one costs more than decoding a header. Only known labels are kept, so it stays small. */
const decoders = new Map<string, Decode>([
  ["utf-7", decodeUtf7],
  ["unicode-1-1-utf-7", decodeUtf7],
  ["utf-16", (bytes) => textDecoder(bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : "utf-16be")!(bytes)],
  ["iso-2022-kr", decodeIso2022Kr],
  ["hz-gb-2312", decodeHz],
  ["hz", decodeHz],
  ["iso-2022-jp", decodeIso2022Jp],
]);

/**
 * Octets to text by a charset label as mail has them: any case, aliases, UTF-7. Never throws. What is not in the charset is
 * U+FFFD. With an unknown label, or US-ASCII that is none, the octets decide (`decodeRawText`).
 */
export function decodeCharset(bytes: Uint8Array, label: string): string {
  const buffer = asBuffer(bytes);
  const name = label.trim().toLowerCase();
  if (UNKNOWN.has(name)) return decodeRawText(buffer);
  if (!NOT_ASCII.test(name) && isAscii(buffer)) return buffer.toString("latin1");
  const decode = decoderFor(name);
  return decode === null ? decodeRawText(buffer) : decode(buffer);
}

/** Octets nobody named a charset for: UTF-8, then what Japanese mail uses, and windows-1252 when all else fails. */
export function decodeRawText(bytes: Uint8Array): string {
  const buffer = asBuffer(bytes);
  if (isAscii(buffer)) return buffer.includes("\x1b$") ? textDecoder("iso-2022-jp")!(buffer) : buffer.toString("latin1");
  if (isUtf8(buffer)) return buffer.toString("utf8");
  return textDecoder(guessJapanese(buffer) ?? "windows-1252")!(buffer);
}

/** Kana lead octets are nearly certain in Japanese text and are rare signs in windows-1252. */
function guessJapanese(bytes: Buffer): "shift_jis" | "euc-jp" | null {
  if ((bytes.includes(0xa4) || bytes.includes(0xa5)) && isValid("euc-jp", bytes)) return "euc-jp";
  if ((bytes.includes(0x82) || bytes.includes(0x83)) && isValid("shift_jis", bytes)) return "shift_jis";
  return null;
}

function isValid(label: string, bytes: Buffer): boolean {
  try {
    new TextDecoder(label, { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function decoderFor(name: string): Decode | null {
  const known = decoders.get(name);
  if (known !== undefined) return known;
  const resolved = ALIASES.get(name);
  const decode = resolved === undefined ? textDecoder(name) : (decoders.get(resolved) ?? textDecoder(resolved));
  if (decode !== null) decoders.set(name, decode);
  return decode;
}

/** Null for a label the platform does not know; it throws RangeError for those, and has no other way to ask. */
function textDecoder(label: string): Decode | null {
  const key = `whatwg ${label}`;
  const known = decoders.get(key);
  if (known !== undefined) return known;
  try {
    const decoder = new TextDecoder(label);
    const decode: Decode = (bytes) => decoder.decode(bytes);
    decoders.set(key, decode);
    return decode;
  } catch {
    return null;
  }
}

/** ISO-2022-JP has 7 bits. With octets above 127 and no escape the label is wrong, and the octets decide. */
function decodeIso2022Jp(bytes: Buffer): string {
  if (!isAscii(bytes) && !bytes.includes(0x1b)) return decodeRawText(bytes);
  return textDecoder("iso-2022-jp")!(bytes);
}

/** RFC 1557: between SO and SI the octets are those of EUC-KR without the high bit. */
function decodeIso2022Kr(bytes: Buffer): string {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let shifted = false;
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i]!;
    if (octet === 0x0e || octet === 0x0f) shifted = octet === 0x0e;
    else if (octet === 0x1b && bytes[i + 1] === 0x24 && bytes[i + 2] === 0x29 && bytes[i + 3] === 0x43) i += 3;
    else out[length++] = shifted && octet > 0x20 ? octet | 0x80 : octet;
  }
  return textDecoder("euc-kr")!(out.subarray(0, length));
}

/** RFC 1843: between ~{ and ~} the octets are those of GB 2312 without the high bit; ~~ is a tilde, ~ LF nothing. */
function decodeHz(bytes: Buffer): string {
  const out = Buffer.allocUnsafe(bytes.length);
  let length = 0;
  let shifted = false;
  for (let i = 0; i < bytes.length; i++) {
    const octet = bytes[i]!;
    const next = bytes[i + 1];
    if (octet === 0x7e && next === 0x7b && !shifted) shifted = true;
    else if (octet === 0x7e && next === 0x7d && shifted) shifted = false;
    else if (octet === 0x7e && next === 0x7e && !shifted) out[length++] = octet;
    else if (octet !== 0x7e || next !== 0x0a || shifted) {
      if (octet === 0x0a) shifted = false;
      out[length++] = shifted && octet > 0x20 ? octet | 0x80 : octet;
      continue;
    }
    i++;
  }
  return textDecoder("gbk")!(out.subarray(0, length));
}
