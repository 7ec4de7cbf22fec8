import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ImapWorld } from "./imap-world.fake.ts";

const timeout = { timeout: 10_000 };
const BYE = "* BYE The server is shutting down, connect again";
const settle = async (): Promise<void> => {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
};
const ends = (world: ImapWorld): unknown[] => world.log.lines.filter((line) => line.event === "imap-session-ended").map((line) => line.fields["end"]);

describe("RFC 9051 section 7.1.5: a server that shuts down", () => {
  test("says BYE at once to who waits between commands, before and after the login", timeout, async () => {
    const world = await ImapWorld.open();
    const [greeted, loggedIn, selected] = [world.connect(), await world.login(), await world.login()];
    await greeted.hearLine();
    await selected.say("SELECT INBOX");
    await settle();
    world.drain.begin();
    for (const client of [greeted, loggedIn, selected]) {
      assert.deepEqual(await client.hearAll(), [BYE]);
      await client.done;
    }
    assert.deepEqual(ends(world), ["drained", "drained", "drained"]);
  });
  test("ends IDLE at once, after what there was to tell", timeout, async () => {
    const world = await ImapWorld.open();
    const client = await world.login();
    await client.say("SELECT INBOX");
    client.send("i IDLE\r\n");
    assert.equal(await client.hearLine(), "+ Idling");
    await settle();
    await world.deliver("INBOX", ["Subject: a\r\n\r\na\r\n"]);
    world.drain.begin();
    const heard = await client.hearAll();
    assert.deepEqual([heard[0], heard.at(-1)], ["* 1 EXISTS", BYE]);
    await client.done;
  });
  test("answers a command under way before BYE, and none that waits behind it", timeout, async () => {
    const world = await ImapWorld.open();
    const client = await world.login();
    client.send("a APPEND INBOX {14+}\r\nSubject: x\r\n");
    await settle();
    world.drain.begin();
    await settle();
    client.send("\r\n\r\nb NOOP\r\n");
    const heard = await client.hearAll();
    assert.deepEqual([/^a OK \[APPENDUID [0-9]+ 1\]/.test(heard.at(-2) ?? ""), heard.at(-1)], [true, BYE], heard.join("\n"));
    await client.done;
  });
  test("says it instead of a greeting to who comes late", timeout, async () => {
    const world = await ImapWorld.open();
    world.drain.begin();
    const late = world.connect();
    assert.deepEqual(await late.hearAll(), [BYE]);
    await late.done;
  });
});
