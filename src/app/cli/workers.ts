/** tayori serve with several workers: the primary, which accepts connections and looks after the processes that serve them. */
import { JsonLog } from "../../adapter/json-log.ts";
import { NodeClock } from "../../adapter/node-clock.ts";
import { PrometheusMetrics, sumFamilies } from "../../adapter/prometheus.ts";
import { WorkerPool } from "../../adapter/worker-pool.ts";
import type { Log } from "../../port/log.ts";
import { claimPlaces } from "../listeners.ts";
import { loadCertificate, logPlaces, writeReadyLine } from "../server.ts";
import type { Settings } from "../settings.ts";
import { openDirectory, openQueue } from "../wire.ts";
import { failed, type CliIo, type CommandResult } from "./io.ts";
import { GRACE_MS, nothingToServe } from "./serve.ts";

/** Beyond the grace time of its sessions a worker closes its store and its log; one that takes longer hangs. */
const CLOSING_MS = 1_000;

export async function serveByWorkers(settings: Settings, io: CliIo): Promise<CommandResult> {
  const refusal = nothingToServe(settings);
  if (refusal !== null) return refusal;
  const clock = new NodeClock();
  const log = JsonLog.open({ level: settings.log.level, clock, to: 2, shared: true });
  const told = io.told();
  try {
    const trouble = await prepare(settings, log);
    if (trouble !== null) return failed("unavailable", trouble);
    const claimed = await claimPlaces(settings);
    if (claimed.kind === "failed") return failed("unavailable", claimed.detail);
    const metrics = new PrometheusMetrics({ process: false });
    const pool = new WorkerPool({ count: settings.workers, listen: claimed.settings.listen, clock, log, metrics, sum: async (families) => sumFamilies([...families, await metrics.families()]) });
    const started = await pool.start();
    if (started.kind === "failed") return failed("unavailable", started.detail);
    logPlaces(log, started.places);
    io.out(writeReadyLine(started.places));
    await told;
    log.info("ending", { workers: settings.workers });
    return { kind: "silent", code: (await pool.drain(GRACE_MS + CLOSING_MS)) ? 0 : 1 };
  } finally {
    await log.flush();
  }
}

/** Makes what is made once (the store, its key, the queue, a certificate) before several processes would at the same time. */
async function prepare(settings: Settings, log: Log): Promise<string | null> {
  const opened = await openDirectory(settings, log);
  if (opened.kind === "failed") return opened.detail;
  try {
    const queue = await openQueue(opened.open);
    if (queue.kind === "failed") return queue.detail;
    const certificate = await loadCertificate(settings, opened.open);
    return certificate.kind === "failed" ? certificate.detail : null;
  } finally {
    await opened.open.close();
  }
}
