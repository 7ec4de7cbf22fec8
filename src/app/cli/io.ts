/** What a command has to do with its surroundings, so that tests run commands in this process. */
export interface CliIo {
  readonly cwd: string;
  out(text: string): void;
  err(text: string): void;
  /** Everything on standard input. */
  readAll(): Promise<string>;
  /** Asks a person without echo; null where standard input is no terminal. */
  askSecret(prompt: string): Promise<string | null>;
  /** Resolves when the process is told to end (SIGTERM, SIGINT). */
  told(): Promise<void>;
}

/** What became of a command. `text` is for people, `data` for `--json`. */
export type CommandResult =
  /** `code` 1: what was asked for was done, and what it found is not as it should be. */
  | { readonly kind: "done"; readonly text: string; readonly data: unknown; readonly code: 0 | 1 }
  /** 1: it was refused or could not be done. 2: it was asked for wrongly. */
  | { readonly kind: "failed"; readonly code: 1 | 2; readonly because: string; readonly message: string }
  /** The command wrote what it had to say itself. */
  | { readonly kind: "silent"; readonly code: 0 | 1 };

export function done(text: string, data: unknown = {}, code: 0 | 1 = 0): CommandResult {
  return { kind: "done", text, data, code };
}
export function failed(because: string, message: string): CommandResult {
  return { kind: "failed", code: 1, because, message };
}
export function misused(message: string): CommandResult {
  return { kind: "failed", code: 2, because: "usage", message };
}

/** Columns as wide as their widest cell. Empty without rows. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const lines = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => displayWidth(line[column] ?? ""))));
  return lines.map((line) => line.map((cell, column) => cell + " ".repeat(widths[column]! - displayWidth(cell))).join("  ").trimEnd()).join("\n");
}

/** East Asian wide characters take two columns of a terminal. */
function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]/.test(char) ? 2 : 1;
  return width;
}

export function writeTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, "Z");
}
