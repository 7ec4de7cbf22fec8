/**
 * One message as its signatures see it: the fields of its header, and one pass over its body for all of them. Verifiers and
 * signers ask for what they need when they are made; then the body is pushed, once, and ended.
 */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { assert } from "../base/assert.ts";
import { OFFSETS_PER_FIELD, nameEnd, scanHeader } from "../message/header-scan.ts";
import { messageLimits } from "../message/limits.ts";
import type { PartLimit } from "../message/part.ts";
import { bodyCanonicalizer } from "./canonical-body.ts";
import type { BodyCanonicalizer } from "./canonical-body.ts";
import type { CanonicalizationName } from "./canonical-header.ts";

export interface HeaderField {
  readonly nameLower: string;
  readonly start: number;
  readonly end: number;
  /** Behind the colon. */
  readonly valueStart: number;
  /** The position of the next field of this name above; -1 when this is the first. */
  readonly above: number;
}

export interface BodyDigest {
  /** SHA-256 of the canonical body, or of its first `octetsHashed` octets. */
  readonly hash: Buffer;
  readonly octetsHashed: number;
  /** Octets of the whole canonical body. */
  readonly octets: number;
}
/** Answers once the body has ended. */
export type BodyDigestLater = () => BodyDigest;

interface Digest {
  readonly octetsMax: number;
  readonly hash: Hash;
  result: Buffer | null;
}

/** The body in one canonicalization, hashed once for each length that is asked for. */
class CanonicalBody {
  readonly canonicalizer: BodyCanonicalizer;
  readonly digests = new Map<number, Digest>();
  octets = 0;

  constructor(canonicalization: CanonicalizationName) {
    this.canonicalizer = bodyCanonicalizer(canonicalization, (octets) => {
      for (const { hash, octetsMax } of this.digests.values()) {
        const room = octetsMax - this.octets;
        if (room > 0) hash.update(room >= octets.length ? octets : octets.subarray(0, room));
      }
      this.octets += octets.length;
    });
  }
}

export class CanonicalMessage {
  readonly header: Buffer;
  readonly fields: readonly HeaderField[];
  /** Where the body starts, when the buffer given holds it too. */
  readonly bodyStart: number;
  /** Not null when the header is larger than a header may be: what is behind the limit is none of `fields`. */
  readonly limit: PartLimit | null;
  readonly #bodies = new Map<CanonicalizationName, CanonicalBody>();
  /** Which number a name has, and for each number the position of the lowest field of that name. */
  readonly #names = new Map<string, number>();
  readonly #lowest: number[] = [];
  #state: "open" | "pushing" | "ended" = "open";

  /** Octets of the header up to and with the empty line; what is behind is not looked at. */
  constructor(header: Buffer) {
    this.header = header;
    const scan = scanHeader(header, 0, messageLimits, () => false);
    const text = header.toString("latin1", 0, scan.end);
    const fields: HeaderField[] = [];
    for (let i = 0; i < scan.offsets.length; i += OFFSETS_PER_FIELD) {
      const start = scan.offsets[i]!;
      const colon = scan.offsets[i + 1]!;
      const nameLower = text.slice(start, nameEnd(header, start, colon)).toLowerCase();
      fields.push({ nameLower, start, end: scan.offsets[i + 2]!, valueStart: colon + 1, above: this.#count(nameLower, fields.length) });
    }
    this.fields = fields;
    this.bodyStart = scan.end;
    this.limit = scan.limit;
  }

  /** Notes that the field at `position` is the lowest of its name so far; answers which was. */
  #count(nameLower: string, position: number): number {
    const number = this.#names.get(nameLower);
    if (number === undefined) {
      this.#names.set(nameLower, this.#lowest.push(position) - 1);
      return -1;
    }
    const above = this.#lowest[number]!;
    this.#lowest[number] = position;
    return above;
  }

  /** Positions in `fields`, from top to bottom. */
  named(nameLower: string): number[] {
    const positions: number[] = [];
    const number = this.#names.get(nameLower);
    for (let at = number === undefined ? -1 : this.#lowest[number]!; at >= 0; at = this.fields[at]!.above) positions.push(at);
    return positions.reverse();
  }

  /**
   * Which fields a list of names (in lower case) covers (RFC 6376 section 5.4.2): each name takes the lowest field of that name that
   * is not taken yet, or nothing. `own` is the signature itself, which it cannot cover.
   */
  select(names: readonly string[], own: number | null): number[] {
    const next = this.#lowest.slice();
    const selected: number[] = [];
    for (const name of names) {
      const number = this.#names.get(name);
      if (number === undefined) continue;
      let at = next[number]!;
      if (at === own) at = this.fields[at]!.above;
      if (at < 0) continue;
      selected.push(at);
      next[number] = this.fields[at]!.above;
    }
    return selected;
  }

  /** The whole field, the header's own memory. */
  fieldOctets(index: number): Buffer {
    const { start, end } = this.fields[index]!;
    return this.header.subarray(start, end);
  }

  /** Asks for a hash of the body, `octetsMax` of it or all. Equal wishes are hashed once. */
  wantBody(canonicalization: CanonicalizationName, octetsMax = Number.POSITIVE_INFINITY): BodyDigestLater {
    assert(this.#state === "open", "a hash is asked for before the body comes");
    let body = this.#bodies.get(canonicalization);
    if (body === undefined) this.#bodies.set(canonicalization, (body = new CanonicalBody(canonicalization)));
    let digest = body.digests.get(octetsMax);
    if (digest === undefined) body.digests.set(octetsMax, (digest = { octetsMax, hash: createHash("sha256"), result: null }));
    return () => {
      assert(this.#state === "ended", "a hash is read after the body has ended");
      digest.result ??= digest.hash.digest();
      return { hash: digest.result, octetsHashed: Math.min(octetsMax, body.octets), octets: body.octets };
    };
  }

  /** The next octets of the body. They are not kept. */
  push(chunk: Buffer): void {
    assert(this.#state !== "ended", "the body has ended");
    this.#state = "pushing";
    for (const body of this.#bodies.values()) body.canonicalizer.push(chunk);
  }

  end(): void {
    assert(this.#state !== "ended", "the body ends once");
    this.#state = "ended";
    for (const body of this.#bodies.values()) body.canonicalizer.end();
  }

  /** For a message that is there as a whole: the body is what lies behind the header in the same buffer. */
  pushRest(): void {
    this.push(this.header.subarray(this.bodyStart));
    this.end();
  }
}
