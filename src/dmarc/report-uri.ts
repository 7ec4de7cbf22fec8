/** DMARC reporting URIs (RFC 9989 sections 4.6 and 4.8, RFC 3986, RFC 6068). */
import { parseAddress } from "../address/address.ts";
import type { Address } from "../address/address.ts";

export interface ReportUri {
  /** As written, without the obsolete size. */
  readonly uri: string;
  /** Lower case: "mailto" or another one, which nobody has to support. */
  readonly scheme: string;
  /** The mailbox of a mailto URI; null with other schemes. */
  readonly address: Address | null;
}

/** Comma and exclamation mark have to be encoded (section 4.8); a size behind the latter is obsolete and ignored. */
const REPORT_URI = /^(([a-z][a-z0-9+.-]*):((?:[a-z0-9\-._~:/?#[\]@$&'()*+;=]|%[0-9a-f]{2})+))(?:!\d+[kmgt]?)?$/i;

/** Null for what is no URI, and for a mailto URI that names no mailbox, or several. */
export function parseReportUri(text: string): ReportUri | null {
  const match = REPORT_URI.exec(text);
  if (match === null) return null;
  const [, uri = "", written = "", rest = ""] = match;
  const scheme = written.toLowerCase();
  if (scheme !== "mailto") return { uri, scheme, address: null };
  const mailbox = percentDecoded(/^[^?#]*/.exec(rest)?.[0] ?? "");
  const address = mailbox === null ? null : parseAddress(mailbox);
  return address === null ? null : { uri, scheme, address };
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
