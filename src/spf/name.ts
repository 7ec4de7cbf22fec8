/** Names that a check begins with or makes out of macros. */
import { parseDomain } from "../address/domain.ts";
import { NAME_CHARS_MAX, questionName } from "../dns/question-name.ts";

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
