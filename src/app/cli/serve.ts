/** tayori serve: runs until it is told to end. */
import { JsonLog } from "../../adapter/json-log.ts";
import { NodeClock } from "../../adapter/node-clock.ts";
import { NodeRandom } from "../../adapter/node-random.ts";
import { PrometheusMetrics } from "../../adapter/prometheus.ts";
import { WorkerProcess } from "../../adapter/worker-process.ts";
import { describeFence, readFence } from "../../port/fenced-store.ts";
import { type Hints, joinHints } from "../../port/hints.ts";
import type { Log } from "../../port/log.ts";
import type { Metrics } from "../../port/metrics.ts";
import type { Queue } from "../../queue/queue.ts";
import { logPlaces, startServer, writeReadyLine, type RunningServer, type ServerParts } from "../server.ts";
import type { Settings } from "../settings.ts";
import { openDirectory, openQueue, type Failed, type OpenDirectory } from "../wire.ts";
import { failed, type CliIo, type CommandResult } from "./io.ts";

/** How long sessions and deliveries may go on after the server was told to end: with what follows, the whole takes ten seconds. */
export const GRACE_MS = 9_000;

/** Puts the parts of a server together over an open store. */
export type Assemble = (open: OpenDirectory, queue: Queue, metrics: PrometheusMetrics) => Promise<ServerParts | Failed>;
/** Called once, when every listener is open. Answers why the server must end again, or null. */
export type OnReady = (places: RunningServer["places"], open: OpenDirectory) => Promise<string | null>;

/** Standard output is for the one line that says it is ready; the log goes to standard error. */
export async function serve(settings: Settings, io: CliIo, assemble: Assemble): Promise<CommandResult> {
  if (settings.workers > 1) {
    const worker = WorkerProcess.current(new NodeClock());
    if (worker === null) return (await import("./workers.ts")).serveByWorkers(settings, io);
    // The primary read the same settings, and has been asked for these places.
    return serveAsWorker({ ...settings, listen: worker.listen as Settings["listen"] }, io, assemble, worker);
  }
  return serveUntilTold(settings, io, assemble, async (places) => {
    io.out(writeReadyLine(places));
    return null;
  });
}

/** The settings name no place to listen: an operator's mistake, and said as one. */
export function nothingToServe({ listen }: Settings): CommandResult | null {
  if (Object.values(listen).flat().length > listen["proxy-protocol"].length) return null;
  return { kind: "failed", code: 2, because: "settings", message: "No listener is named: give [listen] at least one place." };
}

export async function serveUntilTold(settings: Settings, io: CliIo, assemble: Assemble, onReady: OnReady): Promise<CommandResult> {
  const refusal = nothingToServe(settings);
  if (refusal !== null) return refusal;
  const log = JsonLog.open({ level: settings.log.level, clock: new NodeClock(), to: 2 });
  const told = io.told();
  try {
    const trouble = await serveOver(settings, assemble, { log, hints: [], told, workers: 1, own: (parts) => parts, onReady });
    return trouble === null ? { kind: "silent", code: 0 } : failed("unavailable", trouble);
  } finally {
    await log.flush();
  }
}

async function serveAsWorker(settings: Settings, io: CliIo, assemble: Assemble, worker: WorkerProcess): Promise<CommandResult> {
  const log = JsonLog.open({ level: settings.log.level, clock: new NodeClock(), to: 2, fields: { worker: worker.number }, shared: true });
  const told = Promise.race([io.told(), worker.told]);
  let families = async (): Promise<readonly object[]> => [];
  try {
    const trouble = await serveOver(settings, assemble, {
      log, hints: [worker.hints], told, workers: settings.workers,
      own: (parts) => {
        families = parts.families;
        return { ...parts, worker: worker.number, exposition: () => worker.exposition() };
      },
      onReady: async (places) => {
        worker.ready(places, families);
        return null;
      },
    });
    if (trouble !== null) await worker.failed(trouble);
    return { kind: "silent", code: trouble === null ? 0 : 1 };
  } finally {
    await log.flush();
    worker.leave();
  }
}

interface Serving {
  readonly log: Log;
  /** Ways to other processes besides those that the settings name. */
  readonly hints: readonly Hints[];
  readonly told: Promise<void>;
  readonly workers: number;
  /** Makes the parts those of this process. */
  readonly own: (parts: ServerParts) => ServerParts;
  readonly onReady: OnReady;
}

/** Serves from the opening of the store to its closing. Answers why it could not, or null. */
async function serveOver(settings: Settings, assemble: Assemble, { log, told, workers, own, onReady, ...serving }: Serving): Promise<string | null> {
  const metrics = new PrometheusMetrics({ process: true });
  const hints = joinHints([...serving.hints, ...(await natsHints(settings, log, metrics))]);
  const opened = await openDirectory(settings, log, { metrics, hints, workers });
  if (opened.kind === "failed") {
    await hints.close();
    return opened.detail;
  }
  const { open } = opened;
  try {
    const fence = await readFence(open.store);
    if (fence.kind !== "open") return fence.kind === "fenced" ? describeFence(fence.fence) : `the store cannot be read: ${fence.detail}`;
    const queue = await openQueue(open);
    if (queue.kind === "failed") return queue.detail;
    const parts = await assemble(open, queue.queue, metrics);
    if ("kind" in parts) return parts.detail;
    const server = await startServer(own(parts));
    if (server.kind === "failed") return server.detail;
    logPlaces(log, server.places);
    const trouble = await onReady(server.places, open);
    if (trouble === null) await told;
    log.info("ending");
    await server.stop(trouble === null ? GRACE_MS : 0);
    return trouble;
  } finally {
    await hints.close();
    await open.close();
  }
}

/** Loaded only where it is used. */
async function natsHints({ hints, hostname }: Settings, log: Log, metrics: Metrics): Promise<readonly Hints[]> {
  if (hints.url === undefined) return [];
  const { NatsHints } = await import("../../adapter/nats-hints.ts");
  return [NatsHints.open({ to: hints.url, name: `tayori ${hostname}`, clock: new NodeClock(), random: new NodeRandom(), log, metrics })];
}
