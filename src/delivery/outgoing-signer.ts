/**
 * Signs what leaves in the name of a hosted domain (RFC 6376): submitted messages and our own reports, with every active key of the
 * author's domain. Mail from outside is never signed, whoever it says it is from.
 *
 * A message is signed once, before copies are made of it, so that mailboxes here hold what others receive.
 */
import { CanonicalMessage } from "../dkim/canonical-message.ts";
import { DkimSigner } from "../dkim/sign.ts";
import type { SigningKeys } from "../directory/signing-keys.ts";
import { authorOfMessage } from "../filter/author-fields.ts";
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";

/** Seconds. Our queue tries for days, and so may that of a relay; long enough for both, too short for a message to be replayed for ever (RFC 6376 section 8.6). */
const SIGNATURE_LIFETIME = 14 * 24 * 60 * 60;

export interface SignerWorld {
  readonly signingKeys: Pick<SigningKeys, "activeKeys">;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}
export type SignAnswer =
  /** With or without signatures: a domain without keys has none to give. */
  | { readonly kind: "ready"; readonly content: Buffer }
  /** The keys cannot be read: sent without them, the message would be refused elsewhere. */
  | { readonly kind: "unavailable" };

export class OutgoingSigner {
  readonly #world: SignerWorld;

  constructor(world: SignerWorld) {
    this.#world = world;
  }

  /**
   * `alsoParents`: where the author domain has no keys, those of a domain above it sign, which is aligned all the same (RFC 9989 section
   * 4.4). Only for reports: their author is this host, while a domain above a user's may belong to somebody else.
   */
  async sign(content: Buffer, { alsoParents }: { readonly alsoParents: boolean }): Promise<SignAnswer> {
    const message = new CanonicalMessage(content);
    const author = message.limit === null ? authorOfMessage(message) : null;
    const found = author?.kind === "author" ? await this.#keysFor(author.domain, alsoParents) : ({ kind: "keys", keys: [] } as const);
    if (found.kind === "unavailable") {
      this.#world.log.warn("signing-keys-unavailable", { detail: found.detail });
      return { kind: "unavailable" };
    }
    const [first, ...more] = found.keys;
    if (first === undefined) return this.#unsigned(content, author?.kind === "author" ? "no-key" : "no-author");
    const timestamp = Math.floor(this.#world.clock.now() / 1000);
    const signer = new DkimSigner(message, { keys: [first, ...more], timestamp, lifetime: SIGNATURE_LIFETIME });
    message.pushRest();
    const outcome = signer.finish();
    if (outcome.kind === "refused") return this.#unsigned(content, outcome.because);
    this.#world.metrics.count("tayori_dkim_outgoing_total", { result: "signed" });
    return { kind: "ready", content: Buffer.concat([outcome.fields, content]) };
  }

  async #keysFor(domain: string, alsoParents: boolean): ReturnType<SigningKeys["activeKeys"]> {
    for (let name = domain; ; name = name.slice(name.indexOf(".") + 1)) {
      const found = await this.#world.signingKeys.activeKeys(name);
      // A name of one label is nobody's mail domain.
      if (found.kind !== "keys" || found.keys.length > 0 || !alsoParents || name.split(".").length <= 2) return found;
    }
  }

  #unsigned(content: Buffer, result: string): SignAnswer {
    this.#world.metrics.count("tayori_dkim_outgoing_total", { result });
    return { kind: "ready", content };
  }
}
