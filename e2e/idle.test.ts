/** 1,000 connections in IDLE hear of new mail. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ImapClient } from "./imap-client.ts";
import { PASSWORD, TayoriServer } from "./server.ts";
import { expectCode, message, SmtpClient } from "./smtp-client.ts";

const CONNECTIONS = 1000;
const ACCOUNTS = 10;
const NOTICE_MS_MAX = 10_000;
const MEMORY_BYTES_MAX = 700 << 20;

let server: TayoriServer;
const clients: ImapClient[] = [];
before(async () => {
  server = await TayoriServer.start({ accounts: Array.from({ length: ACCOUNTS }, (_, i) => `idle${i}@tayori.test`), cleartextLoopback: true, settings: "[limits]\nconnections = 3000\nconnections-per-address = 3000" });
});
after(async () => {
  for (const client of clients) client.stream.destroy();
  await server?.dispose();
});

test("1,000 connections in IDLE over ten accounts are told of a new message, then flags, then its end", { timeout: 180_000 }, async () => {
  const heard: string[][] = [];
  const idles: { done(): Promise<unknown> }[] = [];
  for (let i = 0; i < CONNECTIONS; i += 50) {
    await Promise.all(Array.from({ length: 50 }, async (_, j) => {
      const client = await ImapClient.open(server.port("imap"), [`idle${(i + j) % ACCOUNTS}@tayori.test`, PASSWORD]);
      clients[i + j] = client;
      await client.select("INBOX");
      const lines: string[] = [];
      heard[i + j] = lines;
      idles[i + j] = await client.idle((line) => lines.push(line));
    }));
  }
  assert.equal(clients.length, CONNECTIONS);
  /** How long after `start` the last connection heard it. */
  const everyoneHeard = async (pattern: RegExp, start: number): Promise<number> => {
    while (!heard.every((lines) => lines.some((line) => pattern.test(line)))) {
      if (Date.now() - start > NOTICE_MS_MAX) assert.fail(`${heard.filter((lines) => lines.some((line) => pattern.test(line))).length} of ${CONNECTIONS} heard ${pattern} within ${NOTICE_MS_MAX} ms`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return Date.now() - start;
  };

  const smtp = await SmtpClient.open(server.port("smtp"));
  let start = Date.now();
  for (let i = 0; i < ACCOUNTS; i++) expectCode(await smtp.send({ from: "a@peer.test", to: [`idle${i}@tayori.test`], content: message({ subject: "wake up" }) }), 250);
  await smtp.quit();
  const newMail = await everyoneHeard(/^\* 1 EXISTS/, start);

  const changers = await Promise.all(Array.from({ length: ACCOUNTS }, (_, i) => ImapClient.open(server.port("imap"), [`idle${i}@tayori.test`, PASSWORD])));
  start = Date.now();
  for (const changer of changers) {
    await changer.select("INBOX");
    await changer.ok("STORE 1 +FLAGS (\\Flagged)");
  }
  const flags = await everyoneHeard(/^\* 1 FETCH .*\\Flagged/, start);
  start = Date.now();
  for (const changer of changers) {
    await changer.ok("STORE 1 +FLAGS.SILENT (\\Deleted)");
    await changer.ok("EXPUNGE");
    await changer.logout();
  }
  const expunge = await everyoneHeard(/^\* (1 EXPUNGE|VANISHED 1)/, start);
  const memory = server.memory();
  console.log(`# new mail ${newMail} ms, flags ${flags} ms, expunge ${expunge} ms, ${(memory / 1048576).toFixed(0)} MB resident`);
  assert.ok(memory < MEMORY_BYTES_MAX, `${memory} octets`);
  await Promise.all(idles.map((idle) => idle.done()));
  await Promise.all(clients.map((client) => client.logout()));
});
