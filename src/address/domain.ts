/** Domains as mail has them: LDH labels, IDNA 2008 (RFC 5890-5892, 5895), address literals (RFC 5321 section 4.1.3). */
import type { Domain } from "./address.ts";
import { domainOctetsMax, labelOctetsMax } from "./limits.ts";
import { decodePunycode, encodePunycode } from "./punycode.ts";

/** A dot, and the ideographic and wide dots that RFC 5895 section 2 maps to it. */
const DOTS = /[.\u3002\uff0e\uff61]/;
const LDH = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** Wide and narrow forms, which RFC 5895 section 2 maps to the ordinary ones. */
const WIDE = /[\uff01-\uff5e\uff61-\uffdc\uffe0-\uffee]+/g;
/** Nearly RFC 5892 section 2: letters, digits, marks, and the few characters its appendix A allows in context. */
const U_LABEL = /^[a-z0-9\-\u00b7\u0375\u05f3\u05f4\u200c\u200d\u30fb\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}]+$/u;
/** RFC 5892 appendix A: what these characters must stand next to. ZWJ and ZWNJ are taken behind a virama only. */
const OUT_OF_CONTEXT =
  /(?<!l)\u00b7|\u00b7(?!l)|\u0375(?!\p{Script=Greek})|(?<!\p{Script=Hebrew})[\u05f3\u05f4]|(?<![\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca])[\u200c\u200d]|[\u0660-\u0669].*[\u06f0-\u06f9]|[\u06f0-\u06f9].*[\u0660-\u0669]/u;
const JAPANESE = /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u;
const A_PREFIX = "xn--";

/**
 * A domain name (in ASCII or Unicode) in lower case A-labels, or an address literal; null when it is neither.
 * No trailing dot, no underscore, no empty label. WHATWG's domainToASCII is not used: it makes 1.2.0.3 of "1.2.3".
 */
export function parseDomain(text: string): Domain | null {
  if (text.length === 0 || text.length > domainOctetsMax + 2) return null;
  if (text.startsWith("[")) return parseLiteral(text);
  const labels: string[] = [];
  for (const label of text.split(DOTS)) {
    const ascii = toALabel(label);
    if (ascii === null) return null;
    labels.push(ascii);
  }
  const domain = labels.join(".");
  return domain.length <= domainOctetsMax ? (domain as Domain) : null;
}

/** For people to read: A-labels become U-labels where that is unambiguous, the others stay. */
export function domainToUnicode(domain: string): string {
  if (!domain.includes(A_PREFIX)) return domain;
  return domain.split(".").map((label) => (label.startsWith(A_PREFIX) ? toULabel(label) : label)).join(".");
}

/** RFC 5891 section 4 and 5. An A-label that decodes to nothing valid is still a name the DNS can have, so it is kept. */
function toALabel(label: string): string | null {
  const lower = normalise(label);
  if (LDH.test(lower)) return lower.length <= labelOctetsMax ? lower : null;
  if (!isULabel(lower)) return null;
  const ascii = A_PREFIX + encodePunycode(lower);
  return ascii.length <= labelOctetsMax ? ascii : null;
}

function toULabel(label: string): string {
  const decoded = decodePunycode(label.slice(A_PREFIX.length));
  if (decoded === null || !isULabel(decoded) || normalise(decoded) !== decoded) return label;
  return A_PREFIX + encodePunycode(decoded) === label ? decoded : label;
}

function normalise(label: string): string {
  if (/^[\x00-\x7f]*$/.test(label)) return label.toLowerCase();
  return label.replace(WIDE, (wide) => wide.normalize("NFKC")).toLowerCase().normalize("NFC");
}

/** RFC 5891 section 4.2.3.1 and 4.2.3.2: no hyphens at either end or third and fourth, no mark in front. */
function isULabel(label: string): boolean {
  if (label.length > labelOctetsMax || !U_LABEL.test(label) || OUT_OF_CONTEXT.test(label)) return false;
  if (label.includes("\u30fb") && !JAPANESE.test(label)) return false;
  return !label.startsWith("-") && !label.endsWith("-") && label.slice(2, 4) !== "--" && !/^\p{M}/u.test(label) && /[^\x00-\x7f]/.test(label);
}

/** RFC 5321 section 4.1.3. Other tags than IPv6 are not registered. */
function parseLiteral(text: string): Domain | null {
  if (!text.endsWith("]")) return null;
  const inside = text.slice(1, -1);
  if (isIpv4(inside)) return text as Domain;
  if (!/^ipv6:/i.test(inside)) return null;
  const address = inside.slice(5).toLowerCase();
  return isIpv6(address) ? (`[IPv6:${address}]` as Domain) : null;
}

function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) <= 255);
}

/** RFC 4291 section 2.2. */
function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (halves.length > 2 || text.length > 45) return false;
  let groups = 0;
  for (const [at, half] of halves.entries()) {
    if (half === "") continue;
    const parts = half.split(":");
    for (const [index, part] of parts.entries()) {
      const last = at === halves.length - 1 && index === parts.length - 1;
      if (last && isIpv4(part)) groups += 2;
      else if (/^[0-9a-f]{1,4}$/.test(part)) groups += 1;
      else return false;
    }
  }
  return halves.length === 2 ? groups <= 7 : groups === 8;
}
