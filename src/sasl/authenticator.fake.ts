import type { Authenticator, Login, LoginAnswer, ScramCredentials } from "./authenticator.ts";
import { makeCredentials, sha256, verifyPassword } from "./password.ts";

/** Logins in memory: name to password. Every name that is not there has made-up credentials. `unavailable` makes all questions fail. */
export class FakeAuthenticator implements Authenticator {
  unavailable = false;
  /** Names whose login is refused after the proof. */
  readonly disabled = new Set<string>();
  readonly #passwords: ReadonlyMap<string, string>;

  constructor(passwords: Readonly<Record<string, string>>) {
    this.#passwords = new Map(Object.entries(passwords));
  }
  async #credentials(name: string): Promise<ScramCredentials> {
    const salt = sha256(Buffer.from(`salt of ${name}`)).subarray(0, 16);
    const password = this.#passwords.get(name);
    const made = password === undefined ? null : await makeCredentials(password, salt, 4096);
    return made ?? { salt, iterations: 4096, storedKey: sha256(Buffer.from(`stored ${name}`)), serverKey: sha256(Buffer.from(`server ${name}`)) };
  }
  async verifyPassword(name: string, password: string): Promise<LoginAnswer> {
    if (this.unavailable) return { kind: "unavailable" };
    const verified = await verifyPassword(await this.#credentials(name), password);
    return verified ? this.loginOf(name) : { kind: "refused" };
  }
  async scramCredentials(name: string): ReturnType<Authenticator["scramCredentials"]> {
    return this.unavailable ? { kind: "unavailable" } : { kind: "credentials", credentials: await this.#credentials(name) };
  }
  async loginOf(name: string): Promise<LoginAnswer> {
    if (this.unavailable) return { kind: "unavailable" };
    if (!this.#passwords.has(name) || this.disabled.has(name)) return { kind: "refused" };
    const login: Login = { accountId: `account-${name}`, name };
    return { kind: "accepted", login };
  }
}
