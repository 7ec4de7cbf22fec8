/** Where NATS is, as operators write it. Apart from the client, which commands that do not serve need not load. */
import { NATS_SERVERS_MAX } from "./limits.ts";

export interface NatsServers {
  /** "host:port" */
  readonly servers: readonly string[];
  readonly tls: boolean;
  readonly user: string | null;
  readonly password: string;
}
/** `nats://[user:password@]host[:port]` or `tls://…`, one or several of one kind; null where it is neither. */
export function parseNatsUrls(urls: readonly string[]): NatsServers | null {
  if (urls.length === 0 || urls.length > NATS_SERVERS_MAX) return null;
  const parsed = urls.map((url) => /^(nats|tls):\/\/(?:([^:@/\s]+):([^@/\s]*)@)?((?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?)\/?$/.exec(url));
  const servers: string[] = [];
  for (const match of parsed) {
    if (match === null || match[1] !== parsed[0]?.[1] || Number(/:([0-9]+)$/.exec(match[4]!)?.[1] ?? 4222) > 65535) return null;
    servers.push(match[4]!);
  }
  const login = parsed.find((match) => match?.[2] !== undefined);
  try {
    return { servers, tls: parsed[0]?.[1] === "tls", user: login?.[2] === undefined ? null : decodeURIComponent(login[2]), password: decodeURIComponent(login?.[3] ?? "") };
  } catch {
    return null;
  }
}
