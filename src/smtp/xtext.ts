/** xtext (RFC 3461 section 4) and the address forms of RFC 6533 section 3. Decoded values may stand in a header field: no control characters. */

/** Printable US-ASCII and space as xtext; null when `text` contains anything else. */
export function writeXtext(text: string): string | null {
  if (/[^\x20-\x7e]/.test(text)) return null;
  return text.replace(/[ +=]/g, (c) => `+${hex(c.charCodeAt(0))}`);
}

/** The decoded text, or null where it is not xtext or decodes to something other than printable US-ASCII and space. */
export function parseXtext(xtext: string): string | null {
  if (!/^(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*$/.test(xtext)) return null;
  const text = xtext.replace(/\+([0-9A-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
  return /[^\x20-\x7e]/.test(text) ? null : text;
}

/** An internationalized address as utf-8-addr-xtext (US-ASCII only), or null when it contains control characters. */
export function writeUtf8AddressXtext(text: string): string | null {
  if (/[\x00-\x1f\x7f-\x9f]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)) return null;
  return text.replace(/[ +=\\]|[^\x20-\x7e]/gu, (c) => `\\x{${hex(c.codePointAt(0)!)}}`);
}

/** Decodes utf-8-addr-xtext and utf-8-addr-unitext (the same with non-ASCII characters written as they are). */
export function parseUtf8Address(written: string): string | null {
  if (!/^(?:[\x21-\x2a\x2c-\x3c\x3e-\x5b\x5d-\x7e]|[^\x00-\x9f]|\\x\{[0-9A-F]{1,6}\})*$/u.test(written)) return null;
  let fit = true;
  const text = written.replace(/\\x\{([0-9A-F]{1,6})\}/g, (_, digits: string) => {
    const point = Number.parseInt(digits, 16);
    if (point < 0x20 || (point >= 0x7f && point <= 0x9f) || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      fit = false;
      return "";
    }
    return String.fromCodePoint(point);
  });
  return fit ? text : null;
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, "0");
}
