/**
 * What DKIM costs above the cryptography it cannot do without. The floor of a verification is one RSA-2048 check and the SHA-256
 * of the body; that of a signature one RSA-2048 signature and the same hash. Both sides run in turns and are counted in CPU time,
 * so that neighbours on the machine disturb neither.
 *
 *   node --disable-warning=ExperimentalWarning bench/dkim.ts
 */
import { createHash, createPublicKey, sign, verify } from "node:crypto";
import { verifyDkim } from "../src/dkim/dkim.ts";
import { CanonicalMessage } from "../src/dkim/canonical-message.ts";
import { PublicKeys } from "../src/dkim/public-keys.ts";
import { signDkim } from "../src/dkim/sign.ts";
import { generateSigningKey, recordOf, signingKey } from "../src/dkim/signing-key.ts";
import type { Answer, RecordOf, RecordType } from "../src/port/resolver.ts";
import { median } from "./table.ts";

const ROUNDS = 9;

/** CPU milliseconds of one round. */
async function cpu(run: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
async function inTurns(runs: readonly (() => unknown)[]): Promise<number[]> {
  const times = runs.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) for (const [index, run] of runs.entries()) times[index]!.push(await cpu(run));
  return times.map(median);
}

/** Words in lines of about 70 characters, as mail has them. */
function textOf(octets: number): Buffer {
  const lines: string[] = [];
  let state = 1;
  for (let length = 0; length < octets; ) {
    let line = "";
    while (line.length < 66) {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      line += `${"abcdefghijklmno".slice(0, 1 + (state % 9))} `;
    }
    lines.push(line.trimEnd());
    length += line.length + 1;
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n`);
}

const made = signingKey({ domain: "example.test", selector: "s1", pem: await generateSigningKey("rsa") });
if (made.kind !== "key") throw new Error("no key");
const { key } = made;
const record = recordOf(key);
// The DNS costs nothing here: what a resolver's cache takes is no cost of DKIM.
const answer: Answer<string> = { kind: "records", records: [record.text], authentic: false, ttl: 300 };
const keys = new PublicKeys({ resolve: <T extends RecordType>() => Promise.resolve(answer as Answer<RecordOf[T]>) });
const publicKey = createPublicKey(key.privateKey);

const body = textOf(10_000);
const trace = Array.from({ length: 6 }, (_, i) => `Received: from mx${i}.example.test (mx${i}.example.test [192.0.2.${i}])\r\n\tby mx.example.org with ESMTPS id abc${i}\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384); Mon, 1 Sep 2025 10:00:00 +0900\r\n`);
const fields = ["From: Ann <ann@example.test>", "To: bob@example.org", "Subject: Minutes of the meeting", "Date: Mon, 1 Sep 2025 10:00:00 +0900", "Message-ID: <20250901@example.test>", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 7bit", "User-Agent: none"];
const content = Buffer.concat([Buffer.from(`${trace.join("")}${fields.join("\r\n")}\r\n\r\n`), body]);
const signOptions = { keys: [key], timestamp: 1_760_000_000, lifetime: null } as const;
const outcome = signDkim(content, signOptions);
if (outcome.kind !== "signed") throw new Error("not signed");
const signed = Buffer.concat([outcome.fields, content]);
const header = Buffer.alloc(900, "x");
const signature = sign("sha256", header, key.privateKey);
const times = (count: number, run: () => unknown) => async (): Promise<void> => {
  for (let i = 0; i < count; i++) await run();
};
const verifyOne = async (): Promise<void> => {
  const { signatures } = await verifyDkim(signed, { keys, now: 1_760_000_000_000 });
  if (signatures[0]?.result !== "pass") throw new Error("does not verify");
};
const hashBody = (): Buffer => createHash("sha256").update(body).digest();

const VERIFICATIONS = 2000;
const SIGNATURES = 200;
// A server is warm: compiling is no cost of a message.
await times(10_000, verifyOne)();
await times(1000, () => signDkim(content, signOptions))();
const [floor, ours, signFloor, signOurs] = await inTurns([
  times(VERIFICATIONS, () => [hashBody(), verify("sha256", header, publicKey, signature)]),
  times(VERIFICATIONS, verifyOne),
  times(SIGNATURES, () => [hashBody(), sign("sha256", header, key.privateKey)]),
  times(SIGNATURES, () => signDkim(content, signOptions)),
]);
const line = (name: string, floorMs: number, oursMs: number, count: number, target: string): void =>
  console.log(`${name.padEnd(44)} floor ${((floorMs / count) * 1000).toFixed(1)} us, ours ${((oursMs / count) * 1000).toFixed(1)} us: ${((floorMs / oursMs) * 100).toFixed(0)} % of the floor's speed${target}`);
line("verify 10 KB, RSA-2048, relaxed/relaxed", floor!, ours!, VERIFICATIONS, " (target >= 50 %)");
line("sign 10 KB, RSA-2048, relaxed/relaxed", signFloor!, signOurs!, SIGNATURES, "");

const MEGABYTES = 32;
const bodies = { "plain text": textOf(MEGABYTES * 1e6), "indented HTML": Buffer.from(textOf(MEGABYTES * 8e5).toString("latin1").replaceAll("\r\n", "\r\n        <td>")), base64: Buffer.from(Buffer.alloc(MEGABYTES * 7e5, 7).toString("base64").replace(/.{76}/g, "$&\r\n")) };
const CHUNK = 64 * 1024;
for (const [name, large] of Object.entries(bodies)) {
  const chunks = Array.from({ length: Math.ceil(large.length / CHUNK) }, (_, i) => large.subarray(i * CHUNK, (i + 1) * CHUNK));
  const canonical = (canonicalization: "simple" | "relaxed") => (): void => {
    const message = new CanonicalMessage(Buffer.from("From: x\r\n\r\n"));
    const digest = message.wantBody(canonicalization);
    for (const chunk of chunks) message.push(chunk);
    message.end();
    digest();
  };
  const hashOnly = (): void => {
    const hash = createHash("sha256");
    for (const chunk of chunks) hash.update(chunk);
    hash.digest();
  };
  const [hash, simple, relaxed] = await inTurns([hashOnly, canonical("simple"), canonical("relaxed")]);
  const speed = (ms: number): string => `${(large.length / 1000 / ms).toFixed(0)} MB/s`;
  console.log(`body of ${name}`.padEnd(44), `SHA-256 alone ${speed(hash!)}, simple ${speed(simple!)}, relaxed ${speed(relaxed!)}`);
}
