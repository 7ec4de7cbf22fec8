/** The scripted tests of imaptest (Dovecot's test suite), run as they are against sessions in memory. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ImapWorld, LOGINS, type ImapClient } from "../src/imap-server/imap-world.fake.ts";
import { deviations } from "./imaptest-deviations.ts";
import { matches, readValues, Variables, type Value } from "./imaptest-match.ts";
import { readScript, type Group, type Script } from "./imaptest-script.ts";

const ROOT = join(process.env.TAYORI_CONFORMANCE ?? join(import.meta.dirname, "../../shared/conformance"), "imaptest");
const STATES = ["nonauth", "auth", "created", "appended", "selected"];
const PREDEFINED = { mailbox: "imaptest", user: LOGINS[0], username: "alice", domain: "example.test", password: "wonderland" };

interface Mail {
  readonly content: string;
  /** `date-time` of IMAP, from the mbox's separator. */
  readonly date: string;
}
function mailsOf(name: string): Mail[] {
  const own = join(ROOT, `${name}.mbox`);
  const text = readFileSync(existsSync(own) ? own : join(ROOT, "default.mbox"), "latin1");
  return [...text.matchAll(/^From \S+ +\w{3} (\w{3}) +(\d+) (\d\d:\d\d:\d\d) (\d{4}).*\n([\s\S]*?)(?=^From |$(?![\s\S]))/gm)].map(([, month, day, time, year, content]) => ({
    content: content!.replaceAll("\n", "\r\n"), date: `${day!.padStart(2, " ")}-${month}-${year} ${time} +0000`,
  }));
}

class Run {
  readonly #name: string;
  readonly #script: Script;
  readonly #clients: ImapClient[] = [];
  readonly #mails: readonly Mail[];
  #mailAt = 0;
  #tags = 0;
  variables = new Variables(Object.entries(PREDEFINED));

  constructor(name: string, script: Script) {
    this.#name = name;
    this.#script = script;
    this.#mails = mailsOf(name);
  }
  /** Ends at the first thing that is not as the script says, with an AssertionError. */
  async run(world: ImapWorld): Promise<void> {
    const state = STATES.indexOf(this.#script.header.get("state") ?? "selected");
    assert.ok(state >= 0, "a state that is known");
    for (let i = Number(this.#script.header.get("connections") ?? 1); i > 0; i--) {
      const client = state >= 1 ? await world.login() : world.connect();
      if (state === 0) await client.hearLine();
      this.#clients.push(client);
    }
    const first = this.#clients[0]!;
    if (state >= 2) await this.#prepare(first, "create imaptest");
    if (state >= 3) for (let left = this.#messages; left > 0; left--) await this.#prepare(first, `append imaptest ${this.#nextMail(true)}`);
    if (state >= 4) for (const client of this.#clients) await this.#prepare(client, "select imaptest");
    for (const group of this.#script.groups) await this.#group(group);
    for (const client of this.#clients) await client.end();
    assert.deepEqual(world.faults, []);
  }
  get #messages(): number {
    const header = this.#script.header.get("messages") ?? "all";
    return header === "all" ? this.#mails.length : Number(header);
  }
  async #prepare(client: ImapClient, command: string): Promise<void> {
    const said = await client.say(Buffer.from(command, "latin1"));
    assert.match(said.at(-1)!, /^\S+ OK/, `${command.slice(0, 30)}: ${said.at(-1)}`);
  }
  #nextMail(dated: boolean): string {
    const mail = this.#mails[this.#mailAt++ % this.#mails.length]!;
    return `${dated ? `"${mail.date}" ` : ""}{${mail.content.length}+}\r\n${mail.content}`;
  }

  async #group(group: Group): Promise<void> {
    const client = this.#clients[group.connection - 1]!;
    const where = `${this.#name}:${group.line}`;
    const waiting = new Map<string, string>();
    for (const command of group.commands) {
      const tag = `x${++this.#tags}`;
      this.variables.set("tag", tag);
      waiting.set(tag, command.expected!);
      client.send(Buffer.from(`${tag} ${this.#octetsOf(command.text, where)}\r\n`, "latin1"));
    }
    const untagged = await this.#hear(client, waiting, where);
    this.#compare(group, untagged, where);
  }
  /** The command with its variables, its literals sent unasked, and a message where APPEND names none. */
  #octetsOf(text: string, where: string): string {
    const whole = /^append(?:\s|$)/i.test(text) && !/\{\d+\}\r\n/.test(text) ? `${text === "append" ? "append $mailbox" : text} ${this.#nextMail(false).replaceAll("$", "$$")}` : text;
    const braces = whole.replaceAll(/(~?)\{(\d+)\}\r\n/g, "$1{$2+}\r\n");
    const expanded = this.variables.expand(braces);
    assert.ok(expanded !== null, `${where}: variables are known in ${text}`);
    return expanded;
  }
  async #hear(client: ImapClient, waiting: Map<string, string>, where: string): Promise<string[]> {
    const untagged: string[] = [];
    while (waiting.size > 0) {
      const response = await client.hear();
      assert.ok(response !== null, `${where}: the server closed`);
      const tag = response.slice(0, response.indexOf(" "));
      const expected = waiting.get(tag);
      if (expected === undefined) untagged.push(response);
      else {
        waiting.delete(tag);
        assert.ok(this.#isStatus(expected, response.slice(tag.length + 1)), `${where}: expected ${expected}, heard ${response}`);
      }
    }
    return untagged;
  }
  /** `ok [code ...] text` against what is to be its beginning. */
  #isStatus(expected: string, response: string): boolean {
    const trial = this.variables.fork();
    const same = expected === "" || matches(statusValues(expected), statusValues(response), trial, true);
    if (same) this.variables = trial;
    return same;
  }
  #compare(group: Group, responses: readonly string[], where: string): void {
    const numbers = Array.from({ length: 1000 }, (_, i) => i + 1);
    const met = group.untagged.map(() => false);
    for (const response of responses) {
      const text = response.slice(2);
      group.untagged.forEach(({ mark, text: expected }, i) => {
        if (mark !== "!" && met[i]) return;
        const trial = this.variables.fork(numbers);
        if (!isUntagged(expected, text, trial)) return;
        assert.ok(mark !== "!", `${where}: not expected: ${response}`);
        met[i] = true;
        this.variables = trial;
      });
      const expunged = /^(\d+) EXPUNGE$/i.exec(text);
      if (expunged !== null) numbers.splice(Number(expunged[1]) - 1, 1);
    }
    group.untagged.forEach(({ mark, text }, i) => assert.ok(met[i] || mark !== "*", `${where}: ${group.commands.map((one) => one.text).join("; ")}\nexpected: ${text}\nheard:\n${responses.join("\n")}`));
  }
}

