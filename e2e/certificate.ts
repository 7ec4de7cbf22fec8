/** A self-signed certificate that clients of the tests can be told to trust. */
import { join } from "node:path";
import { mustRun } from "./program.ts";

export interface Certificate {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

/** Valid for `names`, for localhost and for 127.0.0.1. ECDSA P-256, so that a thousand handshakes stay cheap. */
export async function selfSigned(directory: string, names: readonly string[]): Promise<Certificate> {
  const certificate = { cert: join(directory, "cert.pem"), key: join(directory, "key.pem") };
  const alternatives = [...names, "localhost"].map((name) => `DNS:${name}`).join(",");
  await mustRun("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
    "-subj", `/CN=${names[0] ?? "localhost"}`, "-addext", `subjectAltName=${alternatives},IP:127.0.0.1`,
    "-keyout", certificate.key, "-out", certificate.cert,
  ]);
  return certificate;
}
