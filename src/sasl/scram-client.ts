/** SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, client side (RFC 5802 section 3). Checks everything a server could get wrong. */
import { ITERATIONS_MAX, ITERATIONS_MIN } from "./limits.ts";
import { hmac, saltedPassword, sameKey, saslPrep, sha256 } from "./password.ts";

export interface ScramClientOptions {
  readonly name: string;
  readonly password: string;
  /** Printable US-ASCII without comma, fresh and unguessable. */
  readonly nonce: string;
  readonly authzid?: string;
  /** `none`: no support; `unoffered`: we could, the server did not list -PLUS; otherwise the binding's name and data. */
  readonly binding: "none" | "unoffered" | { readonly type: string; readonly data: Buffer };
}
export type ClientStep = { readonly kind: "message"; readonly bytes: Buffer } | { readonly kind: "verified" } | { readonly kind: "failed"; readonly because: string };

const failed = (because: string): ClientStep => ({ kind: "failed", because });

export class ScramClient {
  readonly #options: ScramClientOptions;
  readonly #gs2Header: string;
  readonly #bare: string;
  #serverSignature: Buffer | null = null;

  constructor(options: ScramClientOptions) {
    this.#options = options;
    const { binding, authzid } = options;
    const flag = binding === "none" ? "n" : binding === "unoffered" ? "y" : `p=${binding.type}`;
    this.#gs2Header = `${flag},${authzid === undefined ? "" : `a=${writeSaslName(authzid)}`},`;
    this.#bare = `n=${writeSaslName(options.name)},r=${options.nonce}`;
  }
  /** The initial response. */
  first(): Buffer {
    return Buffer.from(this.#gs2Header + this.#bare, "utf8");
  }
  /** Answers the server's challenges: first its salt, then its signature. */
  async step(challenge: Buffer): Promise<ClientStep> {
    const text = challenge.toString("utf8");
    return this.#serverSignature === null ? this.#final(text) : this.#verify(text, this.#serverSignature);
  }
  async #final(text: string): Promise<ClientStep> {
    const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9][0-9]{0,9})(?:,|$)/.exec(text);
    if (match === null) return failed("the challenge is malformed");
    const [, nonce = "", salt = "", count = ""] = match;
    const options = this.#options;
    if (!nonce.startsWith(options.nonce) || nonce === options.nonce) return failed("the nonce does not extend ours");
    const iterations = Number(count);
    if (iterations < ITERATIONS_MIN || iterations > ITERATIONS_MAX) return failed("the iteration count is out of bounds");
    const prepared = saslPrep(options.password);
    if (prepared === null) return failed("the password cannot be prepared");
    const data = typeof options.binding === "object" ? options.binding.data : Buffer.alloc(0);
    const bound = Buffer.concat([Buffer.from(this.#gs2Header, "utf8"), data]);
    const withoutProof = `c=${bound.toString("base64")},r=${nonce}`;
    const authMessage = `${this.#bare},${text},${withoutProof}`;
    const salted = await saltedPassword(prepared, Buffer.from(salt, "base64"), iterations);
    const clientKey = hmac(salted, "Client Key");
    const signature = hmac(sha256(clientKey), authMessage);
    const proof = Buffer.from(clientKey.map((octet, i) => octet ^ (signature[i] ?? 0)));
    this.#serverSignature = hmac(hmac(salted, "Server Key"), authMessage);
    return { kind: "message", bytes: Buffer.from(`${withoutProof},p=${proof.toString("base64")}`, "utf8") };
  }
  #verify(text: string, expected: Buffer): ClientStep {
    const match = /^v=([A-Za-z0-9+/]+={0,2})(?:,|$)/.exec(text);
    if (match === null) return failed("the server refused");
    return sameKey(Buffer.from(match[1]!, "base64"), expected) ? { kind: "verified" } : failed("the server does not know the password");
  }
}

function writeSaslName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}
