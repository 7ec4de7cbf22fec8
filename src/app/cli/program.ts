/** The command line: which commands there are, and what they answer. Exit codes: 0 done, 1 refused or failed, 2 asked for wrongly. */
import { resolve } from "node:path";
import { Command, CommanderError } from "commander";
import { NodeClock } from "../../adapter/node-clock.ts";
import { JsonLog } from "../../adapter/json-log.ts";
import type { Resolver } from "../../port/resolver.ts";
import { readSettings, writeProblem, type Settings } from "../settings.ts";
import { openDirectory, openQueue, type OpenDirectory } from "../wire.ts";
import { addAccount, changeAccount, deleteAccount, listAccounts, setDisabled, setPassword } from "./account.ts";
import { addAlias, listAliases, removeAlias } from "./alias.ts";
import { activateKeys, checkKeys, generateKeys, listKeys, retireKey, revokeKey, showRecords } from "./dkim.ts";
import { addDomain, changeDomain, listDomains, removeDomain } from "./domain.ts";
import { failed, type CliIo, type CommandResult } from "./io.ts";
import { showResults } from "./message.ts";
import { changeQueued, listQueue, showQueued } from "./queue.ts";
import type { Assemble } from "./serve.ts";
import { addStoreCommands } from "./store-commands.ts";
import type { UndeleteOptions } from "./undelete.ts";
import { exportAccount, importAccount, type ExportOptions, type ImportOptions } from "./transfer.ts";

type Globals = { readonly config: string; readonly json?: boolean };
/** Runs with the store open, and closes it. */
export type WithDirectory<O> = (open: OpenDirectory, options: O, args: readonly string[]) => Promise<CommandResult>;
/** The same for what asks the DNS. */
type WithResolver<O> = (open: OpenDirectory, resolver: Resolver, options: O, args: readonly string[]) => Promise<CommandResult>;

