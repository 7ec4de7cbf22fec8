/** Names that a check asks the DNS about, and what is done with those it cannot ask about. */
import { parseDomain } from "../address/domain.ts";
import { NAME_CHARS_MAX } from "./limits.ts";

const PLAIN = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** Lower case, without the last dot, escaped as master files are; null for what no name in the DNS can be (RFC 1035 section 2.3.4). */
export function questionName(text: string): string | null {
  const lower = text.toLowerCase();
  const name = lower.endsWith(".") ? lower.slice(0, -1) : lower;
  if (name.length > NAME_CHARS_MAX) return null;
  if (PLAIN.test(name)) return name;
  if (!/^[ -~]+$/.test(name) || name.split(".").some((label) => label.length < 1 || label.length > 63)) return null;
  return name.replaceAll("\\", "\\\\");
}

/** RFC 7208 section 7.3: labels on the left go until the rest is at most 253 characters long. */
export function shortenName(name: string): string {
  let start = 0;
  while (name.length - start > NAME_CHARS_MAX) {
    const dot = name.indexOf(".", start);
    if (dot < 0) break;
    start = dot + 1;
  }
  return start === 0 ? name : name.slice(start);
}

/** The domain that a check begins with: of at least two labels, A-labels for U-labels (RFC 7208 section 4.3, RFC 8616 section 4). */
export function checkedDomain(text: string): string | null {
  if (text.startsWith("[")) return null;
  const ascii = /^[\x00-\x7f]*$/.test(text) ? text : parseDomain(text);
  const name = ascii === null ? null : questionName(ascii);
  return name?.includes(".") ? name : null;
}

/** Whether `name` is `domain` or lies below it. Both in lower case. */
export function isWithin(name: string, domain: string): boolean {
  return name === domain || (name.endsWith(domain) && name.charCodeAt(name.length - domain.length - 1) === 46);
}
