import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeliveryAnswer } from "../delivery/received.ts";
import { ScriptedClient } from "./scripted-client.fake.ts";

const timeout = { timeout: 10_000 };
const SHUTTING_DOWN = "421 4.3.2 the server is shutting down, try again";
const ENVELOPE = "MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.test>\r\n";
const CONTENT = "Subject: one\r\n\r\ntext\r\n.\r\n";

async function greeted(): Promise<ScriptedClient> {
  const client = new ScriptedClient("mx");
  await client.hear();
  await client.say("EHLO client.example");
  return client;
}
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}
/** How the session ended, by the log. */
function ending(client: ScriptedClient): unknown {
  return client.log.lines.find((line) => line.event === "smtp-session-ended")?.fields["end"];
}

describe("RFC 5321 section 3.8: a server that shuts down", () => {
  test("says 421 at once to who waits between transactions", timeout, async () => {
    const client = await greeted();
    client.drain.begin();
    assert.deepEqual(await client.hearAll(), [SHUTTING_DOWN]);
    await client.done;
    assert.equal(ending(client), "421 4.3.2");
  });
  test("says it instead of a greeting to who comes late", timeout, async () => {
    const early = await greeted();
    const client = new ScriptedClient("mx", { drain: early.drain });
    early.drain.begin();
    assert.equal((await client.hear())?.slice(0, 3), "220");
    const late = new ScriptedClient("mx", { drain: early.drain });
    assert.deepEqual(await late.hearAll(), [SHUTTING_DOWN]);
    await late.done;
  });
  test("lets a transaction come to its end, and then says it instead of the next answer", timeout, async () => {
    const client = await greeted();
    client.send(ENVELOPE);
    await client.hear();
    await client.hear();
    client.drain.begin();
    assert.equal((await client.say("DATA"))?.slice(0, 3), "354");
    client.send(`${CONTENT}${ENVELOPE}`);
    assert.deepEqual(await client.hearAll(), ["250 2.0.0 queued as q1", SHUTTING_DOWN]);
    await client.done;
    assert.equal(client.intake.delivered.length, 1);
  });
  test("answers a message whose delivery is under way", timeout, async () => {
    const client = await greeted();
    let deliver = (_answer: DeliveryAnswer): void => {};
    client.intake.answers.push(new Promise((resolve) => { deliver = resolve; }));
    client.send(`${ENVELOPE}DATA\r\n`);
    for (let i = 0; i < 3; i++) await client.hear();
    client.send(CONTENT);
    await settle();
    client.drain.begin();
    await settle();
    deliver({ kind: "accepted", queueId: "late" });
    assert.deepEqual(await client.hearAll(), ["250 2.0.0 queued as late", SHUTTING_DOWN]);
    assert.equal(client.intake.delivered.length, 1);
  });
  test("lets content come by BDAT to its last chunk", timeout, async () => {
    const client = await greeted();
    client.send(`${ENVELOPE}BDAT 5\r\nX: y\r`);
    for (let i = 0; i < 3; i++) await client.hear();
    client.drain.begin();
    client.send("BDAT 8 LAST\r\n\n\r\nabc\r\n");
    assert.deepEqual((await client.hearAll()).map((reply) => reply.slice(0, 9)), ["250 2.0.0", "421 4.3.2"]);
  });
  test("a transaction that is given up ends the session", timeout, async () => {
    const client = await greeted();
    client.send(ENVELOPE);
    await client.hear();
    await client.hear();
    client.drain.begin();
    client.send("RSET\r\n");
    assert.deepEqual((await client.hearAll()).map((reply) => reply.slice(0, 3)), ["250", "421"]);
  });
  test("a command that is under way is answered before 421, and 421 is said once", timeout, async () => {
    const client = await greeted();
    client.send("NOOP\r\nNO");
    assert.equal((await client.hear())?.slice(0, 3), "250");
    client.drain.begin();
    client.drain.begin();
    client.send("OP\r\n");
    assert.deepEqual(await client.hearAll(), [SHUTTING_DOWN]);
    await client.done;
    assert.equal(client.budget.bytes, 0);
  });
});
