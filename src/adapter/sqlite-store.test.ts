import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { objectStoreContract } from "../port/object-store.contract.ts";
import { LIST_LIMIT_MAX } from "../port/object-store.ts";
import { openSqliteStore, type SqliteStore } from "./sqlite-store.ts";

const directory = mkdtempSync(join(tmpdir(), "sqlite-store-"));
/** Starting the writing thread takes longer than most of the tests, so they use one store after the other. */
let open: SqliteStore | null = null;
let files = 0;

/** Deletes everything. False: the store was closed. */
async function empty(store: SqliteStore): Promise<boolean> {
  for (;;) {
    const answer = await store.list("", { limit: LIST_LIMIT_MAX });
    if (answer.kind === "failure") return false;
    if (answer.keys.length === 0) return true;
    await Promise.all(answer.keys.map((key) => store.delete(key)));
  }
}

objectStoreContract("SqliteStore", async () => {
  const store = open ?? await openSqliteStore(join(directory, `${files++}.db`));
  open = store;
  return { store, dispose: async () => { open = (await empty(store)) ? store : null; } };
});

after(async () => {
  await open?.close();
  rmSync(directory, { recursive: true });
});
