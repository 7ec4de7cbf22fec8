/**
 * SPF, DKIM and DMARC in both directions, against a real resolver: what Python's dkim signs is verified, what we sign is delivered
 * by Postfix and verified by Python's dkim, and what we write about a message is read by Python's authres.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { ImapClient } from "./imap-client.ts";
import { awaitMessage, header, open } from "./mailbox.ts";
import { freePort } from "./ports.ts";
import { Postfix } from "./postfix.ts";
import { eventually, mustRun, programPath, removeDirectory, temporaryDirectory, tracked } from "./program.ts";
import { asArray, field, PASSWORD, REPOSITORY, TayoriServer } from "./server.ts";
import { dotStuffed, expectCode, message, SmtpClient } from "./smtp-client.ts";

const PYTHON = "/usr/bin/python3";
const SCRIPT = join(REPOSITORY, "e2e/authentication.py");
/** Where the balancer connects from: the listeners take the peer's address from its PROXY header. */
const PROXY = "127.0.0.2";
const GOOD = "192.0.2.7";
const STRANGER = "192.0.2.8";

let dir = "";
let dnsPort = 0;
let unbound: ReturnType<typeof spawn>;
let server: TayoriServer;
let postfix: Postfix;
let reader: ImapClient;
let keyFile = "";
let peerKeyRecord = "";
/** Our own records: name and text. */
const ourRecords: Record<string, string> = {};

/** Strings of a record's text, as a zone file has them. */
const strings = (text: string): string => (text.match(/.{1,255}/g) ?? []).map((part) => `"${part}"`).join(" ");
const python = async (args: readonly string[], input: Buffer | string): Promise<string> => (await mustRun(PYTHON, [SCRIPT, ...args], { input })).stdout;

function startUnbound(): void {
  const records = [
    "peer.test. IN MX 10 mail.peer.test.", `peer.test. IN TXT "v=spf1 ip4:${GOOD} -all"`, `mail.peer.test. IN A ${GOOD}`, 'mail.peer.test. IN TXT "v=spf1 a -all"',
    '_dmarc.peer.test. IN TXT "v=DMARC1; p=reject"', `sel._domainkey.peer.test. IN TXT ${strings(peerKeyRecord)}`, "7.2.0.192.in-addr.arpa. IN PTR mail.peer.test.",
    "tayori.test. IN MX 10 mail.tayori.test.", 'tayori.test. IN TXT "v=spf1 mx ~all"', "mail.tayori.test. IN A 192.0.2.25", "25.2.0.192.in-addr.arpa. IN PTR mail.tayori.test.",
    '_dmarc.tayori.test. IN TXT "v=DMARC1; p=none; rua=mailto:postmaster@tayori.test"',
    ...Object.entries(ourRecords).map(([name, text]) => `${name}. IN TXT ${strings(text)}`),
  ];
  writeFileSync(join(dir, "unbound.conf"), `server:
  interface: 127.0.0.1
  port: ${dnsPort}
  username: ""
  chroot: ""
  directory: "${dir}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  module-config: "iterator"
  local-zone: "." static
  local-data: ". 60 IN SOA ns. root. 1 2 3 4 1"
${records.map((record) => `  local-data: '${record}'`).join("\n")}
remote-control:
  control-enable: no
`);
  unbound = tracked(spawn(programPath("unbound"), ["-d", "-c", join(dir, "unbound.conf")], { stdio: ["ignore", "inherit", "inherit"] }));
}

before(async () => {
  dir = temporaryDirectory("authentication");
  dnsPort = await freePort();
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  keyFile = join(dir, "peer.key");
  // Python's dkim reads PKCS #1.
  writeFileSync(keyFile, privateKey.export({ type: "pkcs1", format: "pem" }));
  peerKeyRecord = `v=DKIM1; k=rsa; p=${publicKey.export({ type: "spki", format: "der" }).toString("base64")}`;
  postfix = await Postfix.start({ mailboxes: { "peer.test": ["anna"] } });
  server = await TayoriServer.prepare({
    accounts: ["user@tayori.test", "writer@tayori.test"], dnsServers: [`127.0.0.1:${dnsPort}`], routes: { "peer.test": `127.0.0.1:${postfix.port}` }, proxies: [PROXY],
    settings: "[incoming]\ntrusted-networks = []",
  });
  startUnbound();
  await eventually("unbound answers", async () => {
    const client = connect(dnsPort, "127.0.0.1");
    return new Promise<true | undefined>((resolve) => client.once("connect", () => { client.destroy(); resolve(true); }).once("error", () => resolve(undefined)));
  });
});
after(async () => {
  reader?.stream.destroy();
  await server?.dispose();
  await postfix?.dispose();
  unbound?.kill();
  removeDirectory(dir);
});

