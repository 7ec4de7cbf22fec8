/**
 * A received message becomes one that can be delivered: evidence is gathered, a verdict follows from it, and the message is labelled
 * with what was found (RFC 8601). Only fields are taken out and put in front; no octet of what others signed changes.
 *
 * Nothing here fails. What could not be found out is written as such.
 */
import { removeAuthenticationResults } from "../authres/remove.ts";
import { writeAuthenticationResults } from "../authres/write.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import { type Evidence, type EvidenceWorld, gatherEvidence, type Received } from "./evidence.ts";
import { decide, type Verdict } from "./verdict.ts";

export interface FilterWorld extends EvidenceWorld {
  readonly log: Log;
  readonly metrics: Metrics;
  /** In whose name results are written: the host's, or one for all hosts of a provider. */
  readonly authservId: string;
  readonly showLogin: boolean;
}
export interface Judged {
  readonly verdict: Verdict;
  /** The message with its labels in front of the trace field of this hop. */
  readonly content: Buffer;
}

export class Filter {
  readonly #world: FilterWorld;

  constructor(world: FilterWorld) {
    this.#world = world;
  }

  async judge(received: Received & { readonly sessionId: string }): Promise<Judged> {
    const { clock } = this.#world;
    const startedAt = clock.monotonic();
    const evidence = await gatherEvidence(received, this.#world);
    const verdict = decide(evidence, this.#world);
    if (evidence.kind === "gathered") this.#record(received.sessionId, { evidence, verdict, ms: clock.monotonic() - startedAt });
    return { verdict, content: labelled(received.content, verdict, this.#world.authservId) };
  }

  #record(session: string, { evidence, verdict, ms }: { readonly evidence: Extract<Evidence, { kind: "gathered" }>; readonly verdict: Verdict; readonly ms: number }): void {
    const { log, metrics } = this.#world;
    const { spf, dkim, dmarc, arc, iprev, dnsQueries, exceeded } = evidence;
    for (const { method, result } of verdict.results ?? []) metrics.count("tayori_authentication_results_total", { method, result });
    metrics.observe("tayori_evidence_seconds", ms / 1000);
    log.info("authentication", {
      session, spf: spf.mailFrom.result, helo: spf.helo.result, dkim: dkim.signatures.map(({ result }) => result).join(" "),
      dmarc: dmarc.kind === "evaluated" ? dmarc.result : dmarc.kind, arc: arc.result, iprev: iprev.result, dnsQueries, exceeded, ms: Math.round(ms),
    });
  }
}

/** RFC 8601 sections 4 and 5: forged fields out, ours above the trace field of this hop. The same buffer where nothing changes. */
export function labelled(content: Buffer, { results, isForeign }: Verdict, authservId: string): Buffer {
  const kept = isForeign ? removeAuthenticationResults(content, [authservId]).content : content;
  return results === null ? kept : Buffer.concat([writeAuthenticationResults({ authservId, version: null, results }), kept]);
}
