/**
 * Where mail for a domain goes (RFC 5321 section 5.1, RFC 7505): routes from the settings first, then MX, then the
 * domain's own addresses. Mail hosts are ordered by preference and shuffled within one; those not better than ourselves
 * are left out, which ends loops.
 *
 * What a domain publishes never leads to a private address; a route may.
 */
import type { Domain } from "../address/address.ts";
import { unreachable } from "../base/assert.ts";
import type { Random } from "../port/random.ts";
import type { Answer, RecordOf, Resolver } from "../port/resolver.ts";
import type { AttemptReply } from "../queue/queued-message.ts";
import { CNAME_HOPS_MAX, EXCHANGES_MAX } from "./limits.ts";
import type { Target, TlsPolicy } from "./open-session.ts";
import { ownReply } from "./peer-reply.ts";
import { isPrivateAddress } from "./private-address.ts";

/** "host:port", where host is a name, an IPv4 address or an IPv6 address in brackets. */
export interface ConfiguredRoute {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsPolicy;
}
export interface RouteWorld {
  readonly resolver: Resolver;
  readonly random: Random;
  /** By domain in A-labels, or "*" for all that have none of their own. */
  readonly routes: ReadonlyMap<string, ConfiguredRoute>;
  /** Names and addresses under which we are mail hosts ourselves, in lower case. */
  readonly ownHosts: ReadonlySet<string>;
}
export type RouteAnswer =
  /** In the order they are to be tried; at least one. */
  | { readonly kind: "targets"; readonly targets: readonly Target[] }
  | { readonly kind: "failed" | "deferred"; readonly reply: AttemptReply };

const SMTP_PORT = 25;
interface Exchange {
  readonly host: string;
  readonly preference: number;
}

/** Reads "host:port" or "[2001:db8::1]:port"; null when it is neither. */
export function parseRoute(text: string, tls: TlsPolicy = "opportunistic"): ConfiguredRoute | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port < 1 || port > 65535) return null;
  return { host: (match[1] ?? match[2]!).toLowerCase(), port, tls };
}

export async function routeTo(domain: Domain, world: RouteWorld): Promise<RouteAnswer> {
  const configured = world.routes.get(domain) ?? world.routes.get("*");
  if (configured !== undefined) return toConfigured(configured, world);
  if (domain.startsWith("[")) return toLiteral(domain);
  return toExchanges(domain, world);
}

async function toConfigured(route: ConfiguredRoute, world: RouteWorld): Promise<RouteAnswer> {
  const { host, port, tls } = route;
  if (isAddress(host)) return { kind: "targets", targets: [{ host, address: host, port, tls }] };
  const found = await addressesOf(host, world.resolver);
  if (found.addresses.length > 0) return { kind: "targets", targets: found.addresses.map((address) => ({ host, address, port, tls })) };
  // The operator wrote the route, so its host is never taken for gone.
  return deferred("4.4.3", `the host of the route, ${host}, was not found in the DNS`);
}

/** RFC 5321 section 4.1.3. There is no name that a certificate could be held against. */
function toLiteral(domain: Domain): RouteAnswer {
  const address = domain.slice(1, -1).replace(/^IPv6:/i, "");
  if (isPrivateAddress(address)) return failed("5.4.4", `${domain} is a private address`);
  return { kind: "targets", targets: [{ host: address, address, port: SMTP_PORT, tls: "opportunistic" }] };
}

async function toExchanges(domain: Domain, world: RouteWorld): Promise<RouteAnswer> {
  let name: string = domain;
  for (let hop = 0; hop <= CNAME_HOPS_MAX; hop++) {
    const answer = await world.resolver.resolve(name, "MX");
    if (answer.kind === "failure") return dnsFailure(domain, answer);
    if (answer.kind === "records") return amongExchanges(domain, answer.records, world);
    if (answer.because === "nxdomain") return failed("5.1.2", `the domain ${domain} does not exist`);
    // A resolver that follows aliases answers with what is there; one that does not leaves that to us (RFC 5321 section 5.1).
    const alias = await world.resolver.resolve(name, "CNAME");
    if (alias.kind === "failure") return dnsFailure(domain, alias);
    if (alias.kind === "void") return implicit(domain, name, world);
    name = alias.records[0];
  }
  return failed("5.4.4", `the aliases of ${domain} do not end`);
}

