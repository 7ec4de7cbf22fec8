/** The keys to an S3 store: from the environment, or from a file in the form of the AWS tools. They never leave this folder. */
import { readFileSync, statSync } from "node:fs";
import { S3_CREDENTIALS_BYTES_MAX } from "./limits.ts";

export interface S3Credentials {
  readonly id: string;
  readonly secret: string;
  /** Of temporary credentials. */
  readonly token: string | null;
}
export type S3CredentialsAnswer = { readonly kind: "credentials"; readonly credentials: S3Credentials } | { readonly kind: "refused"; readonly because: string };

/** Reads them anew each time, so that a file that was replaced is heeded without a restart. `path` null: the environment. */
export function readS3Credentials(path: string | null, environment: Readonly<Record<string, string | undefined>>): S3CredentialsAnswer {
  if (path !== null) return fromFile(path);
  for (const [id, secret, token] of [["TAYORI_S3_KEY", "TAYORI_S3_SECRET", "TAYORI_S3_TOKEN"], ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]] as const) {
    if (environment[id] === undefined && environment[secret] === undefined) continue;
    return credentialsOf(environment[id], environment[secret], environment[token], `${id} and ${secret}`);
  }
  return { kind: "refused", because: "there are no credentials: give TAYORI_S3_KEY and TAYORI_S3_SECRET, or credentials=FILE in the URL" };
}

/** `aws_access_key_id = …`, `aws_secret_access_key = …`, `aws_session_token = …`; of several sections the first counts. */
function fromFile(path: string): S3CredentialsAnswer {
  let text: string;
  try {
    if (statSync(path).size > S3_CREDENTIALS_BYTES_MAX) return { kind: "refused", because: `${path} is too large for credentials` };
    text = readFileSync(path, "utf8");
  } catch (error) {
    return { kind: "refused", because: `${path} cannot be read: ${error instanceof Error && "code" in error ? String(error.code) : "unknown"}` };
  }
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, name, value] = /^\s*([A-Za-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined && !values.has(name.toLowerCase())) values.set(name.toLowerCase(), value);
  }
  return credentialsOf(values.get("aws_access_key_id"), values.get("aws_secret_access_key"), values.get("aws_session_token"), `aws_access_key_id and aws_secret_access_key in ${path}`);
}

function credentialsOf(id: string | undefined, secret: string | undefined, token: string | undefined, where: string): S3CredentialsAnswer {
  // What is not printable would break the header, and the error would show it.
  const usable = (value: string | undefined): value is string => value !== undefined && /^[\x21-\x7e]{1,4096}$/.test(value);
  if (!usable(id) || !usable(secret) || (token !== undefined && !usable(token))) return { kind: "refused", because: `${where}: one is missing, or has a character that no key has` };
  return { kind: "credentials", credentials: { id, secret, token: token ?? null } };
}
