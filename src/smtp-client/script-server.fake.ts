/** A server for tests that follows a script, over connections in memory. */
import type { ConnectAnswer, Connection, Connector, Endpoint } from "../port/connection.ts";
import { FakeConnection } from "../port/connection.fake.ts";

/**
 * The steps of one connection: `S:` is sent (lines joined by "|"), `C:` must come as one line, `DATA` reads content up to its end,
 * `BYTES n` reads n octets, `TLS` starts TLS, `END` closes, `DROP` destroys.
 */
export type Script = readonly string[];

export class ScriptServer implements Connector {
  readonly scripts: Script[];
  readonly opened: string[] = [];
  readonly contents: string[] = [];
  /** What went otherwise than the script says. */
  readonly surprises: string[] = [];
  tlsFails = false;
  refuse: ReadonlySet<string>;

  constructor(scripts: readonly Script[], refuse: readonly string[] = []) {
    this.scripts = [...scripts];
    this.refuse = new Set(refuse);
  }
  async connect(to: Endpoint): Promise<ConnectAnswer> {
    this.opened.push(`${to.address}:${to.port}`);
    if (this.refuse.has(to.address)) return { kind: "refused", detail: "ECONNREFUSED" };
    const script = this.scripts.shift();
    if (script === undefined) {
      this.surprises.push(`no script for connection ${this.opened.length}`);
      return { kind: "refused", detail: "ECONNREFUSED" };
    }
    const [server, client] = FakeConnection.pair({ local: to });
    client.tlsFails = this.tlsFails;
    void this.#play(server, script);
    return { kind: "connected", connection: client };
  }

  async #play(server: FakeConnection, script: Script): Promise<void> {
    const reader = new Octets(server);
    for (const step of script) {
      const [, word, rest] = /^(\S+) ?(.*)$/s.exec(step)!;
      if (word === "S:") server.write(Buffer.from(`${rest!.split("|").join("\r\n")}\r\n`));
      else if (word === "C:") {
        const line = await reader.until("\r\n");
        if (line !== `${rest}\r\n`) {
          this.surprises.push(`wanted ${JSON.stringify(rest)}, got ${JSON.stringify(line)}`);
          server.destroy();
          return;
        }
      } else if (word === "DATA") this.contents.push(await reader.until("\r\n.\r\n"));
      else if (word === "DOT") this.contents.push(await reader.until(".\r\n"));
      else if (word === "BYTES") this.contents.push(await reader.exactly(Number(rest)));
      else if (word === "TLS") reader.clear();
      else if (word === "END") server.end();
      else server.destroy();
    }
  }
}

class Octets {
  readonly #connection: Connection;
  #text = "";
  constructor(connection: Connection) {
    this.#connection = connection;
  }
  clear(): void {
    this.#text = "";
  }
  async #more(): Promise<boolean> {
    const answer = await this.#connection.read(0);
    if (answer.kind !== "bytes") return false;
    this.#text += answer.bytes.toString("latin1");
    return true;
  }
  async until(end: string): Promise<string> {
    while (!this.#text.includes(end)) if (!(await this.#more())) return this.#take(this.#text.length);
    return this.#take(this.#text.indexOf(end) + end.length);
  }
  async exactly(count: number): Promise<string> {
    while (this.#text.length < count) if (!(await this.#more())) break;
    return this.#take(count);
  }
  #take(count: number): string {
    const taken = this.#text.slice(0, count);
    this.#text = this.#text.slice(count);
    return taken;
  }
}
