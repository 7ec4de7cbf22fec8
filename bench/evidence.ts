/**
 * What all evidence about one message costs above the RSA check it cannot do without: iprev, SPF, DKIM, ARC, DMARC, the verdict and
 * the label, for a signed message of 10 KB, the DNS in memory. Counted in CPU time, in turns; the least of the rounds counts, since
 * neighbours only ever add to it.
 *
 *   node --disable-warning=ExperimentalWarning bench/evidence.ts
 */
import { createPublicKey, sign, verify } from "node:crypto";
import { NodeClock } from "../src/adapter/node-clock.ts";
import { PublicKeys } from "../src/dkim/public-keys.ts";
import { signDkim } from "../src/dkim/sign.ts";
import { generateSigningKey, recordOf, signingKey } from "../src/dkim/signing-key.ts";
import { fakeFilter, received } from "../src/filter/filter.fake.ts";
import type { Log } from "../src/port/log.ts";
import type { Answer, RecordOf, RecordType, Resolver } from "../src/port/resolver.ts";

const [ROUNDS, MESSAGES, TARGET_US] = [9, 1000, 250];

/** CPU microseconds for each of `MESSAGES` runs. */
async function cpu(run: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  for (let i = 0; i < MESSAGES; i++) await run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / MESSAGES;
}

const made = signingKey({ domain: "peer.test", selector: "s", pem: await generateSigningKey("rsa") });
if (made.kind !== "key") throw new Error("no key");
const record = recordOf(made.key);
const zone: Readonly<Record<string, readonly unknown[]>> = {
  "TXT peer.test": ["v=spf1 include:_spf.peer.test a mx -all"], "TXT _spf.peer.test": ["v=spf1 ip4:198.51.100.0/24 ip4:192.0.2.0/24 ~all"],
  "TXT client.peer.test": ["v=spf1 a -all"], "A client.peer.test": ["192.0.2.7"], "PTR 7.2.0.192.in-addr.arpa": ["client.peer.test"],
  [`TXT ${record.name}`]: [record.text], "TXT _dmarc.peer.test": ["v=DMARC1; p=reject; rua=mailto:reports@peer.test"],
};
/** What a resolver's cache takes is no cost of evidence. */
const resolver: Resolver = {
  async resolve<T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>> {
    const [first, ...rest] = (zone[`${type} ${name}`] ?? []) as RecordOf[T][];
    return first === undefined ? { kind: "void", because: "nxdomain", authentic: false, ttl: 300 } : { kind: "records", records: [first, ...rest], authentic: false, ttl: 300 };
  },
};
const trace = Array.from({ length: 4 }, (_, i) => `Received: from mx${i}.peer.test (mx${i}.peer.test [192.0.2.${i}])\r\n\tby mx.example.org with ESMTPS id abc${i}\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384); Mon, 1 Sep 2025 10:00:00 +0900\r\n`).join("");
const fields = ["From: Ann <ann@peer.test>", "To: bob@example.test", "Subject: Minutes of the meeting", "Date: Mon, 1 Sep 2025 10:00:00 +0900", "Message-ID: <20250901@peer.test>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8"].join("\r\n");
const message = Buffer.from(`${trace}${fields}\r\n\r\n${"the quick brown fox jumps over the lazy dog, and again it does so\r\n".repeat(150)}`);
const signed = signDkim(message, { keys: [made.key], timestamp: 1_795_000_000, lifetime: null });
if (signed.kind !== "signed") throw new Error("not signed");
const noLog: Log = { debug() {}, info() {}, warn() {}, error() {}, with: () => noLog };
const filter = fakeFilter(resolver, { clock: new NodeClock(), keys: new PublicKeys(resolver), log: noLog });
const mail = received(Buffer.concat([signed.fields, message]), { from: "ann@peer.test" });
const { content } = await filter.judge(mail);
if (!/dkim=pass[\s\S]*dmarc=pass/.test(content.toString())) throw new Error(content.toString("utf8", 0, 1000));

const publicKey = createPublicKey(made.key.privateKey);
const data = Buffer.alloc(800, 7);
const signature = sign("sha256", data, made.key.privateKey);
const [floors, alls]: [number[], number[]] = [[], []];
await cpu(() => filter.judge(mail));
for (let round = 0; round < ROUNDS; round++) {
  floors.push(await cpu(() => verify("sha256", data, publicKey, signature)));
  alls.push(await cpu(() => filter.judge(mail)));
}
const [floor, all] = [Math.min(...floors), Math.min(...alls)];
const rest = all - floor;
console.log(`RSA check ${floor.toFixed(0)} us, all evidence ${all.toFixed(0)} us, besides the check ${rest.toFixed(0)} us (at most ${TARGET_US}), message of ${mail.content.length} octets`);
process.exitCode = rest < TARGET_US ? 0 : 1;
