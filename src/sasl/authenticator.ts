/** What the SASL mechanisms ask of whoever knows the logins. */

/** What a server keeps of a password so that SCRAM and PLAIN both work (RFC 5802 section 3). */
export interface ScramCredentials {
  readonly salt: Buffer;
  /** PBKDF2-HMAC-SHA-256 iterations, at least 4096 (RFC 7677 section 4). */
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export interface Login {
  readonly accountId: string;
  /** The account's main address, as the login name. */
  readonly name: string;
}

export type LoginAnswer = { readonly kind: "accepted"; readonly login: Login } | { readonly kind: "refused" } | { readonly kind: "unavailable" };

export interface Authenticator {
  /** Checks a password. An unknown login takes as long as a known one. */
  verifyPassword(name: string, password: string): Promise<LoginAnswer>;
  /** The credentials of a login; for an unknown one, made-up credentials that are the same at every call and that no password matches. */
  scramCredentials(name: string): Promise<{ readonly kind: "credentials"; readonly credentials: ScramCredentials } | { readonly kind: "unavailable" }>;
  /** Asked after a SCRAM proof verified: the login, or refused where it is disabled or unknown. */
  loginOf(name: string): Promise<LoginAnswer>;
}
