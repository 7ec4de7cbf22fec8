/**
 * AWS Signature Version 4 in the Authorization header ("Authenticating Requests", Amazon S3 API Reference).
 * Every header that is sent is signed, conditions too: a proxy that drops one makes the request fail instead of unconditional.
 */
import { createHmac, hash } from "node:crypto";
import type { S3Credentials } from "./s3-credentials.ts";

export interface RequestToSign {
  readonly method: string;
  /** Percent-encoded. */
  readonly path: string;
  /** Encoded and sorted by name; "" for none. */
  readonly query: string;
  /** Lower-case names, `host` among them. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The payload's hash when it is not signed. Content-MD5 is, then. */
export const UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD";
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

export class S3Signer {
  readonly #region: string;
  readonly #credentials: S3Credentials;
  #day = "";
  #key: Buffer = Buffer.alloc(0);

  constructor(credentials: S3Credentials, region: string) {
    this.#credentials = credentials;
    this.#region = region;
  }

  /** The headers to send: those given, `x-amz-date`, `x-amz-content-sha256` and `authorization`. `now` in milliseconds. */
  sign(request: RequestToSign, payloadHash: string, now: number): Record<string, string> {
    const date = writeAmzDate(now);
    const { id, secret, token } = this.#credentials;
    const headers: Record<string, string> = { ...request.headers, "x-amz-content-sha256": payloadHash, "x-amz-date": date };
    if (token !== null) headers["x-amz-security-token"] = token;
    const names = Object.keys(headers).sort();
    const signed = names.join(";");
    let canonical = `${request.method}\n${request.path}\n${request.query}\n`;
    for (const name of names) canonical += `${name}:${headers[name]!.trim().replace(/ +/g, " ")}\n`;
    canonical += `\n${signed}\n${payloadHash}`;
    const day = date.slice(0, 8);
    const scope = `${day}/${this.#region}/s3/aws4_request`;
    const signature = hmac(this.#keyOf(day, secret), `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash("sha256", canonical, "hex")}`).toString("hex");
    headers["authorization"] = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
    return headers;
  }

  #keyOf(day: string, secret: string): Buffer {
    if (day === this.#day) return this.#key;
    this.#key = hmac(hmac(hmac(hmac(`AWS4${secret}`, day), this.#region), "s3"), "aws4_request");
    this.#day = day;
    return this.#key;
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** "20130524T000000Z". */
export function writeAmzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, "");
}
