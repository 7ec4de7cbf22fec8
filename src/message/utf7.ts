/** UTF-7 of RFC 2152, reading only. (IMAP's modified form is another thing.) */
const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PLUS = 43;
const MINUS = 45;
const VALUES = new Int8Array(256).fill(-1);
for (let i = 0; i < BASE64.length; i++) VALUES[BASE64.charCodeAt(i)] = i;

/** Ill-formed shifts give what their whole 16-bit units say; other octets above 127 become U+FFFD. */
export function decodeUtf7(bytes: Uint8Array): string {
  const pieces: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const start = at;
    while (at < bytes.length && bytes[at] !== PLUS) at++;
    pieces.push(Buffer.from(bytes.subarray(start, at)).toString("latin1").replace(/[\x80-\xff]/g, "\ufffd"));
    if (at >= bytes.length) break;
    const shiftStart = ++at;
    const units: number[] = [];
    let bits = 0;
    let width = 0;
    for (; at < bytes.length && VALUES[bytes[at]!]! >= 0; at++) {
      bits = ((bits << 6) | VALUES[bytes[at]!]!) & 0x3fffff;
      width += 6;
      if (width < 16) continue;
      width -= 16;
      units.push((bits >> width) & 0xffff);
    }
    if (at === shiftStart) pieces.push(bytes[at] === MINUS ? "+" : "");
    if (bytes[at] === MINUS) at++;
    // In slices: a call takes only so many arguments.
    for (let i = 0; i < units.length; i += 4096) pieces.push(String.fromCharCode(...units.slice(i, i + 4096)));
  }
  return pieces.join("").toWellFormed();
}
