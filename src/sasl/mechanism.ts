/**
 * SASL mechanisms as state machines (RFC 4422), server side.
 *
 * A mechanism is stepped with what the client sent, decoded; the protocol carries the answers. `Exchange` (exchange.ts) is the driver that
 * SMTP, IMAP and POP3 use; protocols with success data of their own may step a mechanism directly.
 */
import type { Random } from "../port/random.ts";
import type { Authenticator, LoginAnswer } from "./authenticator.ts";
import { SERVER_NONCE_BYTES } from "./limits.ts";
import { startLogin } from "./login.ts";
import { startPlain } from "./plain.ts";
import { startScram } from "./scram.ts";

export type MechanismName = "PLAIN" | "LOGIN" | "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";

export type StepAnswer =
  | { readonly kind: "challenge"; readonly bytes: Buffer }
  /** `serverFinal` has to reach the client before it is told of the success. Only ever there when the login is accepted. */
  | { readonly kind: "done"; readonly answer: LoginAnswer; readonly serverFinal?: Buffer }
  /** Not what the mechanism allows at this point. The exchange is over. */
  | { readonly kind: "malformed" };

export interface Mechanism {
  /** Whether the server speaks first (LOGIN). Otherwise a missing initial response is asked for by an empty challenge. */
  readonly serverFirst: boolean;
  /** One step. Must not be called again after `done` or `malformed`, nor before the last call has answered. */
  step(message: Buffer): Promise<StepAnswer>;
}

export interface MechanismContext {
  readonly authenticator: Authenticator;
  readonly random: Random;
  /** The `tls-exporter` data of RFC 9266, 32 octets; null where there is no TLS 1.3 (or better) connection. */
  readonly channelBinding: () => Buffer | null;
  /** Whether a -PLUS mechanism was in the list that the client saw; a client that says otherwise was lied to. */
  readonly plusOffered: boolean;
}

/** Starts a mechanism. Whether it is offered here is the caller's to check first. */
export function startMechanism(name: MechanismName, context: MechanismContext): Mechanism {
  switch (name) {
    case "PLAIN":
      return startPlain(context.authenticator);
    case "LOGIN":
      return startLogin(context.authenticator);
    case "SCRAM-SHA-256":
    case "SCRAM-SHA-256-PLUS": {
      const { authenticator, random, channelBinding, plusOffered } = context;
      const nonce = (): string => random.bytes(SERVER_NONCE_BYTES).toString("base64");
      return startScram({ authenticator, nonce, channelBinding, plusOffered, plus: name === "SCRAM-SHA-256-PLUS" });
    }
  }
}

/**
 * What to offer, strongest first. Never without TLS: passwords, or their verifiers, would be there for the taking.
 * CRAM-MD5, DIGEST-MD5, APOP and NTLM do not exist here. LOGIN has no specification; a setting turns it on for old clients.
 */
export function offeredMechanisms(session: { readonly tls: boolean; readonly channelBinding: boolean; readonly login: boolean }): readonly MechanismName[] {
  if (!session.tls) return [];
  const names: MechanismName[] = ["SCRAM-SHA-256", "PLAIN"];
  if (session.channelBinding) names.unshift("SCRAM-SHA-256-PLUS");
  if (session.login) names.push("LOGIN");
  return names;
}
