/** kill -9 at random moments under parallel deliveries, APPENDs and STOREs. SEED and KILLS can be given in the environment. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { contentOf, CrashModel, FLAGS, type Seen } from "./crash-model.ts";
import { flagsOf, ImapClient, sectionOf, uidOf } from "./imap-client.ts";
import { sleep } from "./program.ts";
import { Seeded } from "./seeded.ts";
import { PASSWORD, TayoriServer } from "./server.ts";
import { SmtpClient } from "./smtp-client.ts";
import { StreamEnded } from "./stream.ts";

const SEED = Number(process.env["SEED"] ?? Date.now() % 1_000_000);
const KILLS = Number(process.env["KILLS"] ?? 50);
const ACCOUNTS = ["a", "b", "c", "d"].map((name) => `${name}@tayori.test`);
const DELIVERERS = 8;
const APPENDERS = 6;
const STORERS = 6;
const LOAD_MS_MAX = 600;
const TEST_MS = 560_000;

const random = new Seeded(SEED);
const model = new CrashModel();
let server: TayoriServer;
before(async () => {
  server = await TayoriServer.prepare({ accounts: ACCOUNTS, cleartextLoopback: true });
});
after(() => server?.dispose());

/** Ends quietly when the server was killed; anything else is a failure of the test. */
async function untilKilled(work: () => Promise<never>): Promise<void> {
  await work().catch((error: unknown) => { if (!(error instanceof StreamEnded)) throw error; });
}
const login = (account: string): Promise<ImapClient> => ImapClient.open(server.port("imap"), [account, PASSWORD]);

async function deliverer(smtp: SmtpClient): Promise<never> {
  for (;;) {
    const first = random.pick(ACCOUNTS);
    const letter = model.retries.shift() ?? { id: model.newId(), accounts: random.below(4) === 0 ? [...new Set([first, random.pick(ACCOUNTS)])] : [first] };
    for (const account of letter.accounts) model.trying(account, letter.id);
    const reply = await smtp.send({ from: "load@peer.test", to: letter.accounts, content: contentOf(letter.id) }).catch((error: unknown) => {
      model.retries.push(letter);
      throw error;
    });
    assert.equal(reply.code, 250, reply.lines.join(" "));
    for (const account of letter.accounts) model.acknowledged(account, letter.id);
  }
}
async function appender(imap: ImapClient, account: string): Promise<never> {
  for (;;) {
    const id = model.newId();
    const flags = random.below(2) === 0 ? "" : random.pick(FLAGS);
    model.trying(account, id);
    const { status, text, uid } = await imap.append("INBOX", Buffer.from(contentOf(id)), flags === "" ? {} : { flags });
    assert.equal(status, "OK", text);
    assert.notEqual(uid, null, "no APPENDUID");
    model.acknowledged(account, id, { uid: uid ?? 0, flags });
  }
}
/** Each storer has messages of its own, so that the order of changes is known. */
async function storer(imap: ImapClient, account: string, index: number): Promise<never> {
  await imap.select("INBOX");
  for (;;) {
    const own = model.uids(account).filter((uid) => uid % STORERS === index);
    if (own.length === 0) {
      await imap.ok("NOOP");
      continue;
    }
    const uid = random.pick(own);
    const flags = FLAGS.filter(() => random.below(2) === 0).sort().join(" ");
    model.storing(account, uid, flags);
    await imap.ok(`UID STORE ${uid} FLAGS (${flags})`);
    model.stored(account, uid);
  }
}

async function look(imap: ImapClient, items: string): Promise<{ uidValidity: number; uidNext: number; messages: (Seen & { content: Buffer | null })[] }> {
  const { exists, uidNext, uidValidity } = await imap.select("INBOX", "EXAMINE");
  const fetched = exists === 0 ? [] : await imap.fetch("1:*", items);
  assert.equal(fetched.length, exists);
  return {
    uidValidity, uidNext,
    messages: fetched.map((one) => {
      const header = one.items.has("BODY[HEADER.FIELDS (X-ID)]") ? sectionOf(one, "BODY[HEADER.FIELDS (X-ID)]") : null;
      const content = one.items.has("BODY[]") ? sectionOf(one, "BODY[]") : null;
      const id = /^X-Id: (\S+)/im.exec((header ?? content)?.toString() ?? "")?.[1] ?? null;
      return { uid: uidOf(one), flags: flagsOf(one).filter((flag) => flag !== "\\Recent").join(" "), id, content };
    }),
  };
}
async function verify(items: string): Promise<void> {
  for (const account of ACCOUNTS) {
    const imap = await login(account);
    const mailbox = await look(imap, items);
    model.check(account, mailbox);
    for (const { id, content } of mailbox.messages) if (content !== null) assert.ok(content.toString().endsWith(contentOf(id ?? "")), `${account}: ${id} is damaged`);
    await imap.logout();
  }
}

/** Starts, sometimes killed while starting; everything that was known must be there; then load until the next kill. */
async function round(): Promise<void> {
  if (random.below(8) === 0) {
    const starting = server.start().catch(() => undefined);
    await sleep(random.below(500));
    await server.kill();
    await starting;
  }
  await server.start();
  await verify("(UID FLAGS BODY.PEEK[HEADER.FIELDS (X-Id)])");
  const workers: Promise<void>[] = [];
  const smtp = await Promise.all(Array.from({ length: DELIVERERS }, () => SmtpClient.open(server.port("smtp"))));
  const imap = await Promise.all(Array.from({ length: APPENDERS + STORERS }, async (_, i) => ({ client: await login(ACCOUNTS[i % ACCOUNTS.length] ?? ""), account: ACCOUNTS[i % ACCOUNTS.length] ?? "" })));
  for (const client of smtp) workers.push(untilKilled(() => deliverer(client)));
  for (const [i, { client, account }] of imap.entries()) workers.push(untilKilled(() => (i < APPENDERS ? appender(client, account) : storer(client, account, i - APPENDERS))));
  const broken = Promise.all(workers);
  broken.catch(() => undefined);
  await sleep(20 + random.below(LOAD_MS_MAX));
  await server.kill();
  await broken;
}

test(`${KILLS} kills under load lose nothing that was acknowledged (SEED=${SEED})`, { timeout: TEST_MS }, async () => {
  for (let kill = 0; kill < KILLS; kill++) {
    try {
      await round();
    } catch (error) {
      throw new Error(`kill ${kill}, SEED=${SEED}: ${String(error)}\n${server.log.slice(-3000)}`, { cause: error });
    }
  }
  await server.start();
  await verify("(UID FLAGS BODY.PEEK[])");
  await server.stop();
  const { acknowledged, lostReplies } = model.total;
  console.log(`# ${KILLS} kills, ${acknowledged} copies acknowledged, ${lostReplies} replies lost, SEED=${SEED}`);
  assert.ok(acknowledged > KILLS * 10, `only ${acknowledged} copies were acknowledged: the load was no load`);
});
test("the store is sound afterwards", { timeout: 120_000 }, async () => {
  await server.mustCli(["store", "check"]);
});
