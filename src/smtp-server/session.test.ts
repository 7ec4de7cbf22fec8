import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DeliveryAnswer } from "../delivery/received.ts";
import { ScramClient } from "../sasl/scram-client.ts";
import { ScriptedClient } from "./scripted-client.fake.ts";

const timeout = { timeout: 10_000 };

/** Past EHLO; `extensions` of it. */
async function greeted(...args: ConstructorParameters<typeof ScriptedClient>): Promise<{ readonly client: ScriptedClient; readonly extensions: readonly string[] }> {
  const client = new ScriptedClient(...args);
  await client.hear();
  const hello = await client.say("EHLO client.example");
  return { client, extensions: (hello ?? "").split("|").slice(1).map((line) => line.slice(4)) };
}
const envelope = "MAIL FROM:<a@client.example>\r\nRCPT TO:<alice@example.test>\r\n";
/** Past 354. */
async function inData(...args: ConstructorParameters<typeof ScriptedClient>): Promise<ScriptedClient> {
  const { client } = await greeted(...args);
  client.send(`${envelope}DATA\r\n`);
  assert.deepEqual([(await client.hear())?.slice(0, 3), (await client.hear())?.slice(0, 3), (await client.hear())?.slice(0, 3)], ["250", "250", "354"]);
  return client;
}
async function ended(client: ScriptedClient): Promise<void> {
  client.connection.end();
  await client.done;
  assert.equal(client.budget.bytes, 0, "the memory was given back");
}

describe("T-SMTP-SMUG: sixteen ends of data against the server", () => {
  const ends = ["\r\n", "\n", "\r", "\n\r"];
  for (const before of ends) {
    for (const after of ends) {
      const sequence = `${before}.${after}`;
      test(JSON.stringify(sequence), timeout, async () => {
        const client = await inData("mx");
        client.send(`Subject: one\r\n\r\ntext${sequence}MAIL FROM:<boss@example.test>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\nSubject: two\r\n\r\nforged\r\n.\r\nQUIT\r\n`);
        const heard = await client.hearAll();
        await client.done;
        if (sequence === "\r\n.\r\n") {
          assert.deepEqual(heard, ["250 2.0.0 queued as q1", "250 2.1.0 sender ok", "250 2.1.5 recipient ok", "354 end with CRLF.CRLF", "250 2.0.0 queued as q2", "221 2.0.0 bye"]);
        } else {
          assert.deepEqual(heard, ["550 5.5.2 bare CR or LF in the message", "221 2.0.0 bye"]);
          assert.deepEqual(client.intake.delivered, []);
        }
      });
    }
  }
});

describe("nothing is accepted and lost, and nothing delivered that was not sent whole", () => {
  test("the peer leaves before the end of data", timeout, async () => {
    const client = await inData("mx");
    client.send("Subject: half\r\n\r\n.\r");
    await ended(client);
    assert.deepEqual(client.intake.delivered, []);
  });
  test("the peer leaves within a chunk, and between chunks", timeout, async () => {
    for (const octets of ["BDAT 10 LAST\r\nhalf", "BDAT 4\r\nhalf"]) {
      const { client } = await greeted("mx");
      client.send(envelope + octets);
      await ended(client);
      assert.deepEqual(client.intake.delivered, []);
    }
  });
  test("the peer leaves while the message is delivered: the delivery is awaited, and noted as unheard", timeout, async () => {
    const client = await inData("mx");
    let answer: (answer: DeliveryAnswer) => void = () => {};
    client.intake.answers.push(new Promise((resolve) => { answer = resolve; }));
    client.send("x\r\n.\r\n");
    await client.clock.advance(0);
    assert.notEqual(client.budget.bytes, 0);
    client.connection.end();
    await client.clock.advance(0);
    answer({ kind: "accepted", queueId: "q1" });
    await client.done;
    assert.equal(client.intake.delivered.length, 1);
    assert.ok(client.log.lines.some((line) => line.event === "smtp-peer-left-before-answer"));
    assert.equal(client.budget.bytes, 0);
  });
  test("a delivery that throws is answered 451, and the session goes on", timeout, async () => {
    const client = await inData("mx");
    client.intake.answers.push(new Error("secret words of the message"));
    client.send("x\r\n.\r\n");
    assert.equal(await client.hear(), "451 4.3.0 local error, try again later");
    client.send(`${envelope}DATA\r\n.\r\n`);
    for (const code of ["250", "250", "354", "250"]) assert.equal((await client.hear())?.slice(0, 3), code);
    await ended(client);
    assert.ok(client.log.lines.some((line) => line.event === "smtp-fault"));
    assert.doesNotMatch(JSON.stringify(client.log.lines), /secret/);
  });
});

