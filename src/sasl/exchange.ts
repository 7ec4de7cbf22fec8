/**
 * The driver of a SASL exchange for protocols that carry base64 lines and know no success data: SMTP (RFC 4954), IMAP (RFC 9051), POP3 (RFC 5034).
 * The server's last message of SCRAM goes out as one more challenge, which the client answers with an empty line.
 */
import type { Login } from "./authenticator.ts";
import { MESSAGE_BYTES_MAX } from "./limits.ts";
import type { Mechanism, MechanismContext, MechanismName, StepAnswer } from "./mechanism.ts";
import { startMechanism } from "./mechanism.ts";

export type ExchangeAnswer =
  /** To be sent as a challenge ("334 ", "+ "); then give the client's next line to `respond`. Every other answer ends the exchange. */
  | { readonly kind: "challenge"; readonly base64: string }
  | { readonly kind: "accepted"; readonly login: Login }
  | { readonly kind: "refused" }
  | { readonly kind: "unavailable" }
  | { readonly kind: "malformed" }
  | { readonly kind: "cancelled" };

export class Exchange {
  readonly #mechanism: Mechanism;
  /** The login that was accepted and of which the client has still to acknowledge the server's last message. */
  #accepted: Login | null = null;

  constructor(name: MechanismName, context: MechanismContext) {
    this.#mechanism = startMechanism(name, context);
  }
  /** `initial` is the initial response in base64, "" for an empty one, null for none. */
  begin(initial: string | null): Promise<ExchangeAnswer> {
    if (initial !== null) return this.#decode(initial);
    if (this.#mechanism.serverFirst) return this.#decode("");
    return Promise.resolve({ kind: "challenge", base64: "" });
  }
  /** The client's next line without its end. "*" cancels (RFC 4954 section 4). */
  async respond(line: string): Promise<ExchangeAnswer> {
    if (line === "*") return { kind: "cancelled" };
    if (this.#accepted === null) return this.#decode(line);
    return line === "" ? { kind: "accepted", login: this.#accepted } : { kind: "malformed" };
  }
  async #decode(base64: string): Promise<ExchangeAnswer> {
    const message = decodeBase64(base64);
    if (message === null) return { kind: "malformed" };
    return this.#answerOf(await this.#mechanism.step(message));
  }
  #answerOf(step: StepAnswer): ExchangeAnswer {
    switch (step.kind) {
      case "malformed":
        return { kind: "malformed" };
      case "challenge":
        return { kind: "challenge", base64: step.bytes.toString("base64") };
      case "done":
        if (step.answer.kind !== "accepted") return { kind: step.answer.kind };
        if (step.serverFinal === undefined) return { kind: "accepted", login: step.answer.login };
        this.#accepted = step.answer.login;
        return { kind: "challenge", base64: step.serverFinal.toString("base64") };
    }
  }
}

/** Canonical base64 (RFC 4648 section 3.3 to 3.5: nothing foreign, padded, no stray bits), at most MESSAGE_BYTES_MAX octets; null otherwise. */
export function decodeBase64(text: string): Buffer | null {
  if (text.length % 4 !== 0 || text.length > Math.ceil(MESSAGE_BYTES_MAX / 3) * 4 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}
