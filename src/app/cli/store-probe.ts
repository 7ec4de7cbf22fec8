/** tayori store probe: what an operator asks before mail is trusted to a store. */
import { JsonLog } from "../../adapter/json-log.ts";
import { NodeClock } from "../../adapter/node-clock.ts";
import { NodeRandom } from "../../adapter/node-random.ts";
import type { S3Client, S3World } from "../../adapter/s3-client.ts";
import { readS3Credentials } from "../../adapter/s3-credentials.ts";
import { probeS3, writeProblems, type S3Probe } from "../../adapter/s3-probe.ts";
import { openS3Client } from "../../adapter/s3-store.ts";
import { noMetrics } from "../../port/metrics.ts";
import type { Settings } from "../settings.ts";
import { done, failed, table, type CommandResult } from "./io.ts";

export async function probeStore({ store }: Settings): Promise<CommandResult> {
  if (store.kind === "sqlite") return done("The store is a file: its engine keeps to everything that is needed.", { kind: store.kind, findings: [] });
  const clock = new NodeClock();
  const log = JsonLog.open({ level: "error", clock, to: 2 });
  const world: S3World = { clock, random: new NodeRandom(), log, metrics: noMetrics, credentials: () => readS3Credentials(store.credentialsPath, process.env) };
  let client: S3Client | null = null;
  try {
    client = openS3Client(store.url, world);
    return written(await probeS3(client, world, "full"));
  } catch (error) {
    return failed("unavailable", error instanceof Error ? error.message : String(error));
  } finally {
    client?.close();
    await log.flush();
  }
}

function written({ forms, findings }: S3Probe): CommandResult {
  const rows = findings.map(({ name, ok, essential, found }) => [ok ? "ok" : essential ? "FAILS" : "note", name, found]);
  const report = table(["", "What", "Found"], rows);
  const { essential } = writeProblems(findings);
  if (forms === null || essential.length > 0) return failed("unfit", `this store must not be used: mail would be lost when two hosts write at once.\n${report}`);
  return done(`${report}\nThe store can be used.`, { forms, findings });
}
