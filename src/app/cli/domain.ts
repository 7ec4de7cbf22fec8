/** tayori domain … */
import { unreachable } from "../../base/assert.ts";
import { domainToUnicode, parseDomain } from "../../address/domain.ts";
import { parseAddress, writeAddress, type Address, type Domain } from "../../address/address.ts";
import type { OpenDirectory } from "../wire.ts";
import { done, failed, misused, table, writeTime, type CommandResult } from "./io.ts";

export async function addDomain({ directory }: OpenDirectory, text: string): Promise<CommandResult> {
  const domain = parseDomain(text);
  if (domain === null) return noDomain(text);
  const answer = await directory.addDomain(domain);
  switch (answer.kind) {
    case "done":
      return done(`Added ${shown(domain)}.`, { domain });
    case "exists":
      return failed("exists", `${shown(domain)} is here already.`);
    case "unusable":
      return misused(`${text}: ${answer.why}.`);
    case "unavailable":
      return failed("unavailable", answer.detail);
    default:
      return unreachable(answer);
  }
}

export async function listDomains({ directory }: OpenDirectory): Promise<CommandResult> {
  const answer = await directory.listDomains();
  if (answer.kind === "unavailable") return failed("unavailable", answer.detail);
  const data = answer.entries.map(({ domain, catchAll, subaddressing, createdAt }) => ({ domain, catchAll, subaddressing, createdAt: writeTime(createdAt) }));
  const rows = data.map((entry) => [shown(entry.domain), entry.catchAll ?? "-", entry.subaddressing ? "yes" : "no", entry.createdAt]);
  return done(table(["DOMAIN", "CATCH-ALL", "SUBADDRESSING", "SINCE"], rows), data);
}

export async function removeDomain({ directory, signingKeys }: OpenDirectory, text: string): Promise<CommandResult> {
  const domain = parseDomain(text);
  if (domain === null) return noDomain(text);
  const answer = await directory.removeDomain(domain);
  switch (answer.kind) {
    case "done": {
      const keys = await signingKeys.removeDomain(domain);
      return keys.kind === "done" ? done(`Removed ${shown(domain)}.`, { domain }) : failed("unavailable", `${shown(domain)} is removed, its DKIM keys are not: ${keys.detail}`);
    }
    case "absent":
      return failed("absent", `${shown(domain)} is not here.`);
    case "in-use":
      return failed("in-use", `${shown(domain)} still has addresses: delete its accounts and aliases first.`);
    case "unavailable":
      return failed("unavailable", answer.detail);
    default:
      return unreachable(answer);
  }
}

/** `--catch-all ADDRESS`, `--no-catch-all`, `--subaddressing on|off`. */
export interface DomainChange {
  readonly catchAll?: string | false;
  readonly subaddressing?: string;
}
export async function changeDomain({ directory }: OpenDirectory, text: string, change: DomainChange): Promise<CommandResult> {
  const domain = parseDomain(text);
  if (domain === null) return noDomain(text);
  let catchAll: Address | null | undefined;
  if (change.catchAll === false) catchAll = null;
  if (typeof change.catchAll === "string") {
    catchAll = parseAddress(change.catchAll);
    if (catchAll === null) return misused(`"${change.catchAll}" is no mail address.`);
  }
  const { subaddressing } = change;
  if (subaddressing !== undefined && subaddressing !== "on" && subaddressing !== "off") return misused('--subaddressing is "on" or "off".');
  if (catchAll === undefined && subaddressing === undefined) return misused("Nothing to change: give --catch-all, --no-catch-all or --subaddressing.");
  const answer = await directory.changeDomain(domain, {
    ...(catchAll === undefined ? {} : { catchAll }), ...(subaddressing === undefined ? {} : { subaddressing: subaddressing === "on" }),
  });
  if (answer.kind === "unavailable") return failed("unavailable", answer.detail);
  if (answer.kind === "absent") return failed("absent", `${shown(domain)} is not here.`);
  return done(`Changed ${shown(domain)}.`, { domain, ...(catchAll === undefined ? {} : { catchAll: catchAll === null ? null : writeAddress(catchAll) }) });
}

function noDomain(text: string): CommandResult {
  return misused(`"${text}" is no domain name.`);
}
function shown(domain: Domain | string): string {
  const unicode = domainToUnicode(domain);
  return unicode === domain ? domain : `${unicode} (${domain})`;
}