describe("keys of our own", () => {
  test("are not activated before the DNS shows them, and are after", async () => {
    await server.mustCli(["dkim", "generate", "tayori.test", "--both", "--selector", "s"]);
    const early = await server.cli(["dkim", "activate", "tayori.test"]);
    assert.equal(early.code, 1, early.transcript);
    assert.match(early.stderr, /the DNS has no such record/);
    assert.equal((await server.cli(["dns", "check", "tayori.test"])).code, 1);
    for (const key of asArray(await server.json(["dkim", "records", "tayori.test"]))) ourRecords[String(field(key, "name"))] = String(field(key, "record"));
    const gone = new Promise((resolve) => unbound.once("exit", resolve));
    unbound.kill();
    await gone;
    startUnbound();
    await eventually("the records are visible", async () => ((await server.cli(["dkim", "check", "tayori.test"])).code === 0 ? true : undefined));
    await server.mustCli(["dkim", "activate", "tayori.test"]);
    const checked = await server.cli(["dns", "check", "tayori.test"]);
    assert.equal(checked.code, 0, checked.transcript);
    await server.start();
    reader = await open(server);
  });
});

/** PROXY protocol version 2 for a TCP connection over IPv4. */
function proxyHeader(address: string): Buffer {
  const octets = (text: string): number[] => text.split(".").map(Number);
  return Buffer.from([...Buffer.from("\r\n\r\n\0\r\nQUIT\n", "latin1"), 0x21, 0x11, 0, 12, ...octets(address), ...octets("192.0.2.25"), 0x9c, 0x40, 0, 25]);
}

/** Sends a message as if it came from `address`. */
async function receive(address: string, content: Buffer | string, options: { readonly from?: string; readonly helo?: string } = {}): Promise<void> {
  const client = await SmtpClient.connect(server.port("smtp"), { localAddress: PROXY, preface: proxyHeader(address) });
  await client.ehlo(options.helo ?? "mail.peer.test");
  expectCode(await client.command(`MAIL FROM:<${options.from ?? "anna@peer.test"}>`), 250);
  expectCode(await client.command("RCPT TO:<user@tayori.test>"), 250);
  expectCode(await client.command("DATA"), 354);
  client.stream.write(dotStuffed(Buffer.from(content)));
  expectCode(await client.reply(), 250);
  await client.quit();
}
const signed = async (content: string): Promise<Buffer> => Buffer.from(await python(["sign", "peer.test", "sel", keyFile], content));
const letter = (subject: string): string => message({ from: "Anna <anna@peer.test>", to: "user@tayori.test", subject }, "line one", "", "..dots", "trailing blanks  ", "");
/** What Python's authres reads in the topmost field. */
async function results(subject: string): Promise<readonly string[]> {
  const { content } = await awaitMessage(reader, `Subject: ${subject}\r\n`);
  const [authservId, ...lines] = (await python(["results"], content)).trimEnd().split("\n");
  assert.equal(authservId, "mail.tayori.test");
  return lines;
}
const short = (lines: readonly string[]): string[] => lines.map((line) => line.split(" ").slice(0, 2).join("="));

describe("mail from outside", () => {
  test("that Python's dkim signed passes everything, and Python's authres reads what we found", async () => {
    await receive(GOOD, await signed(letter("all right")));
    const lines = await results("all right");
    assert.deepEqual(short(lines), ["spf=pass", "spf=pass", "dkim=pass", "dmarc=pass", "iprev=pass"]);
    assert.ok(lines.includes("spf pass smtp.mailfrom=anna@peer.test"), lines.join("\n"));
    assert.ok(lines.includes("spf pass smtp.helo=mail.peer.test"), lines.join("\n"));
    assert.match(lines[2] ?? "", /^dkim pass header\.d=peer\.test header\.i=@peer\.test header\.s=sel header\.a=rsa-sha256 header\.b=\S{8}$/);
    assert.ok(lines.includes(`iprev pass policy.iprev=${GOOD}`), lines.join("\n"));
  });
  test("with a changed body fails DKIM, and passes DMARC by SPF", async () => {
    await receive(GOOD, (await signed(letter("changed"))).toString().replace("line one", "line two"));
    assert.deepEqual(short(await results("changed")), ["spf=pass", "spf=pass", "dkim=fail", "dmarc=pass", "iprev=pass"]);
  });
  test("from an address that the domain does not name fails SPF; DKIM still carries it", async () => {
    await receive(STRANGER, await signed(letter("forwarded")));
    assert.deepEqual(short(await results("forwarded")), ["spf=fail", "spf=fail", "dkim=pass", "dmarc=pass", "iprev=permerror"]);
  });
  test("that is forged fails DMARC, is delivered, and says so", async () => {
    await receive(STRANGER, letter("forged"), { helo: "evil.test", from: "x@evil.test" });
    const lines = await results("forged");
    assert.deepEqual(short(lines), ["spf=none", "spf=none", "dkim=none", "dmarc=fail", "iprev=permerror"]);
    assert.match(lines[3] ?? "", /header\.from=peer\.test policy\.dmarc=reject/);
  });
  test("brings no results in our name, and no Return-Path of its own", async () => {
    const forged = `Return-Path: <bank@bank.test>\r\nAuthentication-Results: mail.tayori.test; dkim=pass header.d=bank.test\r\nAuthentication-Results: MAIL.tayori.test.;\r\n\tspf=pass smtp.mailfrom=bank.test\r\nAuthentication-Results: other.test; none\r\n`;
    await receive(STRANGER, forged + letter("claims"));
    const fields = header((await awaitMessage(reader, "Subject: claims\r\n")).content).split("\r\n");
    assert.deepEqual(fields.filter((one) => /^Return-Path:/i.test(one)), ["Return-Path: <anna@peer.test>"]);
    const claims = fields.filter((one) => /^Authentication-Results:/i.test(one));
    assert.equal(claims.length, 2, claims.join("\n"));
    assert.equal(claims[1], "Authentication-Results: other.test; none");
    assert.doesNotMatch(claims[0] ?? "", /bank/);
    const order = fields.map((one) => one.split(":")[0]?.toLowerCase());
    assert.ok(order.indexOf("authentication-results") < order.indexOf("received"), order.join());
  });
  test("is asked about later by its UID", async () => {
    const { uid } = await awaitMessage(reader, "Subject: forged\r\n");
    const answer = await server.json(["message", "auth", "user@tayori.test", "INBOX", `${uid}`]);
    assert.deepEqual(asArray(field(answer, "results")).map((result) => `${String(field(result, "method"))}=${String(field(result, "result"))}`), ["spf=none", "spf=none", "dkim=none", "dmarc=fail", "iprev=permerror"]);
  });
});

