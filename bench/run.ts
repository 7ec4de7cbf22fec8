/**
 * Tayori beside Postfix with Dovecot, on this machine, in one run: `npm run bench`.
 *
 * Both sides are up at the same time and measured in turn, several rounds, first one and then the other, so that a slow minute hits both.
 * The load comes from foreign scripts (`../shared/bench`, or TAYORI_BENCH): smtp-source for delivery, timed until the mail is in the
 * mailboxes, and a plain IMAP client. Options in the environment: BENCH_ROUNDS (3), BENCH_MAILS (2000), BENCH_MAILBOX (10000),
 * BENCH_ONLY (delivery,imap), BENCH_SIDES (both, ours, theirs), BENCH_JSON (a file for the raw numbers).
 * The exit code is 0 only when every target was reached.
 */
import { existsSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { asArray, field, REPOSITORY } from "../e2e/server.ts";
import { run } from "../e2e/program.ts";
import { DOMAIN, PASSWORD, postfixDovecot, type Side, tayori, USERS } from "./sides.ts";
import { type Comparison, ratio, table } from "./table.ts";

const SCRIPTS = process.env["TAYORI_BENCH"] ?? join(REPOSITORY, "../shared/bench");
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
const MAILS = Number(process.env["BENCH_MAILS"] ?? 2000);
const MAILBOX = Number(process.env["BENCH_MAILBOX"] ?? 10_000);
const ONLY = (process.env["BENCH_ONLY"] ?? "delivery,imap").split(",");
const MAIL_BYTES = 10_240;
const SCRIPT_MS = 600_000;

/** What is measured, by name; each side collects one value per round. */
type Results = Map<string, number[]>;

interface Measurement {
  readonly name: string;
  readonly unit: "msg/s" | "ms";
  readonly target: number | null;
  /** Path in imap-micro.py's JSON; null for the delivery runs. */
  readonly path: readonly [section: string, value: string] | null;
}
const MEASUREMENTS: readonly Measurement[] = [
  { name: "delivery, end to end, one connection per mail", unit: "msg/s", target: 10, path: null },
  { name: "delivery, end to end, many mails per connection", unit: "msg/s", target: 10, path: null },
  { name: "APPEND, one after the other", unit: "msg/s", target: null, path: ["append", "serial_per_s"] },
  { name: "APPEND, 20 connections, one mailbox", unit: "msg/s", target: 3, path: ["append", "par_same_mailbox_per_s"] },
  { name: "APPEND, 20 connections, 20 users", unit: "msg/s", target: 3, path: ["append", "par_distinct_users_per_s"] },
  { name: "SELECT", unit: "ms", target: 1, path: ["select", "warm_select_ms"] },
  { name: "connect, LOGIN and SELECT", unit: "ms", target: null, path: ["select", "warm_total_ms"] },
  { name: "FETCH of all envelopes, first", unit: "ms", target: 1, path: ["fetch", "env_first_ms"] },
  { name: "FETCH of all envelopes", unit: "ms", target: 1, path: ["fetch", "env_warm_ms"] },
  { name: "FETCH of all flags", unit: "ms", target: null, path: ["fetch", "flags_uid_ms"] },
  { name: "FETCH of all BODYSTRUCTUREs", unit: "ms", target: null, path: ["fetch", "bodystructure_warm_ms"] },
  { name: "FETCH of all bodies", unit: "ms", target: 1, path: ["body", "body_peek_ms"] },
  { name: "FETCH of one body", unit: "ms", target: 1, path: ["body", "single_p50_ms"] },
  { name: "STORE +FLAGS on all", unit: "ms", target: 1, path: ["store", "add_flag_ms"] },
  { name: "STORE -FLAGS.SILENT on all", unit: "ms", target: 1, path: ["store", "del_flag_silent_ms"] },
  { name: "STORE of a keyword on all", unit: "ms", target: 1, path: ["store", "add_keyword_ms"] },
  // Without a target: Dovecot answers before a flag change is on the disk, we after.
  { name: "STORE on one, one after the other", unit: "msg/s", target: null, path: ["store", "single_ops_per_s"] },
];
const DELIVERY = { conn: MEASUREMENTS[0]?.name ?? "", reuse: MEASUREMENTS[1]?.name ?? "" };

const note = (text: string): void => { process.stderr.write(`${text}\n`); };
const add = (results: Results, name: string, value: number): void => { results.set(name, [...(results.get(name) ?? []), value]); };

/** One run of smtp-load.sh; the rate is counted from the first connection until the last mail is in its mailbox. */
async function deliver(side: Side, mode: "conn" | "reuse", results: Results): Promise<void> {
  const { code, stdout, transcript } = await run("bash", [join(SCRIPTS, "smtp-load.sh"), "127.0.0.1", String(side.smtpPort), String(MAILS), String(USERS), String(MAIL_BYTES), mode, DOMAIN], {
    env: { E2E: "1", IMAP: `127.0.0.1:${side.imapPort}`, USERPASS: PASSWORD, PATH: `${process.env["PATH"]}:/usr/sbin` }, timeoutMs: SCRIPT_MS,
  });
  const match = /^end-to-end: (\d+) of (\d+) in mailboxes after (\d+) ms/m.exec(stdout);
  if (code !== 0 || match === null || /INVALID/.test(stdout) || match[1] !== match[2]) throw new Error(`not every mail arrived\n${transcript}`);
  const rate = Number(match[1]) * 1000 / Number(match[3]);
  note(`${side.name}, ${mode}: ${rate.toFixed(0)} msg/s end to end; ${/accept: .*/.exec(stdout)?.[0] ?? ""}`);
  add(results, DELIVERY[mode], rate);
}

/** One run of imap-micro.py; the first round fills the mailbox. */
async function imap(side: Side, round: number, results: Results): Promise<unknown> {
  const sections = "select,fetch,body,store,append";
  const { code, stdout, transcript } = await run("/usr/bin/python3", [
    join(SCRIPTS, "imap-micro.py"), "127.0.0.1", String(side.imapPort), "bench", PASSWORD, "--n", String(MAILBOX),
    "--multi-user", "user", "--only", sections, ...(round > 0 ? ["--keep"] : []),
  ], { timeoutMs: SCRIPT_MS });
  if (code !== 0) throw new Error(transcript);
  const report: unknown = JSON.parse(stdout);
  if (asArray(field(report, "errors")).length > 0) throw new Error(`imap-micro found wrong counts at ${side.name}: ${JSON.stringify(field(report, "errors"))}`);
  for (const { name, path } of MEASUREMENTS) {
    if (path === null) continue;
    const value = field(field(report, path[0]), path[1]);
    if (typeof value !== "number") throw new Error(`${side.name} has no ${path.join(".")}: ${stdout}`);
    add(results, name, value);
  }
  note(`${side.name}, IMAP: ${JSON.stringify({ populate: field(report, "populate"), select: field(report, "select"), fetch: field(report, "fetch"), body: field(report, "body"), store: field(report, "store"), append: field(report, "append") })}`);
  return report;
}

async function measure(sides: readonly Side[]): Promise<Map<Side, Results>> {
  const results = new Map<Side, Results>(sides.map((side) => [side, new Map()]));
  for (let round = 0; round < ROUNDS; round++) {
    note(`round ${round + 1} of ${ROUNDS}, load ${loadavg()[0]?.toFixed(2)}`);
    // Who begins changes every round.
    for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
      const own = results.get(side) ?? new Map<string, number[]>();
      if (ONLY.includes("delivery")) for (const mode of ["conn", "reuse"] as const) await deliver(side, mode, own);
      if (ONLY.includes("imap")) await imap(side, round, own);
    }
  }
  return results;
}

