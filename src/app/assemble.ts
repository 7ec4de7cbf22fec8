/** The parts of a server over an open store: DNS, metrics, and what delivers mail. */
import { readFile } from "node:fs/promises";
import type { PrometheusMetrics } from "../adapter/prometheus.ts";
import { Delivery } from "../delivery/delivery.ts";
import { OutgoingSigner } from "../delivery/outgoing-signer.ts";
import { PublicKeys } from "../dkim/public-keys.ts";
import { Filter } from "../filter/filter.ts";
import { Networks } from "../filter/network.ts";
import type { Queue } from "../queue/queue.ts";
import { NO_RESOLVER, openResolver } from "./resolver.ts";
import type { ServerParts } from "./server.ts";
import type { Failed, OpenDirectory } from "./wire.ts";

export async function assemble(open: OpenDirectory, queue: Queue, metrics: PrometheusMetrics): Promise<ServerParts | Failed> {
  const { settings, clock, random, log, accounts, directory, recipients, signingKeys } = open;
  const resolver = openResolver(settings, { clock, random, metrics });
  if (resolver === null) return { kind: "failed", detail: NO_RESOLVER };
  const filter = new Filter({
    resolver, keys: new PublicKeys(resolver), clock, log, metrics, hostname: settings.hostname, authservId: settings.incoming["authserv-id"] ?? settings.hostname,
    trusted: new Networks(settings.incoming["trusted-networks"]), showLogin: !settings.submission["hide-client-address"],
  });
  const signer = new OutgoingSigner({ signingKeys, clock, log, metrics });
  const delivery = new Delivery({ accounts, directory, recipients, queue, filter, signer, clock, random, log, metrics, hostname: settings.hostname, language: settings.language });
  return {
    open, queue, intake: delivery, enqueueOrDeliver: (message) => delivery.handOver(message), resolver, metrics, version: await version(),
    exposition: async () => {
      const { contentType, body } = await metrics.text();
      return { contentType, text: body };
    },
    families: () => metrics.families(),
  };
}

async function version(): Promise<string> {
  const file: unknown = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof file === "object" && file !== null && "version" in file ? String(file.version) : "unknown";
}