/** What Python's dkim says of each signature, by our own records. */
async function verified(content: Buffer | string): Promise<string[]> {
  const records = join(dir, "records.json");
  writeFileSync(records, JSON.stringify(ourRecords));
  return (await python(["verify", records], content)).trimEnd().split("\n").sort();
}
/** The octets in the Maildir, whose lines end with LF. */
const atPostfix = async (mark: string): Promise<Buffer> => Buffer.from(await postfix.awaitDelivered("anna@peer.test", mark), "latin1");
const BOTH = ["tayori.test s-ed25519 true", "tayori.test s-rsa true"];

describe("mail of our own", () => {
  test("is signed twice, for Postfix and for a mailbox here, and Python's dkim verifies both", async () => {
    const client = await SmtpClient.open(server.port("submissions"), { tls: "implicit", login: ["writer@tayori.test", PASSWORD] });
    const content = message({ from: "writer@tayori.test", to: "anna@peer.test", subject: "from us" }, "こんにちは", "", ".", "trailing  ");
    expectCode(await client.send({ from: "writer@tayori.test", to: ["anna@peer.test", "user@tayori.test"], content }), 250);
    await client.quit();
    const there = await atPostfix("Subject: from us");
    assert.deepEqual(await verified(there), BOTH);
    const here = (await awaitMessage(reader, "Subject: from us")).content;
    assert.deepEqual(await verified(here), BOTH);
    const changed = here.toString("latin1").replace("Subject: from us", "Subject: from them");
    assert.deepEqual(await verified(Buffer.from(changed, "latin1")), BOTH.map((line) => line.replace("true", "false")));
    assert.doesNotMatch(header(here), /^Authentication-Results:/im);
  });
  test("a report to the sender is signed, too", async () => {
    const client = await SmtpClient.open(server.port("submissions"), { tls: "implicit", login: ["user@tayori.test", PASSWORD] });
    expectCode(await client.send({ from: "user@tayori.test", to: ["nobody@peer.test"], content: message({ from: "user@tayori.test", to: "nobody@peer.test", subject: "to nobody" }) }), 250);
    await client.quit();
    const report = (await awaitMessage(reader, "Final-Recipient: rfc822;")).content;
    assert.deepEqual(await verified(report), BOTH);
  });
  test("comes back verified: what we sent passes at another host of ours", async () => {
    await receive("192.0.2.25", Buffer.from((await atPostfix("Subject: from us")).toString("latin1").replaceAll("\n", "\r\n"), "latin1"), { from: "writer@tayori.test", helo: "mail.tayori.test" });
    const lines = await eventually("the second copy", async () => {
      const { content } = await awaitMessage(reader, "Authentication-Results: mail.tayori.test; spf=pass\r\n\tsmtp.mailfrom=writer@tayori.test");
      return short((await python(["results"], content)).trimEnd().split("\n").slice(1));
    });
    assert.deepEqual(lines, ["spf=pass", "spf=none", "dkim=pass", "dkim=pass", "dmarc=pass", "iprev=pass"]);
  });
});

test("metrics count what was found and what was signed", async () => {
  const metrics = await server.metrics();
  assert.match(metrics, /^tayori_authentication_results_total\{method="dmarc",result="fail"\} [1-9]/m);
  assert.match(metrics, /^tayori_dkim_outgoing_total\{result="signed"\} [1-9]/m);
  assert.match(metrics, /^tayori_evidence_seconds_count [1-9]/m);
});
