/**
 * What can be found out about a message from outside before anybody decides: iprev, SPF (RFC 7208), DKIM (RFC 6376), ARC (RFC 8617)
 * and DMARC (RFC 9989). Nothing is decided here, and nothing here fails: what could not be found out in time is "temperror".
 *
 * Asked only on the mx role, and not for peers in trusted networks, whose mail costs no question. Everything runs at the same time
 * over one pass of the body; DMARC, which judges the others' results, comes last, but its record is asked for at once.
 */
import type { ReversePath } from "../address/address.ts";
import { type ArcVerification, ArcVerifier } from "../arc/arc.ts";
import { CanonicalMessage } from "../dkim/canonical-message.ts";
import { type DkimVerification, DkimVerifier } from "../dkim/dkim.ts";
import type { PublicKeys } from "../dkim/public-keys.ts";
import { type DmarcResult, evaluateDmarc } from "../dmarc/dmarc.ts";
import { parseIpAddress } from "../dns/ip-address.ts";
import { checkIprev, type IprevResult } from "../iprev/iprev.ts";
import { fieldEnd } from "../message/trace.ts";
import type { Clock } from "../port/clock.ts";
import type { Resolver } from "../port/resolver.ts";
import type { Login } from "../sasl/authenticator.ts";
import { checkSpf, type SpfResults } from "../spf/spf.ts";
import { authorOfMessage } from "./author-fields.ts";
import { ARC_QUERIES_MAX, BODY_STEP_OCTETS, DKIM_QUERIES_MAX, DMARC_QUERIES_MAX, EVIDENCE_MS_MAX, FIRST_STEPS_MS_MAX, IPREV_QUERIES_MAX, SPF_QUERIES_MAX } from "./limits.ts";
import type { Networks } from "./network.ts";
import { QuestionBudget } from "./question-budget.ts";

/** What is looked at of a message; the received message of delivery/ fits. */
export interface Received {
  readonly role: "mx" | "submission";
  /** The trace field of this hop is its first. */
  readonly content: Buffer;
  /** After the PROXY protocol, where a listener expects it. */
  readonly peer: { readonly address: string };
  readonly helo: string;
  readonly envelope: { readonly reversePath: ReversePath };
  /** Null on the mx role. */
  readonly login: Login | null;
}

export interface EvidenceWorld {
  readonly resolver: Resolver;
  /** One for the process: it keeps what importing keys costs. */
  readonly keys: PublicKeys;
  readonly clock: Clock;
  /** Our name, for the macros of SPF's explanations. */
  readonly hostname: string;
  readonly trusted: Networks;
}

export type Evidence =
  /** Submitted by somebody who is logged in. */
  | { readonly kind: "submitted"; readonly login: Login; readonly reversePath: ReversePath }
  /** From a trusted network, or from an address that is none: nothing was asked. */
  | { readonly kind: "trusted" }
  | GatheredEvidence;

export interface GatheredEvidence {
  readonly kind: "gathered";
  /** The peer's address. */
  readonly address: string;
  readonly helo: string;
  readonly reversePath: ReversePath;
  readonly iprev: IprevResult;
  readonly spf: SpfResults;
  readonly dkim: DkimVerification;
  readonly arc: ArcVerification;
  /** Of a header beyond the limits, not all fields were seen: there may be another author. */
  readonly dmarc: DmarcResult | { readonly kind: "header-too-large" };
  readonly dnsQueries: number;
  /** A limit of time or questions was reached. */
  readonly exceeded: boolean;
}

export async function gatherEvidence(received: Received, world: EvidenceWorld): Promise<Evidence> {
  if (received.login !== null) return { kind: "submitted", login: received.login, reversePath: received.envelope.reversePath };
  const address = addressOf(received.peer.address);
  const octets = parseIpAddress(address);
  if (received.role !== "mx" || octets === null || world.trusted.has(octets)) return { kind: "trusted" };
  const budget = new QuestionBudget(world.resolver, world.clock);
  try {
    return await gather(received, address, { world, budget });
  } finally {
    budget.close();
  }
}

/** Without the zone of a link-local address. */
function addressOf(text: string): string {
  return text.split("%", 1)[0] ?? text;
}

async function gather(received: Received, address: string, { world, budget }: { readonly world: EvidenceWorld; readonly budget: QuestionBudget }): Promise<GatheredEvidence> {
  const { clock, keys, hostname } = world;
  const { helo, envelope: { reversePath } } = received;
  const first = (queries: number): Resolver => budget.step({ queries, untilMs: FIRST_STEPS_MS_MAX });
  const now = clock.now();
  // Signers saw the message without the trace field of this hop.
  const message = new CanonicalMessage(received.content.subarray(fieldEnd(received.content, 0)));
  const dkimVerifier = new DkimVerifier(message, { keys: keys.over(first(DKIM_QUERIES_MAX)), now });
  const arcVerifier = new ArcVerifier(message, { keys: keys.over(first(ARC_QUERIES_MAX)), now });
  const dmarcResolver = budget.step({ queries: DMARC_QUERIES_MAX, untilMs: EVIDENCE_MS_MAX });
  const author = message.limit === null ? authorOfMessage(message) : null;
  // Kept by the budget until DMARC asks.
  if (author?.kind === "author") void dmarcResolver.resolve(`_dmarc.${author.domain}`, "TXT").catch(() => undefined);
  const [iprev, spf, [dkim, arc]] = await Promise.all([
    checkIprev({ ip: address, resolver: first(IPREV_QUERIES_MAX) }),
    checkSpf({ ip: address, helo, reversePath, receiver: hostname, resolver: first(SPF_QUERIES_MAX), clock, limits: { dnsQueries: SPF_QUERIES_MAX, timeMs: FIRST_STEPS_MS_MAX } }),
    pushBody(message, clock).then(() => Promise.all([dkimVerifier.finish(), arcVerifier.finish()])),
  ]);
  // With the null reverse-path, MAIL FROM is postmaster at the HELO identity (RFC 7208 section 2.4), and counts as such.
  const dmarc = author === null ? { kind: "header-too-large" as const } : await evaluateDmarc({ author, spf: spf.mailFrom, dkim: dkim.signatures, resolver: dmarcResolver });
  return { kind: "gathered", address, helo, reversePath, iprev, spf, dkim, arc, dmarc, dnsQueries: budget.queries, exceeded: budget.exceeded };
}

/** The whole body; a large one in steps, so that hashing it does not keep others waiting. */
async function pushBody(message: CanonicalMessage, clock: Clock): Promise<void> {
  const { header, bodyStart } = message;
  for (let at = bodyStart; at < header.length; at += BODY_STEP_OCTETS) {
    if (at > bodyStart) await clock.sleep(0);
    message.push(header.subarray(at, at + BODY_STEP_OCTETS));
  }
  message.end();
}
