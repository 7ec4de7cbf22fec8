/**
 * iprev (RFC 8601 sections 2.7.3 and 3): whether a name of the client's address leads back to the address.
 *
 * What follows from it is for others to decide; `ipv6SenderEvidence` says what the customary rule for IPv6 senders finds missing.
 */
import { assert, unreachable } from "../base/assert.ts";
import { parseIpAddress, reverseName, samePrefix, unmapIpAddress, writeIpAddress } from "../dns/ip-address.ts";
import type { Resolver } from "../port/resolver.ts";
import { PTR_NAMES_MAX } from "./limits.ts";

export interface IprevResult {
  /**
   * - pass: a name leads back to the address.
   * - fail: there are names, and none does.
   * - permerror: there is no name.
   * - temperror: the DNS could not tell.
   */
  readonly result: "pass" | "fail" | "temperror" | "permerror";
  /** As `policy.iprev` has it: IPv4 dotted or RFC 5952; mapped addresses as IPv4. */
  readonly ip: string;
  readonly family: 4 | 6;
  /** The names that lead back, in the order of the DNS; with pass at least one. */
  readonly confirmed: readonly string[];
  /** The names that do not, and those the DNS could not tell about. */
  readonly unconfirmed: readonly string[];
  readonly dnsQueries: number;
}

export async function checkIprev(input: { readonly ip: string; readonly resolver: Resolver }): Promise<IprevResult> {
  const given = parseIpAddress(input.ip);
  assert(given !== null, "the client has an IP address");
  const ip = unmapIpAddress(given);
  const about = { ip: writeIpAddress(ip), family: ip.length === 4 ? 4 : 6 } as const;
  const answer = await input.resolver.resolve(reverseName(ip), "PTR");
  switch (answer.kind) {
    case "failure":
      return { result: "temperror", ...about, confirmed: [], unconfirmed: [], dnsQueries: 1 };
    case "void":
      return { result: "permerror", ...about, confirmed: [], unconfirmed: [], dnsQueries: 1 };
    case "records":
      break;
    default:
      return unreachable(answer);
  }
  const names = [...new Set(answer.records.slice(0, PTR_NAMES_MAX).map((name) => name.toLowerCase().replace(/\.$/, "")))];
  const found = await Promise.all(names.map((name) => leadsTo(name, ip, input.resolver)));
  const confirmed = names.filter((_, index) => found[index] === "yes");
  const result = confirmed.length > 0 ? "pass" : found.includes("unknown") ? "temperror" : "fail";
  return { result, ...about, confirmed, unconfirmed: names.filter((_, index) => found[index] !== "yes"), dnsQueries: 1 + names.length };
}

async function leadsTo(name: string, ip: Uint8Array, resolver: Resolver): Promise<"yes" | "no" | "unknown"> {
  if (name === "") return "no";
  const answer = await resolver.resolve(name, ip.length === 4 ? "A" : "AAAA");
  if (answer.kind === "failure") return "unknown";
  if (answer.kind === "void") return "no";
  return answer.records.some((text) => isSame(parseIpAddress(text), ip)) ? "yes" : "no";
}

function isSame(bytes: Uint8Array | null, ip: Uint8Array): boolean {
  return bytes !== null && samePrefix(unmapIpAddress(bytes), ip, ip.length * 8);
}

/** What the customary rule for senders over IPv6 (M3AAWG, Policy Issues for Receiving Email in a World with IPv6 Hosts, 2014) finds. */
export type Ipv6SenderEvidence =
  | { readonly kind: "not-ipv6" }
  | { readonly kind: "met" }
  | { readonly kind: "missing"; readonly missing: readonly ("reverse-name" | "forward-match" | "authentication")[] }
  /** The DNS could not tell, and nothing else is missing. */
  | { readonly kind: "unknown" };

/** `authentication`: whether SPF or DKIM passed; "unknown" when one of them met a temporary error and the other did not pass. */
export function ipv6SenderEvidence(iprev: IprevResult, authentication: "pass" | "none" | "unknown"): Ipv6SenderEvidence {
  if (iprev.family !== 6) return { kind: "not-ipv6" };
  const missing: ("reverse-name" | "forward-match" | "authentication")[] = [];
  if (iprev.result === "permerror") missing.push("reverse-name");
  if (iprev.result === "fail") missing.push("forward-match");
  if (authentication === "none") missing.push("authentication");
  if (missing.length > 0) return { kind: "missing", missing };
  return iprev.result === "temperror" || authentication === "unknown" ? { kind: "unknown" } : { kind: "met" };
}
