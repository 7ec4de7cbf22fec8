import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { generate } from "selfsigned";
import type { Clock } from "../port/clock.ts";
import type { CertificateFiles } from "./tls-context.ts";

/** The longest life that clients accept even from a private authority. */
export const DAYS_MAX = 825;
const DAY_MS = 86_400_000;

export interface SelfSigned {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

/** A certificate (ECDSA P-256) for these host names and for the loopback addresses, valid from an hour ago. For a first start and for tests. */
export async function makeSelfSigned(names: readonly [string, ...string[]], clock: Clock): Promise<SelfSigned> {
  const now = clock.now();
  const made = await generate([{ name: "commonName", value: names[0] }], {
    keyType: "ec", curve: "P-256", algorithm: "sha256",
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: new Date(now - 3_600_000 + DAYS_MAX * DAY_MS),
    extensions: [
      { name: "basicConstraints", cA: false, critical: true },
      { name: "keyUsage", digitalSignature: true, critical: true },
      { name: "extKeyUsage", serverAuth: true },
      { name: "subjectAltName", altNames: [...names.map((value) => ({ type: 2 as const, value })), { type: 7 as const, ip: "127.0.0.1" }, { type: 7 as const, ip: "::1" }] },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** Makes both files unless both are there. The key is readable by its owner only. */
export async function ensureSelfSigned(files: CertificateFiles, names: readonly [string, ...string[]], clock: Clock): Promise<"made" | "present"> {
  if (existsSync(files.certFile) && existsSync(files.keyFile)) return "present";
  const { cert, key } = await makeSelfSigned(names, clock);
  for (const file of [files.keyFile, files.certFile]) mkdirSync(dirname(file), { recursive: true });
  writeFileSync(files.keyFile, key, { mode: 0o600 });
  writeFileSync(files.certFile, cert, { mode: 0o600 });
  return "made";
}
