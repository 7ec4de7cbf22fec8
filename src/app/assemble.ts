/** The parts of a server over an open store: DNS, metrics, and what delivers mail. */
import { readFile } from "node:fs/promises";
import { getServers } from "node:dns";
import { NodeConnector } from "../adapter/node-connector.ts";
import type { PrometheusMetrics } from "../adapter/prometheus.ts";
import { StubResolver } from "../adapter/stub-resolver.ts";
import { Delivery } from "../delivery/delivery.ts";
import type { Queue } from "../queue/queue.ts";
import type { ServerParts } from "./server.ts";
import type { Failed, OpenDirectory } from "./wire.ts";

export async function assemble(open: OpenDirectory, queue: Queue, metrics: PrometheusMetrics): Promise<ServerParts | Failed> {
  const { settings, clock, random, log, accounts, directory, recipients } = open;
  const [first, ...more] = settings.dns.servers?.map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`)) ?? getServers();
  if (first === undefined) return { kind: "failed", detail: "no resolver is known: give [dns] servers" };
  const resolver = new StubResolver({ servers: [first, ...more], clock, random, connector: new NodeConnector(clock), metrics });
  const delivery = new Delivery({ accounts, directory, recipients, queue, clock, random, log, metrics, hostname: settings.hostname, language: settings.language });
  return {
    open, queue, intake: delivery, enqueueOrDeliver: (message) => delivery.handOver(message), resolver, metrics, version: await version(),
    exposition: async () => {
      const { contentType, body } = await metrics.text();
      return { contentType, text: body };
    },
  };
}

async function version(): Promise<string> {
  const file: unknown = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "unknown";
}
