/** The resolver of this process, over the servers in the settings or those of the host. */
import { getServers } from "node:dns";
import { NodeConnector } from "../adapter/node-connector.ts";
import { StubResolver } from "../adapter/stub-resolver.ts";
import type { Clock } from "../port/clock.ts";
import { noMetrics, type Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import type { Settings } from "./settings.ts";

/** Null when no server is known. */
export function openResolver({ dns }: Settings, { clock, random, metrics = noMetrics }: { readonly clock: Clock; readonly random: Random; readonly metrics?: Metrics }): StubResolver | null {
  const [first, ...more] = dns.servers?.map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)) ?? getServers();
  return first === undefined ? null : new StubResolver({ servers: [first, ...more], clock, random, connector: new NodeConnector(clock), metrics });
}
export const NO_RESOLVER = "no resolver is known: give [dns] servers";
