/** Line ends of files that become messages: mbox and Maildir keep LF, mail has CRLF (RFC 5322 section 2.3). */
import { CR, LF } from "./octets.ts";

/** Every bare LF becomes CRLF; the same buffer when there is none. For import only: mail from the wire is never rewritten. */
export function toCrlf(content: Buffer): Buffer {
  let bare = 0;
  for (let i = 0; i < content.length; i++) if (content[i] === LF && (i === 0 || content[i - 1] !== CR)) bare++;
  if (bare === 0) return content;
  const out = Buffer.allocUnsafe(content.length + bare);
  let length = 0;
  for (let i = 0; i < content.length; i++) {
    if (content[i] === LF && (i === 0 || content[i - 1] !== CR)) out[length++] = CR;
    out[length++] = content[i]!;
  }
  return out;
}
