/** The stub resolver against a real validating resolver: its answers, its AD bit, and what it says when a signature is wrong. */
import assert from "node:assert/strict";
import { generateKeyPairSync, sign } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { NodeClock } from "../src/adapter/node-clock.ts";
import { NodeConnector } from "../src/adapter/node-connector.ts";
import { NodeRandom } from "../src/adapter/node-random.ts";
import { StubResolver } from "../src/adapter/stub-resolver.ts";
import { writeName } from "../src/dns/name.ts";
import { freePort } from "./ports.ts";
import { eventually, programPath, removeDirectory, temporaryDirectory, tracked } from "./program.ts";

const TYPE = { A: 1, NS: 2, SOA: 6, RRSIG: 46, DNSKEY: 48, TLSA: 52 } as const;
const TTL = 300;
const ALGORITHM_ECDSA_P256 = 13;
const wire = (name: string): Buffer => writeName(name) ?? assert.fail(name);
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => { const out = Buffer.alloc(4); out.writeUInt32BE(value); return out; };

/** RFC 3597 section 5. */
const line = (name: string, type: number, data: Buffer): string => `${name}. ${TTL} IN TYPE${type} \\# ${data.length} ${data.toString("hex")}\n`;

/** RFC 4034 section 2 and appendix B. */
function dnskeyOf(key: KeyObject): { readonly data: Buffer; readonly tag: number } {
  const jwk = key.export({ format: "jwk" });
  const data = Buffer.concat([Buffer.from([1, 1, 3, ALGORITHM_ECDSA_P256]), Buffer.from(jwk.x ?? "", "base64url"), Buffer.from(jwk.y ?? "", "base64url")]);
  let sum = 0;
  data.forEach((octet, i) => { sum += i % 2 === 0 ? octet << 8 : octet; });
  return { data, tag: (sum + (sum >> 16)) & 0xffff };
}

/** One record and its signature (RFC 4034 section 3.1.8.1). */
function signed(zone: string, keys: { privateKey: KeyObject; tag: number }, name: string, type: number, data: Buffer): string {
  const now = Math.floor(Date.now() / 1000);
  const labels = name.split(".").length;
  const head = Buffer.concat([u16(type), Buffer.from([ALGORITHM_ECDSA_P256, labels]), u32(TTL), u32(now + 86_400), u32(now - 3600), u16(keys.tag), wire(zone)]);
  const record = Buffer.concat([wire(name), u16(type), u16(1), u32(TTL), u16(data.length), data]);
  const signature = sign("sha256", Buffer.concat([head, record]), { key: keys.privateKey, dsaEncoding: "ieee-p1363" });
  return line(name, type, data) + line(name, TYPE.RRSIG, Buffer.concat([head, signature]));
}

interface Zone { readonly file: string; readonly anchor: string }
function signedZone(zone: string): Zone {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { data: dnskey, tag } = dnskeyOf(publicKey);
  const soa = Buffer.concat([wire(`ns.${zone}`), wire(`root.${zone}`), u32(1), u32(3600), u32(600), u32(86_400), u32(60)]);
  const add = (name: string, type: number, data: Buffer): string => signed(zone, { privateKey, tag }, name, type, data);
  const address = Buffer.from([192, 0, 2, 5]);
  const file = [
    add(zone, TYPE.SOA, soa), add(zone, TYPE.NS, wire(`ns.${zone}`)), add(zone, TYPE.DNSKEY, dnskey), add(`ns.${zone}`, TYPE.A, Buffer.from([127, 0, 0, 1])),
    add(`mx.${zone}`, TYPE.A, address),
    add(`_25._tcp.mx.${zone}`, TYPE.TLSA, Buffer.concat([Buffer.from([3, 1, 1]), Buffer.alloc(32, 0xab)])),
    // The signature is over another address.
    add(`forged.${zone}`, TYPE.A, address).replace(address.toString("hex"), "cb007101"),
  ].join("");
  return { file, anchor: `${zone}. IN DNSKEY 257 3 13 ${dnskey.subarray(4).toString("base64")}` };
}

const clock = new NodeClock();
let port = 0;
let dir = "";
let unbound: ReturnType<typeof spawn>;
let resolver: StubResolver;

