/** Foreign programs: found or the test fails, run with a time limit, stopped when the test process ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SEARCH_PATH = [...(process.env["PATH"] ?? "").split(":"), "/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/dovecot"];

/** The absolute path of a program. A missing program is a failure, never a skip. */
export function programPath(name: string): string {
  if (name.startsWith("/")) return name;
  for (const folder of SEARCH_PATH) if (folder !== "" && existsSync(join(folder, name))) return join(folder, name);
  throw new Error(`the program ${name} is not installed; .ci/run says which packages are needed`);
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly timeoutMs?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}
export interface RunResult {
  /** The exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The command and all it printed, for failure messages. */
  readonly transcript: string;
}

const TIMEOUT_MS = 60_000;
const running = new Set<ChildProcess>();
process.on("exit", () => { for (const child of running) child.kill("SIGKILL"); });

/** Keeps a child on the list of what is killed when this process ends. */
export function tracked(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** Runs a program to its end. A program that outlives `timeoutMs` is killed and the promise rejects. */
export function run(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS;
  return new Promise((resolve, reject) => {
    const child = spawn(programPath(name), args, { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ["pipe", "pipe", "pipe"] });
    tracked(child);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    const text = (chunks: readonly Buffer[]): string => Buffer.concat(chunks).toString();
    const transcript = (end: string): string => `$ ${name} ${args.join(" ")}\n${text(stdout)}${text(stderr)}[${end}]`;
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`took longer than ${timeoutMs} ms: ${transcript("killed")}`));
    }, timeoutMs);
    child.once("error", (error) => { clearTimeout(timer); reject(error); });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout: text(stdout), stderr: text(stderr), transcript: transcript(`exit ${code ?? signal}`) });
    });
    // A program may end without reading its input.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
  });
}

/** Like `run`, and rejects with the transcript unless the exit code is 0. */
export async function mustRun(name: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const result = await run(name, args, options);
  if (result.code !== 0) throw new Error(result.transcript);
  return result;
}

/** A new empty directory, under TAYORI_E2E_DIR where .ci/run set it so that it can clean up after a killed suite. */
export function temporaryDirectory(purpose: string): string {
  const parent = process.env["TAYORI_E2E_DIR"] ?? tmpdir();
  mkdirSync(parent, { recursive: true });
  return mkdtempSync(join(parent, `tayori-${purpose}-`));
}

export function removeDirectory(path: string): void {
  if (process.env["TAYORI_E2E_KEEP"] === undefined) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks `probe` until it answers something other than undefined. */
export async function eventually<T>(what: string, probe: () => Promise<T | undefined> | T | undefined, timeoutMs = 20_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (let pause = 10; ; pause = Math.min(pause * 1.5, 250)) {
    const answer = await probe();
    if (answer !== undefined) return answer;
    if (Date.now() > end) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await sleep(pause);
  }
}

/** Whether a process has ended; a zombie that nobody collects has. */
export function processEnded(pid: number): boolean {
  try {
    return /^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return true;
  }
}
