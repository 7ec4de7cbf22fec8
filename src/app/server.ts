/** A running server: sessions over listeners, the queue's runner, and an orderly end. What delivers mail is given from outside. */
import { networkInterfaces } from "node:os";
import { NodeConnector } from "../adapter/node-connector.ts";
import { ensureSelfSigned } from "../adapter/self-signed.ts";
import { ServerTls } from "../adapter/tls-context.ts";
import { parseDomain } from "../address/domain.ts";
import { assert } from "../base/assert.ts";
import { LocalTransport } from "../delivery/local-transport.ts";
import type { Intake } from "../delivery/received.ts";
import { serveImap, type ImapServerDeps } from "../imap-server/imap-server.ts";
import type { Connection } from "../port/connection.ts";
import { type Drain, DrainSwitch } from "../port/drain.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Resolver } from "../port/resolver.ts";
import type { EnqueueOrDeliver } from "../queue/owed-reports.ts";
import type { Queue } from "../queue/queue.ts";
import { QueueRunner } from "../queue/runner.ts";
import { SmtpTransport } from "../smtp-client/smtp-transport.ts";
import { MemoryBudget } from "../smtp-server/memory-budget.ts";
import { smtpServerDefaults } from "../smtp-server/settings.ts";
import { serveSmtp, type SmtpRole, type SmtpServerDeps } from "../smtp-server/smtp-server.ts";
import { respondTo } from "../web/web.ts";
import { openListeners, type MailListenerKind, type OpenListeners } from "./listeners.ts";
import type { Settings } from "./settings.ts";
import type { Failed, OpenDirectory } from "./wire.ts";

/** Octets of messages on their way in, over all sessions. */
const INTAKE_BYTES_MAX = 256 * 1024 * 1024;
/** What another process did is seen by an idle IMAP session after this long at most. */
const IMAP_RECHECK_MS = 2_000;
/** How long other hosts may take to answer QUIT when the server ends. */
const QUIT_MS = 500;
/** How often certificates are looked at for a change. */
const CERTIFICATE_CHECK_MS = 60_000;

export interface ServerParts {
  readonly open: OpenDirectory;
  readonly queue: Queue;
  readonly intake: Intake;
  /** Where reports of the queue go. */
  readonly enqueueOrDeliver: EnqueueOrDeliver;
  readonly resolver: Resolver;
  readonly metrics: Metrics;
  /** The numbers for /metrics. */
  readonly exposition: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** The same as data, which a worker's are summed from. */
  readonly families: () => Promise<readonly object[]>;
  readonly version: string;
  /** Which of the processes that share the listeners this is, from 1 on; absent where it is the only one. */
  readonly worker?: number;
}
export interface RunningServer {
  readonly kind: "running";
  readonly places: OpenListeners["places"];
  /**
   * Takes no more connections, ends sessions as soon as they are in no transaction and no command, all after `graceMs`, and hands the
   * queue back. The store stays open.
   */
  stop(graceMs: number): Promise<void>;
}

export async function startServer(parts: ServerParts): Promise<RunningServer | Failed> {
  const { open, metrics } = parts;
  const { settings, clock, log } = open;
  const drain = new DrainSwitch();
  const tls = await loadCertificate(settings, open);
  if (tls.kind === "failed") return tls;
  const stopWatching = tls.serverTls.watch(clock, CERTIFICATE_CHECK_MS, (answer) => {
    if (answer.kind === "loaded") log.info("certificate-reloaded");
    else log.error("certificate-unreadable", { detail: answer.detail });
  });
  let ready = false;
  const listeners = await openListeners({
    settings, workers: workersOf(parts), serverTls: tls.serverTls, clock, log, metrics,
    sessions: sessionsOf(parts, drain),
    respond: (request) => respondTo(request, { notReady: () => notReady(open, ready), metrics: parts.exposition }),
  });
  if (listeners.kind === "failed") {
    stopWatching();
    return listeners;
  }
  const { runner, transport } = queueRunnerOf(parts, Object.values(listeners.places).flat()[0]);
  runner.start();
  ready = true;
  return {
    kind: "running",
    places: listeners.places,
    stop: async (graceMs) => {
      ready = false;
      stopWatching();
      drain.begin();
      await Promise.all([listeners.close(graceMs), runner.stop(graceMs)]);
      // Hosts that do not answer our QUIT are not waited for.
      await Promise.race([transport.close(), clock.sleep(QUIT_MS)]);
    },
  };
}

function workersOf({ open, worker }: ServerParts): number {
  return worker === undefined ? 1 : open.settings.workers;
}

