import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { NodeClock } from "./node-clock.ts";
import { DAYS_MAX, ensureSelfSigned } from "./self-signed.ts";

test("a first start makes a key for its owner's eyes and a certificate for the names; a second keeps them", async () => {
  const dir = mkdtempSync(join(tmpdir(), "tayori-self-signed-"));
  const files = { certFile: join(dir, "deep", "cert.pem"), keyFile: join(dir, "deep", "key.pem") };
  assert.equal(await ensureSelfSigned(files, ["mx.example.test", "imap.example.test"], new NodeClock()), "made");
  const certificate = new X509Certificate(readFileSync(files.certFile));
  for (const name of ["mx.example.test", "imap.example.test"]) assert.equal(certificate.checkHost(name), name);
  assert.equal(certificate.checkHost("other.example.test"), undefined);
  assert.equal(certificate.checkIP("127.0.0.1"), "127.0.0.1");
  assert.equal(certificate.ca, false);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000;
  assert.ok(days <= DAYS_MAX && days > 800, `${days}`);
  assert.equal(statSync(files.keyFile).mode & 0o777, 0o600);
  const before = readFileSync(files.keyFile, "utf8");
  assert.equal(await ensureSelfSigned(files, ["mx.example.test"], new NodeClock()), "present");
  assert.equal(readFileSync(files.keyFile, "utf8"), before);
  rmSync(dir, { recursive: true });
});
