/**
 * Loads the system under test with some of its text changed: limits made small enough to be reached in a short run, and
 * the bugs that are planted to prove that the invariants find them. No switch for either lies in `src/`.
 *
 * Each choice of changes is a graph of modules of its own, kept apart by a query in the URLs. A text that is not found is an error.
 */
import { registerHooks } from "node:module";
import { assert } from "../src/base/assert.ts";

/** A file below the root, what stands there once, and what is to stand there. */
export interface TextChange {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const ROOT = new URL("../", import.meta.url).href;

/** Real sizes need ten thousands of messages before a second chunk is written; short leases need many entries to let hours pass. */
const SMALL_LIMITS: readonly TextChange[] = [
  { file: "src/journal/limits.ts", from: "INLINE_BODY_BYTES_MAX = 256 * 1024", to: "INLINE_BODY_BYTES_MAX = 700" },
  { file: "src/journal/limits.ts", from: "SNAPSHOT_ENTRIES = 256", to: "SNAPSHOT_ENTRIES = 20" },
  { file: "src/account/machine.ts", from: "CHUNK_ROWS = 16_384", to: "CHUNK_ROWS = 6" },
  { file: "src/account/machine.ts", from: "SUMMARY_CHUNK_ROWS = 4_096", to: "SUMMARY_CHUNK_ROWS = 5" },
  { file: "src/account/compaction.ts", from: "PACK_BYTES = 512 * 1024", to: "PACK_BYTES = 3_000" },
  { file: "src/account/compaction.ts", from: "PACK_BODIES_MIN = 32", to: "PACK_BODIES_MIN = 3" },
  { file: "src/queue/shard-lease.ts", from: "LEASE_MS = 30_000", to: "LEASE_MS = 240_000" },
  { file: "src/queue/shard-lease.ts", from: "MARGIN_MS = 5_000", to: "MARGIN_MS = 40_000" },
  { file: "src/queue/state.ts", from: "CHUNK_MESSAGES = 512", to: "CHUNK_MESSAGES = 2" },
];

const changesOf = new Map<string, readonly TextChange[]>();

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const query = context.parentURL === undefined ? "" : new URL(context.parentURL).search;
    const inside = found.url.startsWith(ROOT) && !found.url.includes("/node_modules/") && !found.url.includes("?");
    return inside && query.startsWith("?graph=") ? { ...found, url: found.url + query } : found;
  },
  load(url, context, next) {
    const loaded = next(url, context);
    const { search } = new URL(url);
    if (!search.startsWith("?graph=") || loaded.source === undefined || loaded.source === null) return loaded;
    const file = url.slice(ROOT.length, -search.length);
    const changes = (changesOf.get(search) ?? []).filter((change) => change.file === file);
    if (changes.length === 0) return loaded;
    const text = typeof loaded.source === "string" ? loaded.source : Buffer.from(loaded.source as Uint8Array).toString("utf8");
    return { ...loaded, source: changes.reduce(changed, text) };
  },
});

function changed(text: string, change: TextChange): string {
  assert(text.split(change.from).length === 2, `${change.file}: "${change.from}" is to stand there once`);
  return text.replace(change.from, () => change.to);
}

/** The simulation over the system with these changes. */
export async function loadSimulation(changes: readonly TextChange[] = []): Promise<typeof import("./simulation.ts")> {
  const search = `?graph=${changesOf.size}`;
  changesOf.set(search, [...SMALL_LIMITS, ...changes]);
  const loaded: typeof import("./simulation.ts") = await import(`./simulation.ts${search}`);
  return loaded;
}
