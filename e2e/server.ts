/** A Tayori server of its own in a temporary directory: started, stopped, killed and asked by its command line. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Certificate, selfSigned } from "./certificate.ts";
import { eventually, mustRun, removeDirectory, run, type RunResult, temporaryDirectory, tracked } from "./program.ts";

export const REPOSITORY = resolve(import.meta.dirname, "..");
export const PASSWORD = "correct-horse-7";
const NODE_ARGUMENTS = ["--disable-warning=ExperimentalWarning", join(REPOSITORY, "src/app/main.ts")];
const READY_MS = 60_000;
const STOP_MS = 20_000;

export type ListenerName = "smtp" | "submission" | "submissions" | "imap" | "imaps" | "http";
const LISTENERS: readonly ListenerName[] = ["smtp", "submission", "submissions", "imap", "imaps", "http"];

export interface ServerOptions {
  readonly domains?: readonly string[];
  /** Addresses; all get PASSWORD unless `password` says otherwise. */
  readonly accounts?: readonly string[];
  readonly password?: string;
  readonly aliases?: readonly (readonly [from: string, to: string])[];
  /** Where the store's file goes; the temporary directory unless given. */
  readonly storeDirectory?: string;
  /** Another store than a file of its own, with the master key that all servers on it share. */
  readonly store?: { readonly url: string; readonly masterKey: string };
  /** `"*" = "127.0.0.1:2600"` and so on. */
  readonly routes?: Readonly<Record<string, string>>;
  readonly dnsServers?: readonly string[];
  readonly defaultDomain?: string;
  /** Networks that connections with a PROXY header come from. */
  readonly proxies?: readonly string[];
  /** LOGIN without TLS from loopback addresses. */
  readonly cleartextLoopback?: boolean;
  /** Processes that serve together. */
  readonly workers?: number;
  /** More TOML, put at the end. */
  readonly settings?: string;
}

/** Quotes a TOML basic string; JSON strings are a subset of it. */
const toml = (text: string): string => JSON.stringify(text);

export class TayoriServer {
  readonly directory: string;
  readonly config: string;
  readonly certificate: Certificate;
  #child: ChildProcess | null = null;
  #ports = new Map<ListenerName, number>();
  #log: string[] = [];

  private constructor(directory: string, certificate: Certificate) {
    this.directory = directory;
    this.config = join(directory, "tayori.toml");
    this.certificate = certificate;
  }

  /** Writes the settings and makes the domains, accounts and aliases; does not start anything. */
  static async prepare(options: ServerOptions = {}): Promise<TayoriServer> {
    const directory = temporaryDirectory("server");
    const server = new TayoriServer(directory, await selfSigned(directory, ["mail.tayori.test"]));
    server.configure(options);
    for (const domain of options.domains ?? ["tayori.test"]) await server.mustCli(["domain", "add", domain]);
    for (const account of options.accounts ?? ["user@tayori.test"]) await server.addAccount(account, options.password);
    for (const [from, to] of options.aliases ?? []) await server.mustCli(["alias", "add", from, to]);
    return server;
  }
  /** Prepared and started. */
  static async start(options: ServerOptions = {}): Promise<TayoriServer> {
    const server = await TayoriServer.prepare(options);
    try {
      await server.start();
    } catch (error) {
      await server.dispose();
      throw error;
    }
    return server;
  }

  /** Writes the settings file anew; used at the next start. */
  configure(options: ServerOptions): void {
    const any = LISTENERS.map((name) => `${name} = ["127.0.0.1:0"]`).join("\n");
    const routes = Object.entries(options.routes ?? {}).map(([domain, to]) => `${toml(domain)} = ${toml(to)}`).join(", ");
    writeFileSync(this.config, [
      ...(options.workers === undefined ? [] : [`workers = ${options.workers}`]),
      `hostname = "mail.tayori.test"`,
      `default-domain = ${toml(options.defaultDomain ?? options.domains?.[0] ?? "tayori.test")}`,
      `[store]\nurl = ${toml(options.store?.url ?? `sqlite:${join(options.storeDirectory ?? this.directory, "tayori.sqlite")}`)}${options.store === undefined ? "" : `\nmaster-key = ${toml(options.store.masterKey)}`}`,
      `[dns]\nservers = [${(options.dnsServers ?? ["127.0.0.1:9"]).map(toml).join(", ")}]`,
      `[listen]\n${any}${options.proxies === undefined ? "" : `\nproxy-protocol = [${options.proxies.map(toml).join(", ")}]`}`,
      `[tls]\ncert = ${toml(this.certificate.cert)}\nkey = ${toml(this.certificate.key)}`,
      ...(options.routes === undefined ? [] : [`[outbound]\nroutes = { ${routes} }`]),
      ...(options.cleartextLoopback === true ? ["[auth]\ncleartext-loopback = true"] : []),
      options.settings ?? "", "",
    ].join("\n\n"));
  }

