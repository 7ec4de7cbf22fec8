/** Opens every listener that the settings name, or none of them. */
import { listenHttp } from "../adapter/http-listener.ts";
import { claimPlace, type PlaceClaim } from "../adapter/place-claim.ts";
import { listen, type ListenOptions, type Refused } from "../adapter/node-listener.ts";
import type { ServerTls } from "../adapter/tls-context.ts";
import type { Clock } from "../port/clock.ts";
import type { Connection } from "../port/connection.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { WebRequest, WebResponse } from "../web/web.ts";
import type { Settings } from "./settings.ts";
import { writeHostPort, type HostPort } from "./units.ts";

export type MailListenerKind = "smtp" | "submission" | "submissions" | "imap" | "imaps";
export type ListenerKind = MailListenerKind | "http";

export interface ListenerWorld {
  readonly settings: Settings;
  /** How many processes share the listeners. */
  readonly workers: number;
  readonly serverTls: ServerTls;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** What is done with a connection, by the kind of its listener. */
  readonly sessions: Readonly<Record<MailListenerKind, (connection: Connection) => Promise<void>>>;
  readonly respond: (request: WebRequest) => Promise<WebResponse>;
}
/**
 * The part of one of several workers. The kernel chooses by chance who gets a connection: with three standard deviations above an even
 * share, a worker refuses nobody long before the limit of all is reached.
 */
export function shareOf(limit: number, workers: number): number {
  const even = limit / workers;
  return workers === 1 ? limit : Math.min(limit, Math.ceil(even + 3 * Math.sqrt(even)));
}

export interface OpenListeners {
  readonly kind: "open";
  /** Where each kind listens in fact: "127.0.0.1:2525". */
  readonly places: Readonly<Partial<Record<ListenerKind, readonly string[]>>>;
  /** Accepts no more, and ends what is left after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const TLS = { smtp: "starttls", submission: "starttls", submissions: "implicit", imap: "starttls", imaps: "implicit" } satisfies Record<MailListenerKind, ListenOptions["tls"]>;
const smtpRefusal = (because: Refused): string => `421 4.7.0 ${because === "too-many-connections" ? "too many connections" : "too many connections from your address"}\r\n`;
const imapRefusal = (because: Refused): string => `* BYE [LIMIT] ${because === "too-many-connections" ? "too many connections" : "too many connections from your address"}\r\n`;
const REFUSAL = { smtp: smtpRefusal, submission: smtpRefusal, submissions: smtpRefusal, imap: imapRefusal, imaps: imapRefusal } satisfies Record<MailListenerKind, ListenOptions["refusal"]>;
const MAIL_KINDS: readonly MailListenerKind[] = ["smtp", "submission", "submissions", "imap", "imaps"];

export async function openListeners(world: ListenerWorld): Promise<OpenListeners | { readonly kind: "failed"; readonly detail: string }> {
  const places: Partial<Record<ListenerKind, string[]>> = {};
  const closers: ((graceMs: number) => Promise<void>)[] = [];
  const close = async (graceMs: number): Promise<void> => void await Promise.all(closers.map((one) => one(graceMs)));
  const opened = (kind: ListenerKind, host: string, port: number, closer: (graceMs: number) => Promise<void>): void => {
    (places[kind] ??= []).push(writeHostPort({ host, port }));
    closers.push(closer);
  };
  for (const kind of MAIL_KINDS) {
    for (const place of world.settings.listen[kind]) {
      try {
        const listener = await listen(optionsFor(kind, place, world));
        opened(kind, listener.address, listener.port, (graceMs) => listener.close(graceMs));
      } catch (error) {
        await close(0);
        return { kind: "failed", detail: `${kind} cannot listen on ${writeHostPort(place)}: ${error instanceof Error ? error.message : String(error)}` };
      }
    }
  }
  for (const { host, port } of world.settings.listen.http) {
    const listener = await listenHttp({ host, port, shared: world.workers > 1, log: world.log, respond: (request) => world.respond(request) });
    if (listener.kind === "failed") {
      await close(0);
      return { kind: "failed", detail: `http cannot listen on ${writeHostPort({ host, port })}: ${listener.detail}` };
    }
    opened("http", listener.address, listener.port, () => listener.close());
  }
  return { kind: "open", places, close };
}

/**
 * Makes sure that nobody else listens in these places, and chooses the ports that are left to us: for workers, which listen together and
 * would not notice another who does. Answers the settings with the places as they are.
 */
export async function claimPlaces(settings: Settings): Promise<{ readonly kind: "claimed"; readonly settings: Settings } | { readonly kind: "failed"; readonly detail: string }> {
  const claims: PlaceClaim[] = [];
  try {
    const listen = { ...settings.listen };
    for (const kind of [...MAIL_KINDS, "http"] as const) {
      const places: HostPort[] = [];
      for (const place of settings.listen[kind]) {
        const claim = await claimPlace(place.host, place.port);
        if (claim.kind === "failed") return { kind: "failed", detail: `${kind} cannot listen on ${writeHostPort(place)}: ${claim.detail}` };
        claims.push(claim);
        places.push({ host: place.host, port: claim.port });
      }
      listen[kind] = places;
    }
    return { kind: "claimed", settings: { ...settings, listen } };
  } finally {
    // All at once, so that no port is chosen twice.
    await Promise.all(claims.map((claim) => claim.release()));
  }
}

function optionsFor(kind: MailListenerKind, { host, port }: { readonly host: string; readonly port: number }, world: ListenerWorld): ListenOptions {
  const { settings, workers, serverTls, clock, log, metrics, sessions } = world;
  return {
    name: kind, host, port, shared: workers > 1, tls: TLS[kind], serverTls,
    proxiesTrusted: settings.listen["proxy-protocol"],
    connectionsMax: shareOf(settings.limits.connections, workers),
    connectionsPerAddressMax: shareOf(settings.limits["connections-per-address"], workers),
    refusal: REFUSAL[kind],
    onConnection: sessions[kind],
    clock, log, metrics,
  };
}
