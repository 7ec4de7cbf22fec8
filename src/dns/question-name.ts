/** Names that come from people, records and macros, made fit for a question. */
import { LABEL_BYTES_MAX } from "./limits.ts";

/** RFC 1035 section 2.3.4: 255 octets in the wire form, which are 253 as text. */
export const NAME_CHARS_MAX = 253;
const PLAIN = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** Lower case, without the last dot, escaped as master files are; null for what no name in the DNS can be, the root, and all but printable US-ASCII. */
export function questionName(text: string): string | null {
  const lower = text.toLowerCase();
  const name = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  if (name.length > NAME_CHARS_MAX) return null;
  if (PLAIN.test(name)) return name;
  if (!/^[ -~]+$/.test(name) || name.split(".").some((label) => label.length < 1 || label.length > LABEL_BYTES_MAX)) return null;
  return name.replaceAll("\\", "\\\\");
}

/** Whether `name` is `domain` or lies below it. Both in lower case. */
export function isWithin(name: string, domain: string): boolean {
  return name === domain || (name.endsWith(domain) && name.charCodeAt(name.length - domain.length - 1) === 46);
}
