/** tayori alias … */
import { unreachable } from "../../base/assert.ts";
import { parseAddress, writeAddress, type Address } from "../../address/address.ts";
import type { OpenDirectory } from "../wire.ts";
import { done, failed, table, type CommandResult } from "./io.ts";

export async function addAlias({ directory }: OpenDirectory, texts: readonly string[]): Promise<CommandResult> {
  const parsed = parseAll(texts);
  if ("kind" in parsed) return parsed;
  const { address, targets } = parsed;
  const answer = await directory.addAlias(address, targets);
  switch (answer.kind) {
    case "done":
      return done(`Mail to ${writeAddress(address)} goes to ${targets.map((target) => writeAddress(target)).join(", ")} too.`, { address: writeAddress(address) });
    case "exists":
      return failed("exists", `${writeAddress(address)} is an account.`);
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

export async function listAliases({ directory }: OpenDirectory): Promise<CommandResult> {
  const answer = await directory.listAliases();
  if (answer.kind === "unavailable") return failed("unavailable", answer.detail);
  return done(table(["ALIAS", "TARGETS"], answer.entries.map((entry) => [entry.address, entry.targets.join(" ")])), answer.entries);
}

/** The whole alias, or the named targets of it. */
export async function removeAlias({ directory }: OpenDirectory, texts: readonly string[]): Promise<CommandResult> {
  const parsed = parseAll(texts);
  if ("kind" in parsed) return parsed;
  const { address, targets } = parsed;
  const answer = await directory.removeAlias(address, targets);
  if (answer.kind === "unavailable") return failed("unavailable", answer.detail);
  const what = targets.length === 0 ? `alias ${writeAddress(address)}` : `such target of an alias ${writeAddress(address)}`;
  return answer.kind === "absent" ? failed("absent", `There is no ${what}.`) : done("Removed.", { address: writeAddress(address) });
}

type Parsed = { readonly address: Address; readonly targets: readonly Address[] };
function parseAll(texts: readonly string[]): Parsed | Extract<CommandResult, { kind: "failed" }> {
  const addresses: Address[] = [];
  for (const text of texts) {
    const address = parseAddress(text);
    if (address === null) return { kind: "failed", code: 2, because: "usage", message: `"${text}" is no mail address.` };
    addresses.push(address);
  }
  const [address, ...targets] = addresses;
  return address === undefined ? { kind: "failed", code: 2, because: "usage", message: "No address given." } : { address, targets };
}
