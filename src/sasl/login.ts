/** LOGIN (draft-murchison-sasl-login-00, never a standard): the name, then the password, each asked for. */
import { isUtf8 } from "node:buffer";
import type { Authenticator } from "./authenticator.ts";
import type { Mechanism, StepAnswer } from "./mechanism.ts";
import { isName, isPassword } from "./plain.ts";

/** Clients look at these very words. */
const ASK_NAME = Buffer.from("Username:");
const ASK_PASSWORD = Buffer.from("Password:");

/** An initial response, where the protocol has one, is the name. */
export function startLogin(authenticator: Authenticator): Mechanism {
  let asked = false;
  let name: string | null = null;
  return {
    serverFirst: true,
    async step(message): Promise<StepAnswer> {
      if (!asked && message.length === 0) {
        asked = true;
        return { kind: "challenge", bytes: ASK_NAME };
      }
      asked = true;
      if (!isUtf8(message)) return { kind: "malformed" };
      const text = message.toString("utf8");
      if (name === null) {
        if (!isName(text)) return { kind: "malformed" };
        name = text;
        return { kind: "challenge", bytes: ASK_PASSWORD };
      }
      if (!isPassword(text)) return { kind: "malformed" };
      return { kind: "done", answer: await authenticator.verifyPassword(name, text) };
    },
  };
}
