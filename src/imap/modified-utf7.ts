/** Mailbox names of clients that did not enable UTF-8: modified UTF-7 (RFC 3501 section 5.1.3). */

const AMPERSAND = 0x26;

/** Printable US-ASCII stands for itself, `&` is `&-`, anything else is UTF-16BE in base64 with `,` for `/`. */
export function encodeModifiedUtf7(name: string): string {
  if (/^[\x20-\x25\x27-\x7e]*$/.test(name)) return name;
  let out = "";
  for (let at = 0; at < name.length; ) {
    const code = name.charCodeAt(at);
    if (isPrintable(code)) {
      out += code === AMPERSAND ? "&-" : name.charAt(at);
      at++;
      continue;
    }
    const start = at;
    while (at < name.length && !isPrintable(name.charCodeAt(at))) at++;
    const octets = Buffer.from(name.slice(start, at), "utf16le").swap16();
    out += `&${octets.toString("base64").replace(/=+$/, "").replaceAll("/", ",")}-`;
  }
  return out;
}

/**
 * Null when the text breaks a rule: 8-bit or control characters, a shift that is not closed, base64 of what stands for itself,
 * two shifts in a row, stray bits, a lone surrogate. So each name has one spelling, and `encode(decode(x))` is x.
 */
export function decodeModifiedUtf7(text: string): string | null {
  if (/^[\x20-\x25\x27-\x7e]*$/.test(text)) return text;
  if (!/^[\x20-\x7e]*$/.test(text)) return null;
  let out = "";
  for (let at = 0; at < text.length; ) {
    const shift = text.indexOf("&", at);
    if (shift < 0) {
      out += text.slice(at);
      break;
    }
    const end = text.indexOf("-", shift);
    if (end < 0) return null;
    out += text.slice(at, shift);
    if (end === shift + 1) {
      out += "&";
    } else {
      const octets = Buffer.from(text.slice(shift + 1, end).replaceAll(",", "/"), "base64");
      if (octets.length === 0 || octets.length % 2 !== 0) return null;
      out += octets.swap16().toString("utf16le");
    }
    at = end + 1;
  }
  // Writing it again finds every other irregularity at once.
  return out.isWellFormed() && encodeModifiedUtf7(out) === text ? out : null;
}
const isPrintable = (code: number): boolean => code >= 0x20 && code <= 0x7e;
