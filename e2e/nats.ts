/** A NATS server of its own, on one port from start to start. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { freePort } from "./ports.ts";
import { eventually, programPath, tracked } from "./program.ts";

export class NatsServer {
  readonly port: number;
  #child: ChildProcess | null = null;

  private constructor(port: number) {
    this.port = port;
  }
  /** A place for one; nothing listens there yet. */
  static async reserve(): Promise<NatsServer> {
    return new NatsServer(await freePort());
  }
  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }
  async start(): Promise<void> {
    const child = tracked(spawn(programPath("nats-server"), ["--addr", "127.0.0.1", "--port", String(this.port)], { stdio: "ignore" }));
    this.#child = child;
    await eventually("the NATS server listens", async () => {
      if (child.exitCode !== null) throw new Error(`nats-server ended with ${child.exitCode}`);
      return (await accepts(this.port)) ? true : undefined;
    });
  }
  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await gone;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => resolve(false));
  });
}