/** Runs one command. `argv` without the names of node and the script. Without `assemble` there are no commands that serve. */
export async function run(argv: readonly string[], io: CliIo, assemble: Assemble | null): Promise<number> {
  const outcome: { result: CommandResult | null } = { result: null };
  const finish = (result: CommandResult): void => { outcome.result = result; };
  const program = buildProgram(io, finish);
  if (assemble !== null) addServeCommands(program, io, finish, assemble);
  try {
    await program.parseAsync([...argv], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return outcome.result === null ? 2 : report(outcome.result, program.opts<Globals>().json === true, io);
}

function report(result: CommandResult, json: boolean, io: CliIo): number {
  switch (result.kind) {
    case "silent":
      return result.code;
    case "done":
      if (json) io.out(`${JSON.stringify(result.data)}\n`);
      else if (result.text !== "") io.out(`${result.text}\n`);
      return result.code;
    case "failed":
      io.err(json ? `${JSON.stringify({ error: result.because, message: result.message })}\n` : `tayori: ${result.message}\n`);
      return result.code;
  }
}

function buildProgram(io: CliIo, finish: (result: CommandResult) => void): Command {
  const program = new Command("tayori")
    .description("A mail system for providers.")
    .option("--config <file>", "the settings file", "tayori.toml")
    .option("--json", "answer in JSON")
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  const directory = <O>(act: WithDirectory<O>) => action<O>(io, finish, (settings, options, args) => withDirectory(settings, (open) => act(open, options, args)));
  const queue = <O>(act: (queue: Parameters<typeof listQueue>[0], options: O, args: readonly string[]) => Promise<CommandResult>) => directory<O>(async (open, options, args) => {
    const opened = await openQueue(open);
    return opened.kind === "open" ? act(opened.queue, options, args) : failed("unavailable", opened.detail);
  });
  addDomainCommands(group(program, "domain", "the domains hosted here"), directory);
  const account = group(program, "account", "accounts");
  addAccountCommands(account, io, directory);
  addUndelete(account, directory);
  addAliasCommands(group(program, "alias", "addresses that stand for others"), directory);
  addQueueCommands(group(program, "queue", "mail on its way to other hosts"), queue);
  const dns = <O>(act: WithResolver<O>) => directory<O>((open, options, args) => withResolver(open, (resolver) => act(open, resolver, options, args)));
  addDkimCommands(group(program, "dkim", "keys that sign mail"), directory, dns);
  addDnsCommands(group(program, "dns", "what the DNS should say of a domain"), directory, dns);
  group(program, "message", "single messages").command("auth <address> <mailbox> <uid>").description("what was found out about a message when it came (SPF, DKIM, DMARC)")
    .action(directory((open, _, [address, mailbox, uid]) => showResults(open, { address: address!, mailbox: mailbox!, uid: uid! })));
  addStoreCommands(group(program, "store", "the store"), io, directory, (act) => action(io, finish, act));
  return program;
}

/** What serves is loaded only when it is asked for: it is most of the program, and the other commands should be quick. */
function addServeCommands(program: Command, io: CliIo, finish: (result: CommandResult) => void, assemble: Assemble): void {
  program.command("serve").description("run the server; one line of JSON on standard output says when it is ready")
    .action(action(io, finish, async (settings) => (await import("./serve.ts")).serve(settings, io, assemble)));
  program.command("demo").description("try everything on this machine, in the folder .tayori")
    .action(async () => finish(await (await import("./demo.ts")).demo(io, assemble)));
}

export type Wrap = <O>(act: WithDirectory<O>) => CommanderAction;
export type CommanderAction = (...all: unknown[]) => Promise<void>;

function addDomainCommands(domain: Command, wrap: Wrap): void {
  domain.command("add <domain>").description("host a domain").action(wrap((open, _, [name]) => addDomain(open, name!)));
  domain.command("list").description("list the domains").action(wrap((open) => listDomains(open)));
  domain.command("remove <domain>").description("host a domain no longer; it must have no addresses").action(wrap((open, _, [name]) => removeDomain(open, name!)));
  domain.command("set <domain>").description("change a domain")
    .option("--catch-all <address>", "who gets what no other address of the domain does").option("--no-catch-all", "nobody does")
    .option("--subaddressing <on|off>", "whether user+detail@ is user@")
    .action(wrap<{ catchAll?: string | boolean; subaddressing?: string }>((open, { catchAll, subaddressing }, [name]) => changeDomain(open, name!, {
      // Commander makes `true` of a negatable option that was not given.
      ...(catchAll === undefined || catchAll === true ? {} : { catchAll }), ...(subaddressing === undefined ? {} : { subaddressing }),
    })));
}

function addAccountCommands(account: Command, io: CliIo, wrap: Wrap): void {
  type Options = Parameters<typeof addAccount>[3];
  const facts = (command: Command): Command => command
    .option("--name <name>", "the name shown to others").option("--quota <size>", 'the room for mail, as "5GB", or "none"').option("--language <ja|en>", "the language of reports");
  facts(account.command("add <address>").description("make an account").option("--password-stdin", "read the password from standard input"))
    .action(wrap<Options>((open, options, [address]) => addAccount(open, io, address!, options)));
  account.command("list").description("list the accounts").action(wrap((open) => listAccounts(open)));
  facts(account.command("set <address>").description("change an account")).action(wrap<Options>((open, options, [address]) => changeAccount(open, address!, options)));
  account.command("password <address>").description("change the password").option("--password-stdin", "read the password from standard input")
    .action(wrap<Options>((open, options, [address]) => setPassword(open, io, address!, options)));
  account.command("disable <address>").description("let nobody log in or send mail to it; its mail is kept").action(wrap((open, _, [address]) => setDisabled(open, address!, true)));
  account.command("enable <address>").description("undo disable").action(wrap((open, _, [address]) => setDisabled(open, address!, false)));
  account.command("delete <address>").description("delete the account, its mail and its key, for ever").action(wrap((open, _, [address]) => deleteAccount(open, address!)));
  account.command("export <address>").description("write all mail of the account to files").requiredOption("--format <maildir|mbox>", "what files").requiredOption("--to <folder>", "a new folder")
    .action(wrap<ExportOptions>((open, options, [address]) => exportAccount(open, io, address!, options)));
  account.command("import <address>").description("take mail from a Maildir, an mbox file, or a folder of .mbox files").requiredOption("--from <path>", "where it is")
    .option("--mailbox <name>", "where the messages of a single mbox file go (INBOX)")
    .action(wrap<ImportOptions>((open, options, [address]) => importAccount(open, io, address!, options)));
}

function addUndelete(account: Command, wrap: Wrap): void {
  account.command("undelete <address>").description("bring back mail that was expunged lately, under new UIDs").option("--since <duration>", "only what was expunged no longer ago, as 2h")
    .option("--mailbox <name>", "only what was in this mailbox").option("--to <mailbox>", "where it goes (where it was)")
    .action(wrap<UndeleteOptions>(async (open, options, [address]) => (await import("./undelete.ts")).undelete(open, address!, options)));
}

function addAliasCommands(alias: Command, wrap: Wrap): void {
  alias.command("add <address> <targets...>").description("make an alias, or add targets to one").action(wrap((open, _, addresses) => addAlias(open, addresses)));
  alias.command("list").description("list the aliases").action(wrap((open) => listAliases(open)));
  alias.command("remove <address> [targets...]").description("remove an alias, or only these targets of it").action(wrap((open, _, addresses) => removeAlias(open, addresses)));
}

function addQueueCommands(group: Command, wrap: <O>(act: (queue: Parameters<typeof listQueue>[0], options: O, args: readonly string[]) => Promise<CommandResult>) => CommanderAction): void {
  group.command("list").description("list the messages, the oldest first").option("--limit <number>", "at most so many", "100").option("--domain <domain>", "those that still go there")
    .action(wrap<{ limit?: string; domain?: string }>((queue, options) => listQueue(queue, options)));
  group.command("show <id>").description("show one message and how far each recipient has come").action(wrap((queue, _, [id]) => showQueued(queue, id!)));
  group.command("retry <ids...>").description("try again now").action(wrap((queue, _, ids) => changeQueued(queue, "retry", ids, "")));
  group.command("hold <ids...>").description("do not try again until released").option("--reason <text>", "why, for others to see", "by an operator")
    .action(wrap<{ reason: string }>((queue, { reason }, ids) => changeQueued(queue, "hold", ids, reason)));
  group.command("release <ids...>").description("undo hold").action(wrap((queue, _, ids) => changeQueued(queue, "release", ids, "")));
  group.command("remove <ids...>").description("throw messages away without telling their senders").action(wrap((queue, _, ids) => changeQueued(queue, "remove", ids, "")));
}

type WrapResolver = <O>(act: WithResolver<O>) => CommanderAction;

function addDkimCommands(dkim: Command, wrap: Wrap, wrapResolver: WrapResolver): void {
  dkim.command("generate <domain>").description("make a key; it signs when it is activated").option("--selector <name>", "its name (made from the date)").option("--algorithm <rsa|ed25519>", "which", "rsa")
    .option("--both", "one key of each: receivers that do not know Ed25519 need RSA")
    .action(wrap<Parameters<typeof generateKeys>[2]>((open, options, [domain]) => generateKeys(open, domain!, options)));
  dkim.command("list [domain]").description("list the keys").action(wrap((open, _, [domain]) => listKeys(open, domain ?? null)));
  dkim.command("records <domain>").description("print what the DNS should hold").option("--zone <domain>", "where the keys are when the domain only points to them")
    .action(wrap<{ zone?: string }>((open, { zone }, [domain]) => showRecords(open, domain!, zone)));
  dkim.command("check <domain>").description("ask the DNS whether the keys are there").action(wrapResolver((open, resolver, _, [domain]) => checkKeys(open, resolver, domain!)));
  dkim.command("activate <domain> [selector]").description("let a key sign, or all that are waiting; the one before is retired").option("--force", "though the DNS does not show it")
    .action(wrapResolver<{ force?: boolean }>((open, resolver, { force }, [domain, selector]) => activateKeys(open, resolver, { domain: domain!, selector: selector ?? null, force: force === true })));
  dkim.command("retire <domain> <selector>").description("let a key sign no more; keep its record while mail is under way").action(wrap((open, _, [domain, selector]) => retireKey(open, domain!, selector!)));
  dkim.command("revoke <domain> <selector>").description("destroy a private key").action(wrap((open, _, [domain, selector]) => revokeKey(open, domain!, selector!)));
}

function addDnsCommands(dns: Command, wrap: Wrap, wrapResolver: WrapResolver): void {
  dns.command("records <domain>").description("print the records to publish, as a zone file has them").action(wrap(async (open, _, [domain]) => (await import("./dns-records.ts")).showDnsRecords(open, domain!)));
  dns.command("check <domain>").description("ask the DNS, and explain each fault").action(wrapResolver(async (open, resolver, _, [domain]) => (await import("./dns-check.ts")).checkDns(open, resolver, domain!)));
}

function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description);
}

