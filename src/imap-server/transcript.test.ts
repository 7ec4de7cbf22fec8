/**
 * Runs transcript/imap/*.txt. Lines: `key: value` before the first step: `state` (greeted, authenticated, selected), `tls`, `address`,
 * `messages` (how many INBOX has), `quota`, `process2` (which process serves session 2) and settings by name. Then for session 1, or n
 * with the number behind the letter: `C: line` sends it with CRLF, `C\ text` sends it with \r \n \0 \xHH as written and nothing behind,
 * `S: line` must be heard so, `S~ pattern` must match, `quiet` (nothing else is said), `close` (the server ends), `hang` (the client does),
 * `expire` (its read times out); `advance ms`, `deliver mailbox content`.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ImapWorld, type ImapClient } from "./imap-world.fake.ts";

const folder = join(import.meta.dirname, "../../transcript/imap");
const octetsOf = (text: string): string => text.replace(/\\(r|n|0|x[0-9A-F]{2})/g, (_, c: string) => (c === "r" ? "\r" : c === "n" ? "\n" : c === "0" ? "\0" : String.fromCharCode(Number.parseInt(c.slice(1), 16))));
const asText = (latin1: string): string => Buffer.from(latin1, "latin1").toString("utf8");
const sample = (n: number): string => `From: someone@example.test\r\nSubject: message ${n}\r\n\r\nbody ${n}\r\n`;

class Transcript {
  readonly world: ImapWorld;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #clients = new Map<number, ImapClient>();

  constructor(world: ImapWorld, headers: Readonly<Record<string, string>>) {
    this.world = world;
    this.#headers = headers;
  }
  static async open(headers: Readonly<Record<string, string>>): Promise<Transcript> {
    const { state, tls, address, messages = "0", quota, ...others } = headers;
    const settings = Object.fromEntries(Object.entries(others).filter(([key]) => !key.startsWith("process")).map(([key, value]) => [key, JSON.parse(value) as unknown]));
    const world = await ImapWorld.open({ settings, ...(quota === undefined ? {} : { quotaBytes: Number(quota) }) });
    for (let n = 1; n <= Number(messages); n++) await world.deliver("INBOX", [sample(n)], { internalDate: Date.UTC(2026, 0, n) });
    return new Transcript(world, headers);
  }
  async client(n: number): Promise<ImapClient> {
    const known = this.#clients.get(n);
    if (known !== undefined) return known;
    const { state = "authenticated", tls = "true", address = "192.0.2.7" } = this.#headers;
    const options = { tls: tls === "true", address, process: Number(this.#headers[`process${n}`] ?? 0) };
    const client = state === "greeted" ? this.world.connect(options) : await this.world.login(options);
    if (state === "selected") await client.say("select INBOX");
    this.#clients.set(n, client);
    return client;
  }
  readonly settle = (): Promise<void> => this.world.settle(() => new Promise((resolve) => setImmediate(resolve)));
  async step(line: string, where: string): Promise<void> {
    const said = /^([CS])(\d?)([:~\\])(?: (.*))?$/.exec(line);
    if (said !== null) return this.#say(said, where);
    const [, word = "", number, rest = ""] = /^([a-z]+)(\d?)(?: (.*))?$/.exec(line) ?? [];
    const client = await this.client(Number(number || 1));
    switch (word) {
      case "quiet": return assert.equal(await client.rest(this.settle), "", where);
      case "close": return assert.equal(await client.hearLine(), null, where);
      case "hang": return client.end();
      case "expire": return this.settle().then(() => client.server.expire());
      case "advance":
        await this.settle();
        return this.world.clock.advance(Number(rest));
      case "deliver": {
        const at = rest.indexOf(" ");
        await this.world.deliver(rest.slice(0, at), [octetsOf(rest.slice(at + 1))]);
        return this.settle();
      }
      default: assert.ok(line === "" || line.startsWith("#"), `${where}: not understood: ${line}`);
    }
  }
  async #say([, who, number, how, text = ""]: RegExpExecArray, where: string): Promise<void> {
    const client = await this.client(Number(number || 1));
    if (who === "C") client.send(how === ":" ? `${text}\r\n` : Buffer.from(octetsOf(text), "latin1"));
    else {
      const heard = asText((await client.hearLine()) ?? "(closed)");
      if (how === ":") assert.equal(heard, text, where);
      else assert.match(heard, new RegExp(text), where);
    }
  }
  async end(where: string): Promise<void> {
    for (const [n, client] of this.#clients) {
      assert.equal(await client.rest(this.settle), "", `${where}: session ${n} heard nothing that is not in the script`);
      await client.end();
    }
    assert.deepEqual(this.world.faults, [], where);
  }
}

const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
assert.ok(files.length > 0);
for (const file of files) {
  test(`transcript ${file}`, { timeout: 10_000 }, async () => {
    const lines = readFileSync(join(folder, file), "utf8").split("\n");
    const first = lines.findIndex((line) => /^(?:[CS]\d?[:~\\]|deliver )/.test(line));
    const headers = Object.fromEntries(lines.slice(0, first).map((line) => /^([A-Za-z]+\d?): (.*)$/.exec(line)?.slice(1, 3)).filter((pair) => pair !== undefined));
    const transcript = await Transcript.open(headers);
    for (const [index, line] of lines.entries()) if (index >= first) await transcript.step(line, `${file}:${index + 1}`);
    await transcript.end(file);
  });
}