const STATUS = /^(?:ok|no|bad|bye|preauth)(?: |$)/i;
function isUntagged(expected: string, response: string, variables: Variables): boolean {
  if (!STATUS.test(expected)) return !STATUS.test(response) && matches(readValues(expected), readValues(response), variables, false);
  return STATUS.test(response) && matches(statusValues(expected), statusValues(response), variables, true);
}
/** The status, the code's words in a list, then the text's. */
function statusValues(text: string): Value[] {
  const [, status, , code, rest] = /^(\S+)( \[([^\]]*)\])?(.*)$/s.exec(text)!;
  const values: Value[] = [{ kind: "text", text: status!, quoted: false }];
  if (code !== undefined) values.push({ kind: "list", items: readValues(code) });
  return [...values, ...readValues(rest!)];
}

let offered: Promise<ReadonlySet<string>> | null = null;
async function capabilitiesOffered(): Promise<ReadonlySet<string>> {
  const client = await (await ImapWorld.open()).login();
  const said = await client.say("capability");
  await client.end();
  return new Set(said[0]!.toUpperCase().split(" "));
}
async function missingCapabilities(script: Script): Promise<string[]> {
  const has = await (offered ??= capabilitiesOffered());
  return (script.header.get("capabilities") ?? "").toUpperCase().split(" ").filter((name) => name !== "" && !has.has(name));
}

describe("imaptest scripts", { skip: existsSync(ROOT) ? false : "no conformance data here" }, () => {
  const names = existsSync(ROOT) ? readdirSync(ROOT).filter((name) => !/\.(mbox|md|txt)$/.test(name)) : [];
  for (const name of names) {
    test(name, { timeout: 20_000 }, async () => {
      const script = readScript(join(ROOT, name));
      const deviation = deviations[name];
      const missing = await missingCapabilities(script);
      if (deviation !== undefined && "missing" in deviation) return assert.deepEqual(missing, deviation.missing, "the capabilities that are missing");
      assert.deepEqual(missing, [], "capabilities that the script needs");
      const run = new Run(name, script).run(await ImapWorld.open());
      if (deviation === undefined) return run;
      await assert.rejects(run, { name: "AssertionError" }, `it passes; no deviation any more: ${deviation.because}`);
    });
  }
  test("every deviation is about a script that is there", { skip: names.length === 0 }, () => {
    assert.deepEqual(Object.keys(deviations).filter((name) => !names.includes(name)), []);
  });
});