/** Commander gives an action its arguments, then its options, then the command. */
function action<O>(io: CliIo, finish: (result: CommandResult) => void, act: (settings: Settings, options: O, args: readonly string[]) => Promise<CommandResult>): CommanderAction {
  return async (...all) => {
    const command = all.at(-1);
    if (!(command instanceof Command)) throw new Error("commander gave no command");
    const answer = readSettings(resolve(io.cwd, command.optsWithGlobals<Globals>().config));
    if (answer.kind === "refused") return finish({ kind: "failed", code: 2, because: "settings", message: answer.problems.map(writeProblem).join("\n") });
    finish(await act(answer.settings, command.opts<O & Record<string, unknown>>(), all.slice(0, -2).flat().filter((argument) => typeof argument === "string")));
  };
}

async function withResolver(open: OpenDirectory, act: (resolver: Resolver) => Promise<CommandResult>): Promise<CommandResult> {
  const { NO_RESOLVER, openResolver } = await import("../resolver.ts");
  const resolver = openResolver(open.settings, open);
  return resolver === null ? failed("unavailable", NO_RESOLVER) : act(resolver);
}

async function withDirectory(settings: Settings, act: (open: OpenDirectory) => Promise<CommandResult>): Promise<CommandResult> {
  const log = JsonLog.open({ level: "warn", clock: new NodeClock(), to: 2 });
  const answer = await openDirectory(settings, log);
  if (answer.kind === "failed") return failed("unavailable", answer.detail);
  try {
    return await act(answer.open);
  } finally {
    await answer.open.close();
    await log.flush();
  }
}
