/**
 * TLS as RFC 9325 (BCP 195) asks: 1.2 and 1.3 only, and only key exchanges with forward secrecy.
 *
 * Session tickets are off. A ticket key that lives longer than a session takes its forward secrecy away, workers and nodes would have
 * to share and rotate it, and a full handshake with an ECDSA certificate costs well under a millisecond.
 */
import { X509Certificate, constants } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import type { Socket } from "node:net";
import { TLSSocket, connect, createSecureContext } from "node:tls";
import type { SecureContext, SecureContextOptions } from "node:tls";
import type { Clock } from "../port/clock.ts";

const TLS13 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
/** RFC 9325 section 4.2. No static RSA, no DHE, no CBC. */
const ECDHE_AEAD = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
/** Old receivers still exist; without these the letter would leave in clear. */
const ECDHE_CBC = "ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA";
const GROUPS = ["X25519MLKEM768:X25519:P-256:P-384", "X25519:P-256:P-384"];

export interface CertificateFiles {
  /** The chain, the server's own certificate first, in PEM. */
  readonly certFile: string;
  readonly keyFile: string;
}
export type ReloadAnswer = { readonly kind: "loaded" } | { readonly kind: "failed"; readonly detail: string };

interface Loaded {
  readonly fallback: SecureContext;
  readonly byName: ReadonlyMap<string, SecureContext>;
  readonly stamp: string;
}

/** A server's certificates: the first is shown to who asks for no name or an unknown one. */
export class ServerTls {
  readonly #files: readonly CertificateFiles[];
  #loaded: Loaded;

  private constructor(files: readonly CertificateFiles[], loaded: Loaded) {
    this.#files = files;
    this.#loaded = loaded;
  }
  /** Throws when a file is missing or wrong: a server must not start without its certificate. */
  static load(files: readonly [CertificateFiles, ...CertificateFiles[]]): ServerTls {
    return new ServerTls(files, loadAll(files));
  }
  /** Reads the files again, for SIGHUP. New handshakes use them; when they are wrong the old ones stay. */
  reload(): ReloadAnswer {
    try {
      this.#loaded = loadAll(this.#files);
      return { kind: "loaded" };
    } catch (error) {
      return { kind: "failed", detail: error instanceof Error ? error.message : "unreadable" };
    }
  }
  /**
   * Looks every `everyMs` whether a file changed (by size and time, through symbolic links, which is how certificates are swapped),
   * reloads, and tells. The returned function stops it.
   */
  watch(clock: Clock, everyMs: number, onReload: (answer: ReloadAnswer) => void): () => void {
    let cancel = (): void => {};
    let seen = this.#loaded.stamp;
    const look = (): void => {
      cancel = clock.timer(everyMs, look);
      const stamp = stampOf(this.#files);
      if (stamp === seen) return;
      seen = stamp;
      onReload(this.reload());
    };
    cancel = clock.timer(everyMs, look);
    return () => cancel();
  }
  get fallback(): SecureContext {
    return this.#loaded.fallback;
  }
  get namesSeveral(): boolean {
    return this.#files.length > 1;
  }
  /** The certificate for a name: exact, then by a wildcard of one label, then the first. */
  contextFor(serverName: string): SecureContext {
    const name = serverName.toLowerCase();
    const { byName, fallback } = this.#loaded;
    return byName.get(name) ?? byName.get(`*${name.slice(Math.max(0, name.indexOf(".")))}`) ?? fallback;
  }
}

/** Starts the server's side of TLS over a clear socket; "secure" follows. */
export function wrapServer(socket: Socket, serverTls: ServerTls): TLSSocket {
  return new TLSSocket(socket, {
    isServer: true,
    secureContext: serverTls.fallback,
    ...(serverTls.namesSeveral ? { SNICallback: (name, answer) => answer(null, serverTls.contextFor(name)) } : {}),
  });
}

/** Starts the client's side; "secureConnect" follows, also with a certificate that does not verify. */
export function wrapClient(socket: Socket, serverName: string): TLSSocket {
  // RFC 6066 section 3: an address is no server name. It is still what the certificate is checked against.
  const name = isIP(serverName) === 0 ? { servername: serverName } : { host: serverName };
  return connect({ socket, secureContext: clientContext(), rejectUnauthorized: false, ...name });
}

let client: SecureContext | null = null;
function clientContext(): SecureContext {
  client ??= withGroups({ minVersion: "TLSv1.2", ciphers: `${TLS13}:${ECDHE_AEAD}:${ECDHE_CBC}` });
  return client;
}

function loadAll(files: readonly CertificateFiles[]): Loaded {
  const byName = new Map<string, SecureContext>();
  let fallback: SecureContext | null = null;
  const stamp = stampOf(files);
  for (const { certFile, keyFile } of files) {
    const cert = readFileSync(certFile);
    const context = withGroups({
      cert, key: readFileSync(keyFile), minVersion: "TLSv1.2", ciphers: `${TLS13}:${ECDHE_AEAD}`, honorCipherOrder: true,
      secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
    });
    for (const name of dnsNames(new X509Certificate(cert))) if (!byName.has(name)) byName.set(name, context);
    fallback ??= context;
  }
  if (fallback === null) throw new Error("no certificate given");
  return { fallback, byName, stamp };
}

/** The post-quantum hybrid needs OpenSSL 3.5. */
function withGroups(options: SecureContextOptions): SecureContext {
  const [best, old] = GROUPS;
  try {
    return createSecureContext({ ...options, ecdhCurve: best });
  } catch (error) {
    if (!(error instanceof Error && /ECDH curve/i.test(error.message))) throw error;
    return createSecureContext({ ...options, ecdhCurve: old });
  }
}

function dnsNames(certificate: X509Certificate): string[] {
  return (certificate.subjectAltName ?? "").split(", ").filter((name) => name.startsWith("DNS:")).map((name) => name.slice(4).toLowerCase());
}

function stampOf(files: readonly CertificateFiles[]): string {
  return files.flatMap(({ certFile, keyFile }) => [certFile, keyFile]).map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? "absent" : `${stat.mtimeMs}/${stat.size}/${stat.ino}`;
  }).join(" ");
}