  /** Starts `serve` and waits for its ready line. Rejects with the log when there is none. */
  async start(): Promise<void> {
    const child = tracked(spawn(process.execPath, [...NODE_ARGUMENTS, "serve", "--config", this.config], { cwd: this.directory, stdio: ["ignore", "pipe", "pipe"] }));
    this.#child = child;
    let stdout = "";
    child.stdout?.on("data", (chunk: Buffer) => { stdout += chunk.toString(); });
    child.stderr?.on("data", (chunk: Buffer) => { this.#log.push(chunk.toString()); });
    const line = await eventually("the ready line", () => {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`serve ended before it was ready (exit ${child.exitCode ?? child.signalCode})\n${stdout}\n${this.log}`);
      return stdout.split("\n").slice(0, -1).find((candidate) => candidate.includes('"ready"'));
    }, READY_MS).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw new Error(`${String(error)}\nstdout: ${stdout}\nlog: ${this.log}`);
    });
    this.#ports = portsOf(JSON.parse(line));
  }
  /** SIGTERM, and waits. Rejects when the server does not end by itself or not with exit code 0. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await eventually("the server's end after SIGTERM", () => (child.exitCode !== null || child.signalCode !== null ? true : undefined), STOP_MS).catch((error: unknown) => {
      child.kill("SIGKILL");
      throw new Error(`${String(error)}\n${this.log}`);
    });
    if (child.exitCode !== 0) throw new Error(`serve ended with ${child.exitCode ?? child.signalCode} after SIGTERM\n${this.log}`);
  }
  /** kill -9, and waits until the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await gone;
  }
  /** Ends the server however it is and removes the directory. */
  async dispose(): Promise<void> {
    await this.kill();
    removeDirectory(this.directory);
  }

  get running(): boolean {
    return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
  }
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("the server was not started");
    return pid;
  }
  get log(): string {
    return this.#log.join("");
  }
  port(name: ListenerName): number {
    const port = this.#ports.get(name);
    if (port === undefined) throw new Error(`the ready line names no ${name} listener`);
    return port;
  }

  /** Runs one command of the command line with this server's settings. */
  cli(args: readonly string[], input = ""): Promise<RunResult> {
    return run(process.execPath, [...NODE_ARGUMENTS, ...args, "--config", this.config], { input, cwd: this.directory });
  }
  mustCli(args: readonly string[], input = ""): Promise<RunResult> {
    return mustRun(process.execPath, [...NODE_ARGUMENTS, ...args, "--config", this.config], { input, cwd: this.directory });
  }
  /** The JSON a command prints with --json. */
  async json(args: readonly string[]): Promise<unknown> {
    const { stdout, transcript } = await this.mustCli([...args, "--json"]);
    try {
      return JSON.parse(stdout);
    } catch {
      throw new Error(`not JSON: ${transcript}`);
    }
  }
  async addAccount(address: string, password = PASSWORD): Promise<void> {
    await this.mustCli(["account", "add", address, "--password-stdin"], `${password}\n`);
  }
  /** The text of the metrics endpoint. */
  async metrics(): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${this.port("http")}/metrics`);
    if (!answer.ok) throw new Error(`/metrics answered ${answer.status}`);
    return answer.text();
  }
  /** One number from the metrics endpoint: the sum over all label sets. Undefined when it is not there. */
  async metric(name: string): Promise<number | undefined> {
    const values = [...(await this.metrics()).matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, "gm"))].map((match) => Number(match[1]));
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
  }
  /** Resident memory in bytes. */
  memory(): number {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, "latin1"));
    return Number(match?.[1] ?? 0) * 1024;
  }
}

function portsOf(ready: unknown): Map<ListenerName, number> {
  const ports = new Map<ListenerName, number>();
  const listeners = field(ready, "listeners");
  for (const name of LISTENERS) {
    const [first] = asArray(field(listeners, name));
    if (typeof first === "string") ports.set(name, Number(first.slice(first.lastIndexOf(":") + 1)));
  }
  return ports;
}

/** A member of a JSON object; undefined when there is none. */
export function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}
/** A JSON array; empty when it is something else. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
