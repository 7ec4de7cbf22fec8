import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { objectStoreContract } from "../port/object-store.contract.ts";
import { openSqliteStore } from "./sqlite-store.ts";

objectStoreContract("SqliteStore", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sqlite-store-"));
  const store = await openSqliteStore(join(directory, "store.db"));
  return {
    store,
    dispose: async () => {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
});