describe("logs and metrics", () => {
  test("carry domains and counts, and nothing of content or addresses", timeout, async () => {
    const client = await inData("mx");
    client.send("Subject: hush\r\n\r\nbody words\r\n.\r\nQUIT\r\n");
    await client.hearAll();
    await client.done;
    const logged = JSON.stringify(client.log.lines);
    assert.doesNotMatch(logged, /hush|body words|alice|a@client/);
    assert.match(logged, /"senderDomain":"client\.example"/);
    assert.equal(client.metrics.counts.get('tayori_smtp_sessions_total{"role":"mx"}'), 1);
    assert.equal(client.metrics.counts.get('tayori_smtp_messages_total{"role":"mx","result":"accepted"}'), 1);
    assert.equal(client.metrics.counts.get('tayori_smtp_recipients_total{"role":"mx","result":"accepted"}'), 1);
  });
});

describe("STARTTLS", () => {
  test("is not offered without a certificate, nor under TLS, nor on submissions", timeout, async () => {
    const without = await greeted("mx", { settings: { startTls: false } });
    assert.ok(!without.extensions.includes("STARTTLS"));
    assert.equal(await without.client.say("STARTTLS"), "454 4.7.0 TLS is not available");
    await ended(without.client);
    const submissions = await greeted("submissions");
    assert.ok(!submissions.extensions.includes("STARTTLS"));
    await ended(submissions.client);
  });
  test("that fails ends the connection without another word in clear", timeout, async () => {
    const { client } = await greeted("submission");
    client.server.tlsFails = true;
    client.send("STARTTLS\r\nEHLO x\r\n");
    assert.deepEqual(await client.hearAll(), ["220 2.0.0 ready to start TLS"]);
    await client.done;
  });
});

describe("AUTH", () => {
  async function scram(client: ScriptedClient, name: string, password: string, plus: boolean): Promise<string[]> {
    const data = client.server.tls?.exportKeyingMaterial(32, "EXPORTER-Channel-Binding") ?? Buffer.alloc(0);
    const scramClient = new ScramClient({ name, password, nonce: "abc", binding: plus ? { type: "tls-exporter", data } : "none" });
    const heard: string[] = [];
    let answer = await client.say(`AUTH SCRAM-SHA-256${plus ? "-PLUS" : ""} ${scramClient.first().toString("base64")}`);
    while (answer?.startsWith("334 ")) {
      heard.push("334");
      const step = await scramClient.step(Buffer.from(answer.slice(4), "base64"));
      assert.notEqual(step.kind, "failed");
      answer = await client.say(step.kind === "message" ? step.bytes.toString("base64") : "");
    }
    return [...heard, answer ?? "(closed)"];
  }
  test("by SCRAM-SHA-256 and SCRAM-SHA-256-PLUS", timeout, async () => {
    for (const plus of [false, true]) {
      const { client } = await greeted("submissions");
      assert.deepEqual(await scram(client, "alice@example.test", "wonderland", plus), ["334", "334", "235 2.7.0 authenticated"]);
      await ended(client);
    }
  });
  test("T-SCRAM-ENUM: a wrong password and an unknown name sound the same", timeout, async () => {
    const { client } = await greeted("submissions");
    const wrong = await scram(client, "alice@example.test", "wrong", false);
    assert.deepEqual(await scram(client, "nobody@example.test", "wrong", false), wrong);
    assert.deepEqual(wrong, ["334", "535 5.7.8 authentication failed"]);
    await ended(client);
  });
  test("an outage is told from a wrong password", timeout, async () => {
    const { client } = await greeted("submissions");
    client.authenticator.unavailable = true;
    const plain = Buffer.from("\0alice@example.test\0wonderland").toString("base64");
    assert.equal(await client.say(`AUTH PLAIN ${plain}`), "454 4.7.0 authentication is not available now");
    client.authenticator.unavailable = false;
    assert.equal(await client.say(`AUTH PLAIN ${plain}`), "235 2.7.0 authenticated");
    client.intake.authorship = "unavailable";
    assert.equal(await client.say("MAIL FROM:<alice@example.test>"), "451 4.3.0 local error, try again later");
    await ended(client);
  });
  test("lines may have 12288 octets and not one more", timeout, async () => {
    const { client } = await greeted("submissions");
    const fits = `AUTH PLAIN ${"A".repeat(12288 - 13)}`;
    assert.equal(await client.say(fits), "501 5.5.2 malformed authentication");
    assert.equal(await client.say(`${fits}A`), "500 5.5.2 line too long");
    assert.equal(await client.say("AUTH PLAIN"), "334 ");
    assert.equal(await client.say("A".repeat(12287)), "500 5.5.6 authentication line too long");
    assert.equal(await client.say(`NOOP ${"x".repeat(2048 - 7)}`), "250 2.0.0 ok");
    assert.equal(await client.say(`NOOP ${"x".repeat(2048 - 6)}`), "500 5.5.2 line too long");
    await ended(client);
  });
});

