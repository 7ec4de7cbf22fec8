/** tayori store …: which commands there are. What they do is loaded when they are asked for. */
import type { Command } from "commander";
import type { Settings } from "../settings.ts";
import type { CliIo, CommandResult } from "./io.ts";
import type { CommanderAction, Wrap } from "./program.ts";
import { storeStats } from "./store.ts";
import type { CheckOptions, ScrubOptions } from "./store-check.ts";
import type { MigrateOptions } from "./store-migrate.ts";
import type { RepairCommandOptions } from "./store-repair.ts";

/** For commands that do not open the store of the settings as the others do. */
type WrapSettings = <O>(act: (settings: Settings, options: O, args: readonly string[]) => Promise<CommandResult>) => CommanderAction;

export function addStoreCommands(store: Command, io: CliIo, wrap: Wrap, wrapSettings: WrapSettings): void {
  store.command("stats").description("count what is in the store").action(wrap((open) => storeStats(open)));
  store.command("probe").description("try what the store can do, and say what was found; nothing need be in it yet")
    .action(wrapSettings(async (settings) => (await import("./store-probe.ts")).probeStore(settings)));
  store.command("check").description("read everything in the store, and say what is damaged; servers may run").option("--account <address>", "only this account")
    .action(wrap<CheckOptions>(async (open, options) => (await import("./store-check.ts")).checkStore(open, io, options)));
  store.command("scrub").description("read every message, no faster than told, so that what went bad is found in time").option("--rate <MB/s>", "megabytes a second", "20")
    .option("--after <account>", "go on behind this account (id or address)").option("--account <address>", "only this account")
    .action(wrap<ScrubOptions>(async (open, options) => (await import("./store-check.ts")).scrubStore(open, io, options)));
  store.command("repair").description("mend what can be mended without guessing; servers may run").option("--account <address>", "this account").option("--all", "every account")
    .option("--dry-run", "only say what would be done").option("--skip-entry <numbers>", "go on without these entries of the account's journal, which can't be read")
    .action(wrap<RepairCommandOptions>(async (open, options) => (await import("./store-repair.ts")).repairStore(open, io, options)));
  store.command("migrate <from> <to>").description("copy a whole store to another place while servers serve from it; at the end nobody writes to it any more").option("--rate <MB/s>", "megabytes a second at most")
    .action(wrapSettings<MigrateOptions>(async (_, options, [from, to]) => (await import("./store-migrate.ts")).migrateStore(io, from!, to!, options)));
  store.command("unfence <url>").description("let servers write again to a store whose move broke off, or was undone")
    .action(wrapSettings(async (_, __, [url]) => (await import("./store-migrate.ts")).unfenceStore(io, url!)));
}
