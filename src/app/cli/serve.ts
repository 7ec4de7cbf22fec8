/** tayori serve: runs until it is told to end. */
import { JsonLog } from "../../adapter/json-log.ts";
import { NodeClock } from "../../adapter/node-clock.ts";
import { PrometheusMetrics } from "../../adapter/prometheus.ts";
import type { Queue } from "../../queue/queue.ts";
import { logPlaces, startServer, writeReadyLine, type RunningServer, type ServerParts } from "../server.ts";
import type { Settings } from "../settings.ts";
import { openDirectory, openQueue, type Failed, type OpenDirectory } from "../wire.ts";
import { failed, type CliIo, type CommandResult } from "./io.ts";

/** How long sessions may go on after the server was told to end. */
const GRACE_MS = 5_000;

/** Puts the parts of a server together over an open store. */
export type Assemble = (open: OpenDirectory, queue: Queue, metrics: PrometheusMetrics) => Promise<ServerParts | Failed>;
/** Called once, when every listener is open. Answers why the server must end again, or null. */
export type OnReady = (places: RunningServer["places"], open: OpenDirectory) => Promise<string | null>;

/** Standard output is for the one line that says it is ready; the log goes to standard error. */
export function serve(settings: Settings, io: CliIo, assemble: Assemble): Promise<CommandResult> {
  return serveUntilTold(settings, io, assemble, async (places) => {
    io.out(writeReadyLine(places));
    return null;
  });
}

export async function serveUntilTold(settings: Settings, io: CliIo, assemble: Assemble, onReady: OnReady): Promise<CommandResult> {
  const log = JsonLog.open({ level: settings.log.level, clock: new NodeClock(), to: 2 });
  const metrics = new PrometheusMetrics({ process: true });
  const opened = await openDirectory(settings, log, metrics);
  if (opened.kind === "failed") return failed("unavailable", opened.detail);
  const { open } = opened;
  try {
    if (Object.values(settings.listen).flat().length === settings.listen["proxy-protocol"].length) return { kind: "failed", code: 2, because: "settings", message: "No listener is named: give [listen] at least one place." };
    const queue = await openQueue(open);
    if (queue.kind === "failed") return failed("unavailable", queue.detail);
    const parts = await assemble(open, queue.queue, metrics);
    if ("kind" in parts) return failed("unavailable", parts.detail);
    const server = await startServer(parts);
    if (server.kind === "failed") return failed("unavailable", server.detail);
    const told = io.told();
    logPlaces(log, server.places);
    const trouble = await onReady(server.places, open);
    if (trouble === null) await told;
    log.info("ending");
    await server.stop(trouble === null ? GRACE_MS : 0);
    return trouble === null ? { kind: "silent", code: 0 } : failed("unavailable", trouble);
  } finally {
    await open.close();
    await log.flush();
  }
}
