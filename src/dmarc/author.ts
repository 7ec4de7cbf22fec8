/** The author domain (RFC 9989 sections 3.2.2, 4.2 and 5.3.1): the one domain of the one From field, or why there is none. */
import { parseDomain } from "../address/domain.ts";
import { questionName } from "../dns/question-name.ts";
import { MISSING_DOMAIN, parseAddressList } from "../message/address-list.ts";
import { AUTHOR_DOMAINS_MAX } from "./limits.ts";

export type Author =
  /** In A-labels, lower case. */
  | { readonly kind: "author"; readonly domain: string }
  /** DMARC says nothing about such a message (section 11.5), and it may be an attack: `domains` are those that it shows. */
  | { readonly kind: "not-applicable"; readonly because: "no-field" | "several-fields" | "no-domain" | "several-domains" | "malformed-domain"; readonly domains: readonly string[] };

/** The values of all From fields, unfolded (`fieldValue` of message/), those in front first. */
export function authorOf(fromFields: readonly string[]): Author {
  const domains = new Set<string>();
  let malformed = false;
  for (const field of fromFields.slice(0, AUTHOR_DOMAINS_MAX)) {
    for (const { mailbox, host } of parseAddressList(field)) {
      if (mailbox === null || host === null || host === MISSING_DOMAIN) continue;
      const domain = authorDomain(host);
      if (domain === null) malformed = true;
      else if (domains.size < AUTHOR_DOMAINS_MAX) domains.add(domain);
    }
  }
  const [domain] = domains;
  const notApplicable = (because: Extract<Author, { kind: "not-applicable" }>["because"]): Author => ({ kind: "not-applicable", because, domains: [...domains] });
  if (fromFields.length === 0) return notApplicable("no-field");
  if (fromFields.length > 1) return notApplicable("several-fields");
  if (domains.size > 1) return notApplicable("several-domains");
  if (malformed) return notApplicable("malformed-domain");
  return domain === undefined ? notApplicable("no-domain") : { kind: "author", domain };
}

const WITH_UNDERSCORES = /^[a-z0-9_]+(?:-+[a-z0-9_]+)*(?:\.[a-z0-9_]+(?:-+[a-z0-9_]+)*)*$/i;

/** U-labels become A-labels (RFC 8616 section 5). Underscores are in no host name, but mail is sent in such names, and they can have a policy. */
function authorDomain(host: string): string | null {
  const domain = parseDomain(host);
  if (domain !== null) return domain.startsWith("[") ? null : domain;
  return WITH_UNDERSCORES.test(host) ? questionName(host) : null;
}
