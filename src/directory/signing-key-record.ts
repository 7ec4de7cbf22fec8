/** A DKIM key of a hosted domain, as it is kept. */
import type { Algorithm } from "../dkim/signature.ts";
import type { Form } from "./stored.ts";

/**
 * - pending: made, not yet seen in the DNS.
 * - published: seen there, not yet used.
 * - active: signs.
 * - retired: signs no more. Its record stays in the DNS while mail that it signed is under way.
 * - revoked: the private key is destroyed; the record says so (RFC 6376 section 3.6.1, an empty p=).
 */
export const SIGNING_KEY_STATES = ["pending", "published", "active", "retired", "revoked"] as const;
export type SigningKeyState = (typeof SIGNING_KEY_STATES)[number];

export interface SigningKeyObject {
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: Algorithm;
  readonly state: SigningKeyState;
  /** The private key (PKCS #8 in PEM), sealed with the object's key as context. Null once it is revoked. */
  readonly sealed: Buffer | null;
  /** The text of the record to publish. */
  readonly record: string;
  readonly createdAt: number;
  /** When it last entered each of the other states; null for never. */
  readonly publishedAt: number | null;
  readonly activatedAt: number | null;
  readonly retiredAt: number | null;
  readonly revokedAt: number | null;
}

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
const isTimeOrNull = (value: unknown): value is number | null => value === null || isTime(value);

export const signingKeyForm: Form<SigningKeyObject> = {
  write: (value) => ({ ...value, sealed: value.sealed?.toString("base64") ?? null }),
  parse({ domain, selector, algorithm, state, sealed, record, createdAt, publishedAt, activatedAt, retiredAt, revokedAt }) {
    const known = SIGNING_KEY_STATES.find((other) => other === state);
    if (typeof domain !== "string" || typeof selector !== "string" || typeof record !== "string" || known === undefined) return null;
    if (algorithm !== "rsa-sha256" && algorithm !== "ed25519-sha256") return null;
    if (!isTime(createdAt) || !isTimeOrNull(publishedAt) || !isTimeOrNull(activatedAt) || !isTimeOrNull(retiredAt) || !isTimeOrNull(revokedAt)) return null;
    if (!(sealed === null || typeof sealed === "string") || (sealed === null) !== (known === "revoked")) return null;
    const octets = sealed === null ? null : Buffer.from(sealed, "base64");
    return { domain, selector, algorithm, state: known, sealed: octets, record, createdAt, publishedAt, activatedAt, retiredAt, revokedAt };
  },
};