async function main(): Promise<number> {
  for (const script of ["smtp-load.sh", "imap-micro.py"]) if (!existsSync(join(SCRIPTS, script))) throw new Error(`${script} is not in ${SCRIPTS}; set TAYORI_BENCH`);
  const wanted = process.env["BENCH_SIDES"] ?? "both";
  const sides: Side[] = [];
  try {
    if (wanted !== "ours") sides.push(await postfixDovecot());
    if (wanted !== "theirs") sides.push(await tayori());
    const results = await measure(sides);
    if (process.env["BENCH_JSON"] !== undefined) writeFileSync(process.env["BENCH_JSON"], JSON.stringify([...results].map(([side, values]) => [side.name, Object.fromEntries(values)]), null, 1));
    return report(sides, results);
  } finally {
    for (const side of sides) await side.dispose();
  }
}

/** Prints the table. The number of missed targets, or 0. */
function report(sides: readonly Side[], results: ReadonlyMap<Side, Results>): number {
  const [theirs, ours] = sides;
  console.log(`\n${cpus().length} CPUs (${cpus()[0]?.model.trim()}), ${ROUNDS} rounds, ${MAILS} mails of ${MAIL_BYTES} octets over ${USERS} connections, a mailbox of ${MAILBOX}; medians (least-greatest)\n`);
  if (theirs === undefined || ours === undefined) {
    for (const [side, values] of results) for (const [name, list] of values) console.log(`${side.name}: ${name}: ${list.join(", ")}`);
    return 0;
  }
  const comparisons = MEASUREMENTS.flatMap(({ name, unit, target }): Comparison[] => {
    const [mine, peers] = [results.get(ours)?.get(name), results.get(theirs)?.get(name)];
    return mine === undefined || peers === undefined ? [] : [{ name, unit, target, ours: mine, theirs: peers }];
  });
  console.log(table(comparisons, { ours: ours.name, theirs: theirs.name }));
  const missed = comparisons.filter((comparison) => comparison.target !== null && ratio(comparison) < comparison.target).length;
  console.log(`\n${missed === 0 ? "every target reached" : `${missed} target(s) missed`}`);
  return missed;
}

process.exitCode = (await main()) === 0 ? 0 : 1;
