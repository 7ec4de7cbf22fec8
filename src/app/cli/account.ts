/** tayori account … (what the directory knows of accounts; their mail is in transfer.ts) */
import { unreachable } from "../../base/assert.ts";
import { parseAddress, writeAddress } from "../../address/address.ts";
import type { Language } from "../../directory/directory.ts";
import { parseSize, writeSize } from "../units.ts";
import type { OpenDirectory } from "../wire.ts";
import { done, failed, misused, table, writeTime, type CliIo, type CommandResult } from "./io.ts";

export interface AccountOptions {
  readonly passwordStdin?: boolean;
  readonly name?: string;
  /** A size, or "none". */
  readonly quota?: string;
  readonly language?: string;
}

export async function addAccount({ directory, settings }: OpenDirectory, io: CliIo, text: string, options: AccountOptions): Promise<CommandResult> {
  const address = parseAddress(text);
  if (address === null) return noAddress(text);
  const change = parseChange(options);
  if ("kind" in change) return change;
  const password = await readPassword(io, options);
  if (typeof password !== "string") return password;
  const answer = await directory.addAccount({ address, password, language: settings.language, ...change });
  switch (answer.kind) {
    case "added":
      return done(`Added ${writeAddress(address)}.`, { address: writeAddress(address), accountId: answer.accountId });
    case "exists":
      return failed("exists", `${writeAddress(address)} is an account or an alias already.`);
    case "unknown-domain":
      return failed("unknown-domain", `${address.domain} is not here: add it first with "domain add ${address.domain}".`);
    case "unusable":
      return failed("unusable", `${answer.why}.`);
    case "unavailable":
      return failed("unavailable", answer.detail);
    default:
      return unreachable(answer);
  }
}

export async function listAccounts({ directory }: OpenDirectory): Promise<CommandResult> {
  const answer = await directory.listAccounts();
  if (answer.kind === "unavailable") return failed("unavailable", answer.detail);
  const data = answer.entries.map(({ address, accountId, name, disabled, quotaBytes, language, createdAt, attached }) => ({
    address, accountId, name, state: !attached ? "deleting" : disabled ? "disabled" : "enabled", quotaBytes, language, createdAt: writeTime(createdAt),
  }));
  const rows = data.map((entry) => [entry.address, entry.accountId, entry.state, entry.quotaBytes === null ? "-" : writeSize(entry.quotaBytes), entry.language, entry.createdAt, entry.name]);
  return done(table(["ADDRESS", "ID", "STATE", "QUOTA", "LANGUAGE", "SINCE", "NAME"], rows), data);
}

export async function setPassword({ directory }: OpenDirectory, io: CliIo, text: string, options: AccountOptions): Promise<CommandResult> {
  const address = parseAddress(text);
  if (address === null) return noAddress(text);
  const password = await readPassword(io, options);
  if (typeof password !== "string") return password;
  return changed(text, "The password is changed.", await directory.setPassword(address, password));
}

export async function setDisabled({ directory }: OpenDirectory, text: string, disabled: boolean): Promise<CommandResult> {
  const address = parseAddress(text);
  if (address === null) return noAddress(text);
  return changed(text, disabled ? "The account is disabled; its mail is kept." : "The account is enabled.", await directory.setDisabled(address, disabled));
}

export async function changeAccount({ directory }: OpenDirectory, text: string, options: AccountOptions): Promise<CommandResult> {
  const address = parseAddress(text);
  if (address === null) return noAddress(text);
  const change = parseChange(options);
  if ("kind" in change) return change;
  if (Object.keys(change).length === 0) return misused("Nothing to change: give --name, --quota or --language.");
  return changed(text, "The account is changed.", await directory.changeAccount(address, change));
}

export async function deleteAccount({ directory }: OpenDirectory, text: string): Promise<CommandResult> {
  const address = parseAddress(text);
  if (address === null) return noAddress(text);
  return changed(text, "The account and its mail are deleted.", await directory.deleteAccount(address));
}

type Change = { readonly name?: string; readonly quotaBytes?: number | null; readonly language?: Language };
function parseChange({ name, quota, language }: AccountOptions): Change | Extract<CommandResult, { kind: "failed" }> {
  if (language !== undefined && language !== "ja" && language !== "en") return misusedLanguage;
  const quotaBytes = quota === undefined || quota === "none" ? null : parseSize(quota);
  if (quota !== undefined && quota !== "none" && quotaBytes === null) return { kind: "failed", code: 2, because: "usage", message: `"${quota}" is not a size like "5GB", nor "none".` };
  return { ...(name === undefined ? {} : { name }), ...(quota === undefined ? {} : { quotaBytes }), ...(language === undefined ? {} : { language }) };
}
const misusedLanguage = { kind: "failed", code: 2, because: "usage", message: '--language is "ja" or "en".' } as const;

type ChangeAnswer = { readonly kind: "done" } | { readonly kind: "absent" } | { readonly kind: "unusable"; readonly why: string } | { readonly kind: "unavailable"; readonly detail: string };
function changed(text: string, sentence: string, answer: ChangeAnswer): CommandResult {
  switch (answer.kind) {
    case "done":
      return done(sentence, { address: text });
    case "absent":
      return failed("absent", `There is no account ${text}.`);
    case "unusable":
      return failed("unusable", `${answer.why}.`);
    case "unavailable":
      return failed("unavailable", answer.detail);
    default:
      return unreachable(answer);
  }
}

/** Never from an argument: those are seen by every user of the machine. */
async function readPassword(io: CliIo, { passwordStdin }: AccountOptions): Promise<string | CommandResult> {
  if (passwordStdin === true) return (await io.readAll()).replace(/\r?\n$/, "");
  const first = await io.askSecret("Password: ");
  if (first === null) return misused("No password: give --password-stdin and write it to standard input, or use a terminal.");
  return (await io.askSecret("Again: ")) === first ? first : failed("mismatch", "The two passwords are not the same.");
}

function noAddress(text: string): CommandResult {
  return misused(`"${text}" is no mail address.`);
}
