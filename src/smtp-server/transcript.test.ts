/**
 * Runs transcript/smtp/*.txt. Lines: `key: value` before the first C or S (role, tls and settings by name), then
 * `C: line` sends it with CRLF, `C\ text` sends it with \r \n \0 \xHH as written and nothing behind, `S: line` must be heard so,
 * `S~ pattern` must match, `close` must be the end, `delivered n`, `answer json` sets the next delivery's answer, `expire` lets the
 * server's read time out, `content pattern` looks at the last message delivered.
 */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DeliveryAnswer } from "../delivery/received.ts";
import { ScriptedClient } from "./scripted-client.fake.ts";
import type { SmtpRole } from "./smtp-server.ts";

const folder = join(import.meta.dirname, "../../transcript/smtp");
const unescape = (text: string): Buffer =>
  Buffer.from(text.replace(/\\(r|n|0|x[0-9A-F]{2})/g, (_, c: string) => (c === "r" ? "\r" : c === "n" ? "\n" : c === "0" ? "\0" : String.fromCharCode(Number.parseInt(c.slice(1), 16)))), "latin1");

const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
assert.ok(files.length > 0);
for (const file of files) {
  test(`transcript ${file}`, { timeout: 10_000 }, async () => {
    const lines = readFileSync(join(folder, file), "utf8").split("\n");
    const first = lines.findIndex((line) => /^[CS][:~\\]/.test(line));
    const settings: Record<string, string> = {};
    for (const line of lines.slice(0, first)) {
      const match = /^([A-Za-z]+): (.*)$/.exec(line);
      if (match !== null) settings[match[1]!] = match[2]!;
    }
    const { role = "mx", tls, budgetBytes, ...others } = settings;
    const typed = Object.fromEntries(Object.entries(others).map(([key, value]) => [key, JSON.parse(value)]));
    const client = new ScriptedClient(role as SmtpRole, { settings: typed, tls: tls === undefined ? role === "submissions" : tls === "true", budgetBytes: Number(budgetBytes ?? 1e8) });
    for (const [index, line] of lines.entries()) if (index >= first) await step(client, line, `${file}:${index + 1}`);
    client.connection.end();
    await client.done;
    assert.equal(client.budget.bytes, 0, "the memory was given back");
  });
}

async function step(client: ScriptedClient, line: string, where: string): Promise<void> {
  if (line.startsWith("C: ")) client.send(`${line.slice(3)}\r\n`);
  else if (line === "C:") client.send("\r\n");
  else if (line.startsWith("C\\ ")) client.send(unescape(line.slice(3)));
  else if (line.startsWith("S: ")) assert.equal(await client.hearLine(), line.slice(3), where);
  else if (line.startsWith("S~ ")) assert.match((await client.hearLine()) ?? "(closed)", new RegExp(line.slice(3)), where);
  else if (line === "close") assert.equal(await client.hearLine(), null, where);
  else if (line === "expire") await new Promise((resolve) => setTimeout(resolve, 5)).then(() => client.server.expire());
  else if (line.startsWith("delivered ")) assert.equal(client.intake.delivered.length, Number(line.slice(10)), where);
  else if (line.startsWith("answer ")) client.intake.answers.push(JSON.parse(line.slice(7)) as DeliveryAnswer);
  else if (line.startsWith("content ")) assert.match(client.intake.delivered.at(-1)?.content.toString("utf8") ?? "", new RegExp(line.slice(8), "s"), where);
  else assert.ok(line === "" || line.startsWith("#"), `${where}: not understood: ${line}`);
}
