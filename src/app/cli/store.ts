/** tayori store … */
import { LIST_LIMIT_MAX, type ObjectStore, type StoreFailure } from "../../port/object-store.ts";
import type { OpenDirectory } from "../wire.ts";
import { done, failed, type CommandResult } from "./io.ts";

export async function storeStats(open: OpenDirectory): Promise<CommandResult> {
  const { sqlite, settings, directory } = open;
  const [domains, accounts] = [await directory.listDomains(), await directory.listAccounts()];
  if (domains.kind !== "list") return failed("unavailable", domains.detail);
  if (accounts.kind !== "list") return failed("unavailable", accounts.detail);
  const { store: place } = settings;
  const found = { path: place.kind === "sqlite" ? place.path : place.url, domains: domains.entries.length, accounts: accounts.entries.length };
  const lines = [`Store     ${found.path}`, `Domains   ${found.domains}`, `Accounts  ${found.accounts}`];
  if (sqlite === null) {
    const objects = await countObjects(open.store);
    if (typeof objects !== "number") return failed("unavailable", objects.detail);
    return done([...lines, `Objects   ${objects}`].join("\n"), { ...found, objects });
  }
  const counts = await sqlite.statistics();
  const file = `File      ${counts.fileBytes} octets, ${counts.freeBytes} of them free, and ${counts.walBytes} in the log`;
  return done([...lines, `Objects   ${counts.objects}`, `Bytes     ${counts.bytes} in objects`, file].join("\n"), { ...found, ...counts });
}

async function countObjects(store: ObjectStore): Promise<number | StoreFailure> {
  let count = 0;
  for (let after = "";;) {
    const page = await store.list("", { after, limit: LIST_LIMIT_MAX });
    if (page.kind === "failure") return page;
    const last = page.keys.at(-1);
    if (last === undefined) return count;
    count += page.keys.length;
    after = last;
  }
}
