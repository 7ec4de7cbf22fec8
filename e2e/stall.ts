/** How long the server's event loop stood still, with the noise of a busy machine taken out. */
import type { TayoriServer } from "./server.ts";

export const STALL_MS_MAX = 100;
const TRIES = 3;

/**
 * Runs `work` and answers the longest stall of the server's event loop during it, in milliseconds, by its own metric
 * (the greatest delay since the last look). A stall above the limit counts only when it shows again each time the work is repeated:
 * on a shared machine a process may stand still because others run.
 */
export async function stallDuring(server: TayoriServer, work: (attempt: number) => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < TRIES && least >= STALL_MS_MAX; attempt++) {
    await maxLag(server);
    await work(attempt);
    least = Math.min(least, await maxLag(server));
  }
  return least;
}

async function maxLag(server: TayoriServer): Promise<number> {
  const seconds = await server.metric("nodejs_eventloop_lag_max_seconds");
  if (seconds === undefined) throw new Error("/metrics has no nodejs_eventloop_lag_max_seconds");
  return seconds * 1000;
}
