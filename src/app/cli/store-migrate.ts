/** tayori store migrate and store unfence: these open stores by their urls, whatever the settings name. */
import { JsonLog } from "../../adapter/json-log.ts";
import { NodeClock } from "../../adapter/node-clock.ts";
import { NodeRandom } from "../../adapter/node-random.ts";
import { FENCE_KEY, readFence } from "../../port/fenced-store.ts";
import { noMetrics } from "../../port/metrics.ts";
import { migrate, type MigrationEnd } from "../migration.ts";
import { parseStorePlace, type StorePlace } from "../settings.ts";
import { openStore } from "../wire.ts";
import { done, failed, misused, type CliIo, type CommandResult } from "./io.ts";
import { Pace, parseRate, Progress } from "./pace.ts";

export interface MigrateOptions {
  /** Megabytes a second. */
  readonly rate?: string;
}

export async function migrateStore(io: CliIo, fromUrl: string, toUrl: string, options: MigrateOptions): Promise<CommandResult> {
  const rate = parseRate(options.rate);
  if (rate === null) return misused(`"${options.rate}" is no rate: give megabytes a second, as --rate 20.`);
  const clock = new NodeClock();
  return withStores(io, [fromUrl, toUrl], async ([from, to]) => {
    const pace = new Pace(clock, rate);
    const progress = new Progress(clock, io);
    const answer = await migrate(from!, to!, { clock, pace: (bytes) => pace.spend(bytes), say: (line) => progress.say(line) });
    switch (answer.kind) {
      case "refused":
        return failed("refused", `${answer.why}.`);
      case "failed":
        return failed("unavailable", `${answer.detail}. ${answer.fenced ? `${from!.name} may still have its fence, so that nobody writes to it: give the same command again, or "store unfence ${fromUrl}".` : "Servers go on where they were. The same command goes on with the copy."}`);
      case "moved": {
        const { counts, fencedMs } = answer;
        const seconds = Math.ceil(fencedMs / 1000);
        return done(`Copied ${counts.objects} objects (${counts.bytes} octets) in ${counts.passes} passes; nobody could write for ${seconds} seconds.\nStart the servers with url = "${toUrl}" and the same master key file ([store] master-key).\n${from!.name} is kept as it is; nobody can write to it.`, { ...counts, fencedMs });
      }
    }
  });
}

export async function unfenceStore(io: CliIo, url: string): Promise<CommandResult> {
  return withStores(io, [url], async ([end]) => {
    const fence = await readFence(end!.store);
    if (fence.kind === "failure") return failed("unavailable", fence.detail);
    if (fence.kind === "open") return done("There is no fence.", { was: null });
    if (fence.fence.because === "copying") return failed("refused", `${end!.name} is a copy of ${fence.fence.other} that is not whole: finish it with "store migrate".`);
    const deleted = await end!.store.delete(FENCE_KEY);
    if (deleted.kind === "failure") return failed("unavailable", deleted.detail);
    return done(`Servers can write to ${end!.name} again. Nobody may serve from ${fence.fence.other} now: what is written here does not get there.`, { was: fence.fence });
  });
}

async function withStores(io: CliIo, urls: readonly string[], act: (ends: readonly MigrationEnd[]) => Promise<CommandResult>): Promise<CommandResult> {
  const log = JsonLog.open({ level: "warn", clock: new NodeClock(), to: 2 });
  const world = { clock: new NodeClock(), random: new NodeRandom(), log, metrics: noMetrics };
  const ends: MigrationEnd[] = [];
  try {
    for (const url of urls) {
      const place = parseStorePlace(url, io.cwd);
      if (place === null) return misused(`"${url}" is no store: give sqlite:PATH or s3:BUCKET?…`);
      const opened = await openStore(place, world);
      if (opened.kind === "failed") return failed("unavailable", opened.detail);
      ends.push({ store: opened.store, name: nameOf(place) });
    }
    return await act(ends);
  } finally {
    for (const { store } of ends) await store.close();
    await log.flush();
  }
}
function nameOf(place: StorePlace): string {
  return place.kind === "sqlite" ? `sqlite:${place.path}` : place.url;
}
