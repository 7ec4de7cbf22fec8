/**
 * SPF (RFC 7208, RFC 8616): whether a domain's owner lets a client use the domain in HELO and MAIL FROM.
 *
 * `checkSpf` asks for the HELO identity first, then for MAIL FROM (section 2.3), and gives both results. What follows from them is the
 * receiver's policy: a fail alone refuses nothing here, since a message may still pass DMARC by DKIM (RFC 9989 section 7.1).
 */
import { parseDomain } from "../address/domain.ts";
import { assert } from "../base/assert.ts";
import { parseIpAddress, unmapIpAddress } from "../dns/ip-address.ts";
import type { Clock } from "../port/clock.ts";
import type { Resolver } from "../port/resolver.ts";
import { SpfBudget } from "./budget.ts";
import { checkHost } from "./check-host.ts";
import type { Sender } from "./check-host.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import type { SpfLimits } from "./limits.ts";
import { checkedDomain } from "./name.ts";
import type { SpfResult } from "./result.ts";

export interface SpfInput {
  /** The client: IPv4 dotted, or IPv6. An IPv4-mapped address is IPv4 (section 5). */
  readonly ip: string;
  /** The argument of HELO or EHLO, as it came. */
  readonly helo: string;
  /** The reverse-path; `Address` of address/ fits. The null one stands for postmaster at the HELO identity (section 2.4). */
  readonly reversePath: { readonly kind: "null" } | { readonly kind: "address"; readonly address: Sender };
  /** Our own host name, for the macro `%{r}` in explanations; "unknown" without. */
  readonly receiver?: string;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly limits?: Partial<SpfLimits>;
}

export interface SpfResults {
  readonly helo: SpfResult;
  /** With a null reverse-path the same as `helo`, under its own identity. */
  readonly mailFrom: SpfResult;
  /** Questions asked for both. */
  readonly dnsQueries: number;
}

export async function checkSpf(input: SpfInput): Promise<SpfResults> {
  const ip = parseIpAddress(input.ip);
  assert(ip !== null, "the client has an IP address");
  const budget = new SpfBudget(unmapIpAddress(ip), input.resolver, input.clock, { ...DEFAULT_LIMITS, ...input.limits });
  const heloName = /^[\x00-\x7f]*$/.test(input.helo) ? input.helo : parseDomain(input.helo) ?? input.helo;
  const check = async (identity: SpfResult["identity"], sender: Sender): Promise<SpfResult> => {
    const before = budget.queries;
    const domain = checkedDomain(sender.domain) ?? sender.domain;
    const verdict = await checkHost(domain, { budget, sender: { ...sender, domain }, helo: heloName, receiver: input.receiver ?? "unknown" });
    return { ...verdict, identity, domain, dnsQueries: budget.queries - before };
  };
  const helo = await check("helo", { localPart: "postmaster", domain: heloName });
  const { reversePath } = input;
  if (reversePath.kind === "null") return { helo, mailFrom: { ...helo, identity: "mailfrom", dnsQueries: 0 }, dnsQueries: budget.queries };
  const { localPart, domain } = reversePath.address;
  // Section 4.3: without a local part, postmaster.
  const mailFrom = await check("mailfrom", { localPart: localPart === "" ? "postmaster" : localPart, domain });
  return { helo, mailFrom, dnsQueries: budget.queries };
}
