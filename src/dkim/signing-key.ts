/** Private keys of our domains, and what their public halves look like in the DNS. */
import { createPrivateKey, createPublicKey, generateKeyPair } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { writeKeyRecord } from "./key-record.ts";
import { rsaBitsMax, rsaBitsMin } from "./limits.ts";
import { parseSelector, parseSignerDomain } from "./signature.ts";
import type { Algorithm } from "./signature.ts";

export interface SigningKey {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: Algorithm;
  readonly privateKey: KeyObject;
}
export type SigningKeyType = "rsa" | "ed25519";

/** RFC 8301 section 3.2: signers SHOULD use at least this. Larger keys do not fit a DNS answer over UDP. */
const RSA_BITS = 2048;

/**
 * A new private key as PKCS #8 in PEM. RSA is computed outside the event loop and takes about 100 ms. The randomness is OpenSSL's
 * own, not that of port/random: a key that a seed could repeat would be none.
 */
export function generateSigningKey(type: SigningKeyType): Promise<string> {
  const encodings = { publicKeyEncoding: { type: "spki", format: "der" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } } as const;
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, _: Buffer, privateKey: string): void => (error === null ? resolve(privateKey) : reject(error));
    if (type === "rsa") generateKeyPair("rsa", { modulusLength: RSA_BITS, ...encodings }, done);
    else generateKeyPair("ed25519", encodings, done);
  });
}

export type SigningKeyOutcome =
  | { readonly kind: "key"; readonly key: SigningKey }
  | { readonly kind: "refused"; readonly because: "domain" | "selector" | "unreadable" | "key-type" | "key-size" };

/** Makes a private key in PEM (PKCS #8 or PKCS #1) ready to sign for a domain. */
export function signingKey(options: { readonly domain: string; readonly selector: string; readonly pem: string }): SigningKeyOutcome {
  const domain = parseSignerDomain(options.domain);
  const selector = parseSelector(options.selector);
  const privateKey = readPrivateKey(options.pem);
  if (domain === null) return { kind: "refused", because: "domain" };
  if (selector === null) return { kind: "refused", because: "selector" };
  if (privateKey === null) return { kind: "refused", because: "unreadable" };
  const type = privateKey.asymmetricKeyType;
  if (type !== "rsa" && type !== "ed25519") return { kind: "refused", because: "key-type" };
  const bits = privateKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (type === "rsa" && (bits < rsaBitsMin || bits > rsaBitsMax)) return { kind: "refused", because: "key-size" };
  return { kind: "key", key: { domain, selector, algorithm: `${type}-sha256`, privateKey } };
}

function readPrivateKey(pem: string): KeyObject | null {
  try {
    return createPrivateKey(pem);
  } catch {
    return null;
  }
}

/** Name and text of the TXT record that publishes a key. `txtStrings` cuts the text. */
export function recordOf(key: SigningKey): { readonly name: string; readonly text: string } {
  const der = createPublicKey(key.privateKey).export({ format: "der", type: "spki" });
  const rsa = key.algorithm === "rsa-sha256";
  // RFC 8463 section 4: the 32 octets of the key alone, which stand at the end.
  const publicKey = (rsa ? der : der.subarray(-32)).toString("base64");
  return { name: `${key.selector}._domainkey.${key.domain}`, text: writeKeyRecord(rsa ? "rsa" : "ed25519", publicKey) };
}