/** No MX: the domain is its own mail host, with preference 0. */
async function implicit(domain: Domain, name: string, world: RouteWorld): Promise<RouteAnswer> {
  if (world.ownHosts.has(name)) return loops(domain);
  return reachable(domain, [{ host: name, preference: 0 }], world);
}

async function amongExchanges(domain: Domain, records: readonly RecordOf["MX"][], world: RouteWorld): Promise<RouteAnswer> {
  const exchanges = records.filter((record) => record.exchange !== "").map(({ exchange, preference }) => ({ host: exchange.toLowerCase(), preference }));
  // RFC 7505 section 4.1: the code is the one that a server would give.
  if (exchanges.length === 0) return { kind: "failed", reply: { ...ownReply("5.1.10", `${domain} does not accept mail (null MX)`), code: 556 } };
  return reachable(domain, inOrder(exchanges, world.random), world);
}

/** By preference; those of one preference in any order (RFC 5321 section 5.1). */
function inOrder(exchanges: readonly Exchange[], random: Random): Exchange[] {
  const shuffled = [...exchanges];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled.sort((a, b) => a.preference - b.preference).slice(0, EXCHANGES_MAX);
}

async function reachable(domain: Domain, exchanges: readonly Exchange[], world: RouteWorld): Promise<RouteAnswer> {
  const found = await Promise.all(exchanges.map(async (exchange) => ({ exchange, ...(await addressesOf(exchange.host, world.resolver)) })));
  const isOurs = ({ exchange, addresses }: (typeof found)[number]): boolean => world.ownHosts.has(exchange.host) || addresses.some((address) => world.ownHosts.has(address));
  const ours = Math.min(...found.filter(isOurs).map(({ exchange }) => exchange.preference));
  const better = found.filter(({ exchange }) => exchange.preference < ours);
  if (better.length === 0) return loops(domain);
  const all = better.flatMap(({ exchange, addresses }) => addresses.map((address): Target => ({ host: exchange.host, address, port: SMTP_PORT, tls: "opportunistic" })));
  const targets = all.filter(({ address }) => !isPrivateAddress(address));
  if (targets.length > 0) return { kind: "targets", targets };
  const failure = better.find(({ failed: because }) => because !== null)?.failed ?? null;
  if (failure !== null) return dnsFailure(domain, { kind: "failure", because: failure });
  if (all.length > 0) return failed("5.4.4", `the mail hosts of ${domain} have private addresses only`);
  return failed("5.4.4", `no mail host of ${domain} has an address`);
}

interface Found {
  /** IPv6 and IPv4 in turns, IPv6 first. */
  readonly addresses: readonly string[];
  readonly failed: Extract<Answer<string>, { kind: "failure" }>["because"] | null;
}

async function addressesOf(host: string, resolver: Resolver): Promise<Found> {
  const [six, four] = await Promise.all([resolver.resolve(host, "AAAA"), resolver.resolve(host, "A")]);
  const [left, right] = [six, four].map((answer) => (answer.kind === "records" ? answer.records : []));
  const addresses: string[] = [];
  for (let i = 0; i < Math.max(left!.length, right!.length); i++) addresses.push(...[left![i], right![i]].filter((address) => address !== undefined));
  const failure = [six, four].find((answer) => answer.kind === "failure");
  return { addresses, failed: failure?.kind === "failure" ? failure.because : null };
}

function dnsFailure(domain: Domain, answer: Extract<Answer<unknown>, { kind: "failure" }>): RouteAnswer {
  switch (answer.because) {
    case "servfail":
    case "malformed":
      return deferred("4.4.3", `the DNS servers of ${domain} gave no usable answer`);
    case "timeout":
      return deferred("4.4.3", `the DNS servers of ${domain} did not answer in time`);
    case "bogus":
      return deferred("4.4.3", `the DNS answer for ${domain} failed DNSSEC validation`);
    default:
      return unreachable(answer.because);
  }
}

/** X.4.6, routing loop detected (RFC 3463 section 3.5). */
function loops(domain: Domain): RouteAnswer {
  return failed("5.4.6", `mail for ${domain} loops back to this system`);
}
function failed(status: string, text: string): RouteAnswer {
  return { kind: "failed", reply: ownReply(status, text) };
}
function deferred(status: string, text: string): RouteAnswer {
  return { kind: "deferred", reply: ownReply(status, text) };
}
function isAddress(host: string): boolean {
  return host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(host);
}
