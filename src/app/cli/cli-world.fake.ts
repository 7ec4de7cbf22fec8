/** The command line in this process, over a store in a folder of its own. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CliIo } from "./io.ts";
import { run } from "./program.ts";

export interface CliAnswer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}
export interface CliWorld {
  readonly folder: string;
  /** Runs one command with `--config`, and this on standard input. */
  tayori(argv: readonly string[], stdin?: string): Promise<CliAnswer>;
  /** The same with `--json`; the answer parsed. Throws when the command failed. */
  json(argv: readonly string[], stdin?: string): Promise<unknown>;
  remove(): void;
}

export function cliWorld(settings = 'hostname = "mx.example.test"\n[store]\nurl = "sqlite:tayori.db"\n'): CliWorld {
  const folder = mkdtempSync(join(tmpdir(), "tayori-cli-"));
  writeFileSync(join(folder, "tayori.toml"), settings);
  const tayori = async (argv: readonly string[], stdin = ""): Promise<CliAnswer> => {
    let [out, err] = ["", ""];
    const io: CliIo = {
      cwd: folder, out: (text) => { out += text; }, err: (text) => { err += text; }, readAll: async () => stdin, askSecret: async () => null, told: async () => {},
    };
    return { code: await run(argv, io, null), out, err };
  };
  return {
    folder, tayori, remove: () => rmSync(folder, { recursive: true }),
    json: async (argv, stdin) => {
      const { code, out, err } = await tayori([...argv, "--json"], stdin);
      if (code !== 0) throw new Error(`${argv.join(" ")}: ${code} ${err}`);
      return JSON.parse(out);
    },
  };
}
