/** Collects the ARC sets of a message and checks how they fit together (RFC 8617 sections 4.1 to 4.3, 5.2 steps 1 to 3). */
import { parseAuthenticationResults } from "../authres/authres.ts";
import type { AuthenticationResults } from "../authres/authres.ts";
import { Lexer } from "../authres/lexer.ts";
import type { CanonicalMessage } from "../dkim/canonical-message.ts";
import { parseMessageSignature, parseSignerTags, tagsOfField } from "../dkim/signature.ts";
import type { MessageSignature, SignerTags } from "../dkim/signature.ts";
import type { SignatureFault } from "../dkim/signature-fault.ts";
import type { TagList } from "../dkim/tag-list.ts";
import { chainOctetsMax, instanceMax } from "./limits.ts";

export type ChainStatus = "none" | "pass" | "fail";
export type ArcFault =
  | SignatureFault
  /** A field whose i= cannot be read, or is not 1 to 50. */
  | "malformed-instance"
  | "too-many-sets"
  | "chain-too-large"
  /** A set without one of its fields, with one of them twice, or a gap between sets. */
  | "incomplete-set"
  /** The newest seal says that the chain was broken before (step 2). */
  | "chain-failed-before"
  /** cv= is not "none" in the first set and "pass" in the others. */
  | "wrong-status"
  /** h= in a seal (section 4.1.3), or ARC-Seal among the fields of a message signature (section 4.1.2). */
  | "forbidden-field-list";

/** Positions of the three fields in the message's header, and what the two signatures say. */
export interface ArcSet {
  readonly instance: number;
  readonly resultsField: number;
  readonly messageSignatureField: number;
  readonly sealField: number;
  readonly seal: SignerTags;
  readonly status: ChainStatus;
  /** A fault where it cannot be read, which matters only for the newest. */
  readonly messageSignature: MessageSignature | SignatureFault | "forbidden-field-list";
  /** What this hop says it found; null when it cannot be read, which does not break the chain (section 3.4). */
  readonly results: AuthenticationResults | null;
}
export type Chain =
  | { readonly kind: "none" }
  | { readonly kind: "chain"; readonly sets: readonly [ArcSet, ...ArcSet[]] }
  | { readonly kind: "fail"; readonly why: ArcFault; /** Where it was found, 0 when that is no set. */ readonly instance: number; /** The highest instance any field has. */ readonly highest: number; /** The newest seal says "fail" itself. */ readonly closed: boolean };

type Part = "results" | "messageSignature" | "seal";
const NAMES = [["results", "arc-authentication-results"], ["messageSignature", "arc-message-signature"], ["seal", "arc-seal"]] as const;
interface Found {
  readonly part: Part;
  readonly field: number;
  /** 0 when it cannot be read. */
  readonly instance: number;
  /** Of the two signatures. */
  readonly tags: TagList | null;
}

export function collectChain(message: CanonicalMessage): Chain {
  const positions = NAMES.map(([part, name]) => ({ part, fields: message.named(name) }));
  if (positions.every(({ fields }) => fields.length === 0)) return { kind: "none" };
  const broken = (why: ArcFault, instance: number, highest: number, closed = false): Chain => ({ kind: "fail", why, instance, highest, closed });
  if (positions.some(({ fields }) => fields.length > instanceMax)) return broken("too-many-sets", 0, instanceMax);
  const octets = positions.flatMap(({ fields }) => fields).reduce((sum, index) => sum + message.fieldOctets(index).length, 0);
  // What is not read has no newest set that a new one could follow.
  if (octets > chainOctetsMax || message.limit !== null) return broken("chain-too-large", 0, instanceMax);
  const found = positions.flatMap(({ part, fields }) => fields.map((field) => readPart(message, part, field)));
  const highest = Math.max(...found.map(({ instance }) => instance));
  const newestSeal = found.find(({ part, instance }) => part === "seal" && instance === highest);
  if (highest > 0 && statusOf(newestSeal?.tags ?? null) === "fail") return broken("chain-failed-before", highest, highest, true);
  if (found.some(({ instance }) => instance === 0)) return broken("malformed-instance", 0, highest);
  const sets: ArcSet[] = [];
  for (let instance = 1; instance <= highest; instance++) {
    const set = readSet(message, found.filter((one) => one.instance === instance), instance);
    if (typeof set === "string") return broken(set, instance, highest);
    sets.push(set);
  }
  const [first, ...rest] = sets;
  return { kind: "chain", sets: [first!, ...rest] };
}

function readPart(message: CanonicalMessage, part: Part, field: number): Found {
  const { start, valueStart } = message.fields[field]!;
  const octets = message.fieldOctets(field);
  if (part === "results") return { part, field, instance: splitInstance(octets.toString("utf8", valueStart - start)).instance, tags: null };
  const tags = tagsOfField(octets, valueStart - start);
  return { part, field, instance: parseInstance(tags?.get("i")?.value ?? ""), tags };
}

function readSet(message: CanonicalMessage, found: readonly Found[], instance: number): ArcSet | ArcFault {
  const one = (part: Part): Found | undefined => found.find((other) => other.part === part);
  const [results, messageSignature, seal] = [one("results"), one("messageSignature"), one("seal")];
  if (found.length !== 3 || results === undefined || messageSignature === undefined || seal === undefined || seal.tags === null || messageSignature.tags === null) return "incomplete-set";
  const status = statusOf(seal.tags);
  if (status !== (instance === 1 ? "none" : "pass")) return "wrong-status";
  if (seal.tags.has("h")) return "forbidden-field-list";
  const signer = parseSignerTags(seal.tags);
  if (signer.kind === "fault") return signer.fault;
  return {
    instance,
    resultsField: results.field,
    messageSignatureField: messageSignature.field,
    sealField: seal.field,
    seal: signer.value,
    status,
    messageSignature: readMessageSignature(messageSignature.tags),
    results: readResults(message, results.field),
  };
}

function readMessageSignature(tags: TagList): ArcSet["messageSignature"] {
  const parsed = parseMessageSignature(tags);
  if (parsed.kind === "fault") return parsed.fault;
  return parsed.value.signedFields.includes("arc-seal") ? "forbidden-field-list" : parsed.value;
}

function readResults(message: CanonicalMessage, field: number): AuthenticationResults | null {
  const { start, valueStart } = message.fields[field]!;
  const outcome = parseAuthenticationResults(splitInstance(message.fieldOctets(field).toString("utf8", valueStart - start)).payload);
  return outcome.kind === "parsed" ? outcome.value : null;
}

/** Section 4.1.1: `i = position ;` with comments and blanks around each, then the payload. */
function splitInstance(value: string): { readonly instance: number; readonly payload: string } {
  const none = { instance: 0, payload: "" };
  const lexer = new Lexer(value);
  if (lexer.skip() === false || lexer.word("=") !== "i" || lexer.skip() === false || !lexer.take("=") || lexer.skip() === false) return none;
  const instance = parseInstance(lexer.word(""));
  return lexer.skip() !== false && lexer.take(";") ? { instance, payload: value.slice(lexer.position) } : none;
}

/** 0 when it is none. */
function parseInstance(text: string): number {
  const instance = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0;
  return instance <= instanceMax ? instance : 0;
}

/** chain-status is ABNF text, in which case does not matter. Null when it is none of the three. */
function statusOf(tags: TagList | null): ChainStatus | null {
  const value = tags?.get("cv")?.value.toLowerCase();
  return value === "none" || value === "pass" || value === "fail" ? value : null;
}
