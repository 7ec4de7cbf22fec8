/**
 * What becomes of a message, from the evidence about it: the only place where that is decided. Every message is delivered; a verdict
 * says what is written on it. A failed check is no reason to refuse by itself: forwarding breaks SPF, lists break DKIM, and a receiver
 * must not reject for `p=reject` alone (RFC 9989 sections 5.4, 7.4 and 8).
 */
import { writeAddress } from "../address/address.ts";
import { unreachable } from "../base/assert.ts";
import type { MethodResult } from "../authres/authres.ts";
import { arcResult, authResult, dkimResult, dmarcResult, iprevResult, noDkim, spfResult } from "../authres/methods.ts";
import type { SpfResult } from "../spf/result.ts";
import type { Evidence, GatheredEvidence } from "./evidence.ts";

export interface VerdictSettings {
  /** Whether readers may learn the login name of who submitted a message. */
  readonly showLogin: boolean;
}

export interface Verdict {
  readonly kind: "deliver";
  /** For Authentication-Results; null where there is nothing to say. */
  readonly results: readonly [MethodResult, ...MethodResult[]] | null;
  /** The message comes from outside of those who may write in our name: Authentication-Results that do so are forged, and go. */
  readonly isForeign: boolean;
}

export function decide(evidence: Evidence, settings: VerdictSettings): Verdict {
  switch (evidence.kind) {
    case "trusted":
      return { kind: "deliver", results: null, isForeign: false };
    case "submitted": {
      const { login, reversePath } = evidence;
      const mailfrom = reversePath.kind === "null" ? null : writeAddress(reversePath.address);
      return { kind: "deliver", results: settings.showLogin ? [authResult({ result: "pass", login: login.name, mailfrom })] : null, isForeign: true };
    }
    case "gathered":
      return { kind: "deliver", results: resultsOf(evidence), isForeign: true };
    default:
      return unreachable(evidence);
  }
}

function resultsOf(evidence: GatheredEvidence): [MethodResult, ...MethodResult[]] {
  const { iprev, dkim, arc, address } = evidence;
  const [spf, ...moreSpf] = spfResults(evidence);
  const results: [MethodResult, ...MethodResult[]] = [spf, ...moreSpf];
  if (dkim.signatures.length === 0) results.push(noDkim);
  for (const signature of dkim.signatures) results.push(dkimResult(signature));
  results.push(dmarcOf(evidence.dmarc));
  if (arc.result !== "none") results.push(arcResult({ result: arc.result, oldestPass: arc.oldestPass, remoteIp: address }, { reason: arc.why }));
  results.push(iprevResult({ result: iprev.result, address: iprev.ip, name: iprev.confirmed[0] ?? null }));
  return results;
}

/** MAIL FROM first, since readers that know of one result take the first. With the null reverse-path there is only HELO (RFC 8601 section 2.7.2). */
function spfResults({ reversePath, helo, spf }: GatheredEvidence): [MethodResult, ...MethodResult[]] {
  const ofHelo = spfResult({ result: spf.helo.result, mailfrom: null, helo }, { reason: reasonOf(spf.helo) });
  if (reversePath.kind === "null") return [ofHelo];
  return [spfResult({ result: spf.mailFrom.result, mailfrom: writeAddress(reversePath.address), helo }, { reason: reasonOf(spf.mailFrom) }), ofHelo];
}

/** What is wrong with a record, or with its answer. That there is none is said by the result. */
function reasonOf({ result, problem }: SpfResult): string | null {
  return result === "none" || problem === null ? null : problem.kind;
}

function dmarcOf(dmarc: GatheredEvidence["dmarc"]): MethodResult {
  switch (dmarc.kind) {
    case "header-too-large":
      return dmarcResult({ result: "permerror", headerFrom: null, policy: null }, { reason: dmarc.kind });
    case "not-applicable": {
      // RFC 9989 section 11.5: without exactly one author domain nothing is validated. Where there are several, the message is at fault.
      const isNone = dmarc.because === "no-field" || dmarc.because === "no-domain";
      return dmarcResult({ result: isNone ? "none" : "permerror", headerFrom: null, policy: null }, { reason: dmarc.because });
    }
    case "evaluated": {
      const { result, authorDomain, policy, requested, trouble } = dmarc;
      return dmarcResult({ result, headerFrom: authorDomain, policy: result === "fail" ? requested : policy }, { reason: trouble?.because ?? null });
    }
    default:
      return unreachable(dmarc);
  }
}
