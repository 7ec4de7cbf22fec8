/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, server side (RFC 5802, RFC 7677), bound to TLS by `tls-exporter` only (RFC 9266): `tls-unique` says
 * nothing under TLS 1.3 and is refused, as every other binding.
 *
 * Nothing tells an unknown login from a known one before the proof: the authenticator makes up credentials for it, and the proof cannot match.
 */
import { isUtf8 } from "node:buffer";
import { timingSafeEqual } from "node:crypto";
import type { Authenticator, ScramCredentials } from "./authenticator.ts";
import { NONCE_BYTES_MAX } from "./limits.ts";
import type { Mechanism, StepAnswer } from "./mechanism.ts";
import { hmac, sameKey, sha256 } from "./password.ts";
import { isName } from "./plain.ts";

export interface ScramContext {
  readonly authenticator: Authenticator;
  /** The server's part of the nonce: fresh, unguessable, printable US-ASCII without comma. */
  readonly nonce: () => string;
  readonly channelBinding: () => Buffer | null;
  readonly plusOffered: boolean;
  /** Whether the client chose the -PLUS name. */
  readonly plus: boolean;
}

interface ClientFirst {
  /** As sent, "n,," or "y,," or "p=tls-exporter,,", with the authzid. */
  readonly gs2Header: string;
  readonly binding: "none" | "supported" | "tls-exporter" | "other";
  readonly authzid: string;
  readonly bare: string;
  readonly name: string;
  readonly nonce: string;
}

interface Challenged {
  readonly first: ClientFirst;
  readonly credentials: ScramCredentials;
  readonly nonce: string;
  readonly serverFirst: string;
  readonly bound: Buffer;
}

const MALFORMED: StepAnswer = { kind: "malformed" };
const REFUSED: StepAnswer = { kind: "done", answer: { kind: "refused" } };

export function startScram(context: ScramContext): Mechanism {
  let challenged: Challenged | null = null;
  return {
    serverFirst: false,
    async step(message): Promise<StepAnswer> {
      const text = isUtf8(message) ? message.toString("utf8") : null;
      if (text === null) return MALFORMED;
      if (challenged !== null) return prove(text, challenged, context.authenticator);
      const first = parseClientFirst(text);
      if (first === null) return MALFORMED;
      const bound = boundData(first, context);
      if (bound === null || (first.authzid !== "" && first.authzid !== first.name)) return REFUSED;
      const found = await context.authenticator.scramCredentials(first.name);
      if (found.kind === "unavailable") return { kind: "done", answer: { kind: "unavailable" } };
      const nonce = first.nonce + context.nonce();
      const { salt, iterations } = found.credentials;
      const serverFirst = `r=${nonce},s=${salt.toString("base64")},i=${iterations}`;
      challenged = { first, credentials: found.credentials, nonce, serverFirst, bound };
      return { kind: "challenge", bytes: Buffer.from(serverFirst, "utf8") };
    },
  };
}

/** What the `c` attribute has to decode to; null where the client's claim about channel binding does not fit (RFC 5802 section 6). */
function boundData(first: ClientFirst, context: ScramContext): Buffer | null {
  const header = Buffer.from(first.gs2Header, "utf8");
  if (!context.plus) {
    // "y": the client could bind, but believes we cannot. Where we offered it, somebody took it out of the list.
    if (first.binding === "supported" && context.plusOffered) return null;
    return first.binding === "none" || first.binding === "supported" ? header : null;
  }
  const binding = first.binding === "tls-exporter" ? context.channelBinding() : null;
  return binding === null ? null : Buffer.concat([header, binding]);
}

/** `gs2-header client-first-message-bare` (RFC 5802 section 7). An `m=` extension is mandatory and unknown: malformed. */
function parseClientFirst(text: string): ClientFirst | null {
  const match = /^((n|y|p=([A-Za-z0-9.-]+)),(?:a=([^,\0]+))?,)(n=([^,\0]*),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]+)*)$/u.exec(text);
  if (match === null) return null;
  const [, gs2Header = "", flag, bindingName, rawAuthzid = "", bare = "", rawName = "", nonce = ""] = match;
  const name = parseSaslName(rawName);
  const authzid = parseSaslName(rawAuthzid);
  if (name === null || authzid === null || !isName(name) || nonce.length > NONCE_BYTES_MAX) return null;
  const binding = flag === "n" ? "none" : flag === "y" ? "supported" : bindingName === "tls-exporter" ? "tls-exporter" : "other";
  return { gs2Header, binding, authzid, bare, name, nonce };
}

/** "=2C" is a comma and "=3D" an equals sign; no other "=" may stand in a name (RFC 5802 section 5.1). */
function parseSaslName(written: string): string | null {
  if (/=(?!2C|3D)/.test(written)) return null;
  return written.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

async function prove(text: string, challenged: Challenged, authenticator: Authenticator): Promise<StepAnswer> {
  const match = /^(c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,\0]+)*),p=([A-Za-z0-9+/]{43}=)$/u.exec(text);
  if (match === null) return MALFORMED;
  const [, withoutProof = "", binding = "", nonce = "", proof = ""] = match;
  const { first, credentials, serverFirst, bound } = challenged;
  const authMessage = `${first.bare},${serverFirst},${withoutProof}`;
  const clientSignature = hmac(credentials.storedKey, authMessage);
  const clientKey = Buffer.from(proof, "base64");
  for (const [i, octet] of clientSignature.entries()) clientKey[i] = (clientKey[i] ?? 0) ^ octet;
  const proven = timingSafeEqual(sha256(clientKey), credentials.storedKey);
  const boundAsSent = Buffer.from(binding, "base64");
  if (nonce !== challenged.nonce || !sameKey(boundAsSent, bound) || !proven) return REFUSED;
  const answer = await authenticator.loginOf(first.name);
  if (answer.kind !== "accepted") return { kind: "done", answer };
  const signature = hmac(credentials.serverKey, authMessage);
  return { kind: "done", answer, serverFinal: Buffer.from(`v=${signature.toString("base64")}`, "utf8") };
}