describe("limits", () => {
  async function recipients(from: string, count: number): Promise<string[]> {
    const { client } = await greeted("mx", { settings: { recipientsMax: 120 } });
    await client.say(from);
    const heard: string[] = [];
    for (let i = 0; i < count; i++) heard.push((await client.say(`RCPT TO:<list-${i}@example.test>`)) ?? "(closed)");
    await ended(client);
    return heard;
  }
  test("recipients of one message (RFC 5321 section 4.5.3.1.8 and .10)", timeout, async () => {
    const heard = await recipients("MAIL FROM:<a@client.example>", 121);
    assert.ok(heard.slice(0, 120).every((reply) => reply.startsWith("250")));
    assert.equal(heard[120], "452 4.5.3 too many recipients");
  });
  test("a notification may have a hundred", timeout, async () => {
    const heard = await recipients("MAIL FROM:<>", 101);
    assert.ok(heard.slice(0, 100).every((reply) => reply.startsWith("250")));
    assert.equal(heard[100], "452 4.5.3 too many recipients");
  });
  test("RCPT commands that are put off for ever end the session", timeout, async () => {
    const { client } = await greeted("mx", { settings: { recipientsMax: 100 } });
    client.send(`MAIL FROM:<a@client.example>\r\n${"RCPT TO:<busy@example.test>\r\n".repeat(401)}`);
    const heard = await client.hearAll();
    assert.equal(heard.filter((reply) => reply.startsWith("451 4.3.0")).length, 400);
    assert.equal(heard.at(-1), "421 4.7.0 too many commands without a message, closing");
    await client.done;
  });
  test("MAIL commands that are refused for ever end the session", timeout, async () => {
    const { client } = await greeted("mx");
    client.send("MAIL FROM:<a@client.example> SIZE=99999999999\r\n".repeat(100));
    const heard = await client.hearAll();
    assert.equal(heard.length, 100);
    assert.equal(heard.at(-1), "421 4.7.0 too many commands without a message, closing");
    await client.done;
  });
  test("a chunk that is too large gives its memory back before it is whole", timeout, async () => {
    const { client } = await greeted("mx", { settings: { messageBytesMax: 100 } });
    client.send(`${envelope}BDAT 200 LAST\r\n${"x".repeat(90)}`);
    await client.clock.advance(0);
    assert.equal(client.budget.bytes, 90);
    client.send("x".repeat(11));
    await client.clock.advance(0);
    assert.equal(client.budget.bytes, 0);
    await ended(client);
  });
  test("a chunk beyond all patience closes at once", timeout, async () => {
    const { client } = await greeted("mx", { settings: { messageBytesMax: 100 } });
    client.send("BDAT 401 LAST\r\n");
    assert.deepEqual(await client.hearAll(), ["552 5.3.4 message too large"]);
    await client.done;
  });
  test("a command that comes octet by octet has five minutes in all", timeout, async () => {
    const client = new ScriptedClient("mx");
    await client.hear();
    for (let minute = 0; minute < 5; minute++) {
      client.send("N");
      await client.clock.advance(60_000);
    }
    client.send("N");
    assert.deepEqual(await client.hearAll(), ["421 4.4.2 timeout, closing"]);
    await client.done;
  });
});

describe("the trace field", () => {
  async function traceOf(helo: string): Promise<string> {
    const client = new ScriptedClient("mx");
    client.send(`EHLO ${helo}\r\n${envelope}DATA\r\n.\r\nQUIT\r\n`);
    await client.hearAll();
    await client.done;
    return client.intake.delivered[0]?.content.toString().split("\r\n")[0] ?? "";
  }
  const cases: readonly (readonly [helo: string, from: string])[] = [
    ["Host.Example", "host.example"],
    ["[192.0.2.9]", "[192.0.2.9]"],
    ["under_score", "under_score"],
    ["(evil);Mon,", "?evil??Mon?"],
    ["<x@y>", "?x?y?"],
  ];
  for (const [helo, from] of cases) test(helo, timeout, async () => assert.equal(await traceOf(helo), `Received: from ${from} ([192.0.2.7])`));
});