before(async () => {
  dir = temporaryDirectory("unbound");
  port = await freePort();
  const zone = signedZone("signed.test");
  writeFileSync(join(dir, "signed.zone"), zone.file);
  const texts = Array.from({ length: 60 }, (_, i) => `  local-data: 'many.local.test. 30 IN TXT "${String(i).padEnd(200, "x")}"'`);
  writeFileSync(join(dir, "unbound.conf"), `server:
  interface: 127.0.0.1
  port: ${port}
  username: ""
  chroot: ""
  directory: "${dir}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  val-log-level: 2
  module-config: "validator iterator"
  do-not-query-localhost: no
  trust-anchor: "${zone.anchor}"
  local-zone: "test." nodefault
  local-zone: "local.test." static
  local-data: "local.test. 3600 IN SOA ns.local.test. root.local.test. 1 2 3 4 120"
  local-data: "local.test. 77 IN MX 10 mx.local.test."
  local-data: "null.local.test. 77 IN MX 0 ."
  local-data: "mx.local.test. 77 IN A 192.0.2.25"
  local-data: "mx.local.test. 77 IN AAAA 2001:db8:0:0:0:0:0:25"
  local-data: 'spf.local.test. 77 IN TXT "v=spf1 " "-all"'
  local-data: "www.local.test. 77 IN CNAME mx.local.test."
  local-zone: "refused.test." always_refuse
${texts.join("\n")}
remote-control:
  control-enable: no
auth-zone:
  name: "signed.test."
  zonefile: "${join(dir, "signed.zone")}"
  for-upstream: yes
  for-downstream: no
  fallback-enabled: no
`);
  unbound = tracked(spawn(programPath("unbound"), ["-d", "-c", join(dir, "unbound.conf")], { stdio: ["ignore", "inherit", "inherit"] }));
  resolver = new StubResolver({ servers: [`127.0.0.1:${port}`], clock, random: new NodeRandom(), connector: new NodeConnector(clock) });
  await eventually("unbound answers", async () => {
    const probe = new StubResolver({ servers: [`127.0.0.1:${port}`], clock, random: new NodeRandom(), connector: new NodeConnector(clock), totalMs: 500 });
    return (await probe.resolve("local.test", "MX")).kind === "records" ? true : undefined;
  });
});
after(() => {
  unbound.kill();
  removeDirectory(dir);
});

describe("unsigned data", () => {
  test("every type it knows", async () => {
    assert.deepEqual(await resolver.resolve("local.test", "MX"), { kind: "records", records: [{ preference: 10, exchange: "mx.local.test" }], authentic: false, ttl: 77 });
    assert.deepEqual(await resolver.resolve("null.local.test", "MX"), { kind: "records", records: [{ preference: 0, exchange: "" }], authentic: false, ttl: 77 });
    assert.deepEqual(await resolver.resolve("mx.local.test", "A"), { kind: "records", records: ["192.0.2.25"], authentic: false, ttl: 77 });
    assert.deepEqual(await resolver.resolve("mx.local.test", "AAAA"), { kind: "records", records: ["2001:db8::25"], authentic: false, ttl: 77 });
    assert.deepEqual(await resolver.resolve("spf.local.test", "TXT"), { kind: "records", records: ["v=spf1 -all"], authentic: false, ttl: 77 });
    assert.deepEqual(await resolver.resolve("www.local.test", "CNAME"), { kind: "records", records: ["mx.local.test"], authentic: false, ttl: 77 });
  });
  test("absence, with the SOA's time", async () => {
    assert.deepEqual(await resolver.resolve("none.local.test", "A"), { kind: "void", because: "nxdomain", authentic: false, ttl: 120 });
    assert.deepEqual(await resolver.resolve("mx.local.test", "TXT"), { kind: "void", because: "nodata", authentic: false, ttl: 120 });
  });
  test("an alias of local data is left open by unbound and followed by us", async () => {
    assert.deepEqual(await resolver.resolve("www.local.test", "A"), { kind: "records", records: ["192.0.2.25"], authentic: false, ttl: 77 });
  });
  test("12 KB of TXT come over TCP", async () => {
    const answer = await resolver.resolve("many.local.test", "TXT");
    assert(answer.kind === "records");
    assert.equal(answer.records.length, 60);
  });
  test("refused", async () => {
    assert.deepEqual(await resolver.resolve("a.refused.test", "A"), { kind: "failure", because: "servfail" });
  });
});

describe("signed data", () => {
  test("is authentic", async () => {
    assert.deepEqual(await resolver.resolve("mx.signed.test", "A"), { kind: "records", records: ["192.0.2.5"], authentic: true, ttl: TTL });
    assert.deepEqual(await resolver.resolve("_25._tcp.mx.signed.test", "TLSA"), {
      kind: "records", records: [{ usage: 3, selector: 1, matching: 1, data: Buffer.alloc(32, 0xab) }], authentic: true, ttl: TTL,
    });
  });
  test("with a wrong signature is bogus", async () => {
    assert.deepEqual(await resolver.resolve("forged.signed.test", "A"), { kind: "failure", because: "bogus" });
  });
});