function queueRunnerOf(parts: ServerParts, place: string | undefined): { readonly runner: QueueRunner; readonly transport: SmtpTransport } {
  const { open, queue, metrics } = parts;
  const { settings, clock, random, log } = open;
  const attemptsMax = Math.ceil(settings.outbound.concurrency / workersOf(parts));
  const transport = new SmtpTransport({
    connector: new NodeConnector(clock), clock, random, resolver: parts.resolver, helo: settings.outbound.helo,
    routes: new Map(settings.outbound.routes.map(({ domain, host, port, tls: policy }) => [domain, { host, port, tls: policy }])),
    ownHosts: ownHosts(settings),
  });
  const runner = new QueueRunner({
    queue, transport: new LocalTransport(open, transport), clock, random, log, metrics,
    holder: holderOf(parts, place),
    destinations: { attemptsMax, perDestinationMax: Math.min(10, attemptsMax) },
    enqueueOrDeliver: parts.enqueueOrDeliver, reportingMta: settings.hostname, language: settings.language,
  });
  return { runner, transport };
}

/**
 * Nobody else on this host can listen in the same place, and after a restart it is the same: its own leases need not run out.
 * Workers share their places and are told apart by their numbers. A store that several hosts share may be shared by hosts with the
 * same name and the same places, so there it is by chance.
 */
function holderOf({ open: { settings, random }, worker }: ServerParts, place: string | undefined): string {
  const own = settings.store.kind === "sqlite" && place !== undefined ? place : random.bytes(8).toString("hex");
  return worker === undefined ? `${settings.hostname} ${own}` : `${settings.hostname} ${own} ${worker}`;
}

export async function loadCertificate({ tls, hostname }: Settings, { clock, log }: Pick<OpenDirectory, "clock" | "log">): Promise<{ readonly kind: "loaded"; readonly serverTls: ServerTls } | Failed> {
  const files = { certFile: tls.certPath, keyFile: tls.keyPath };
  try {
    if (tls.selfSigned && (await ensureSelfSigned(files, [hostname, "localhost"], clock)) === "made") log.warn("certificate-self-signed", { file: files.certFile });
    return { kind: "loaded", serverTls: ServerTls.load([files]) };
  } catch (error) {
    return { kind: "failed", detail: `the certificate cannot be used: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function sessionsOf(parts: ServerParts, drain: Drain): Readonly<Record<MailListenerKind, (connection: Connection) => Promise<void>>> {
  const { open, intake, metrics } = parts;
  const { settings, clock, random, log, logins: authenticator, accounts } = open;
  const hostname = parseDomain(settings.hostname);
  assert(hostname !== null, "the settings hold a domain");
  const smtpDeps: SmtpServerDeps = {
    settings: {
      ...smtpServerDefaults, hostname, messageBytesMax: settings.message["size-max"],
      offerLogin: settings.auth["login-mechanism"], startTls: true, hideSubmitter: settings.submission["hide-client-address"],
    },
    intake, authenticator, budget: new MemoryBudget(Math.max(INTAKE_BYTES_MAX / workersOf(parts), 2 * settings.message["size-max"])), drain, clock, random, log, metrics,
  };
  const imapDeps: ImapServerDeps = {
    settings: {
      hostname: settings.hostname, version: parts.version, messageBytesMax: settings.message["size-max"], startTls: true,
      offerLogin: settings.auth["login-mechanism"], cleartextLoopback: settings.auth["cleartext-loopback"], recheckMs: IMAP_RECHECK_MS,
    },
    accounts, authenticator, quotaOf: (id) => quotaOf(open, id), drain, clock, random, log, metrics,
  };
  const smtp = (role: SmtpRole) => (connection: Connection) => serveSmtp(connection, smtpDeps, role);
  const imap = (connection: Connection) => serveImap(connection, imapDeps);
  return { smtp: smtp("mx"), submission: smtp("submission"), submissions: smtp("submissions"), imap, imaps: imap };
}

/** A store that cannot be asked for the quota cannot be written to either, so nothing is gained by a guess below infinity. */
async function quotaOf({ directory }: OpenDirectory, accountId: string): Promise<number> {
  const facts = await directory.accountFacts(accountId);
  return facts.kind === "found" ? facts.account.quotaBytes ?? Number.POSITIVE_INFINITY : Number.POSITIVE_INFINITY;
}

async function notReady({ store }: OpenDirectory, ready: boolean): Promise<readonly string[]> {
  const listed = await store.list("d/", { limit: 1 });
  return [...(ready ? [] : ["the listeners are not open"]), ...(listed.kind === "failure" ? [`the store cannot be read: ${listed.because}`] : [])];
}

/** Mail that the DNS sends to one of these would come back to us. */
function ownHosts({ hostname, outbound, listen }: Settings): ReadonlySet<string> {
  const hosts = new Set([hostname, outbound.helo]);
  for (const { host } of listen.smtp) {
    if (host !== "0.0.0.0" && host !== "::") hosts.add(host.toLowerCase());
    else for (const entries of Object.values(networkInterfaces())) for (const { address } of entries ?? []) hosts.add(address.toLowerCase());
  }
  return hosts;
}

/** The one line on standard output that says where the server listens. */
export function writeReadyLine(places: OpenListeners["places"]): string {
  return `${JSON.stringify({ ready: true, listeners: places })}\n`;
}

export function logPlaces(log: Log, places: OpenListeners["places"]): void {
  for (const [kind, list] of Object.entries(places)) log.info("listening", { listener: kind, places: list.join(" ") });
}
