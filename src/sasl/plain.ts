/** PLAIN (RFC 4616), both sides. */
import { isUtf8 } from "node:buffer";
import type { Authenticator } from "./authenticator.ts";
import { NAME_BYTES_MAX, PASSWORD_BYTES_MAX } from "./limits.ts";
import type { Mechanism, StepAnswer } from "./mechanism.ts";

export function startPlain(authenticator: Authenticator): Mechanism {
  return {
    serverFirst: false,
    async step(message): Promise<StepAnswer> {
      const parsed = parsePlain(message);
      if (parsed === null) return { kind: "malformed" };
      // Acting for somebody else (another authzid) is not offered.
      if (parsed.authzid !== "" && parsed.authzid !== parsed.name) return { kind: "done", answer: { kind: "refused" } };
      return { kind: "done", answer: await authenticator.verifyPassword(parsed.name, parsed.password) };
    },
  };
}

/** `[authzid] NUL authcid NUL passwd`. */
function parsePlain(message: Buffer): { readonly authzid: string; readonly name: string; readonly password: string } | null {
  if (!isUtf8(message)) return null;
  const parts = message.toString("utf8").split("\0", 4);
  const [authzid, name, password] = parts;
  if (parts.length !== 3 || authzid === undefined || !isName(name) || !isPassword(password)) return null;
  return { authzid, name, password };
}

export function isName(name: string | undefined): name is string {
  return name !== undefined && name !== "" && Buffer.byteLength(name) <= NAME_BYTES_MAX && !/\p{Cc}/u.test(name);
}

export function isPassword(password: string | undefined): password is string {
  return password !== undefined && password !== "" && Buffer.byteLength(password) <= PASSWORD_BYTES_MAX;
}

/** The client's one message. */
export function writePlain(name: string, password: string, authzid = ""): Buffer {
  return Buffer.from(`${authzid}\0${name}\0${password}`, "utf8");
}
