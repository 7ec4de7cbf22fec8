/**
 * What each method reports (RFC 8601 section 2.7 and the registry "Email Authentication Methods"). The shapes are what spf/, dkim/,
 * dmarc/, arc/ and iprev/ give, named here by structure so that these modules need not know each other.
 */
import type { MethodResult, Property } from "./authres.ts";

interface Details {
  readonly comment?: string | null;
  readonly reason?: string | null;
}
/** Properties whose value is null are left out. */
function methodResult(method: string, result: string, properties: readonly (readonly [name: string, value: string | number | null])[], { comment = null, reason = null }: Details = {}): MethodResult {
  const listed = properties.flatMap(([name, value]): Property[] => {
    const dot = name.indexOf(".");
    return value === null ? [] : [{ ptype: name.slice(0, dot), property: name.slice(dot + 1), value: String(value) }];
  });
  return { method, methodVersion: null, result, comment, reason, properties: listed };
}

/** Section 2.7.2: `mailfrom` is an address or a domain, null when HELO was checked. */
export function spfResult(spf: { readonly result: string; readonly mailfrom: string | null; readonly helo: string | null }, details?: Details): MethodResult {
  return methodResult("spf", spf.result, [["smtp.mailfrom", spf.mailfrom], ["smtp.helo", spf.mailfrom === null ? spf.helo : null]], details);
}

/** Section 2.7.1, RFC 6008 and 8616; one for each signature. */
export function dkimResult(signature: {
  readonly result: string;
  readonly why: string | null;
  readonly domain: string | null;
  readonly identity: string | null;
  readonly selector: string | null;
  readonly algorithm: string | null;
  readonly signatureStart: string | null;
  readonly keyBits?: number | null;
}): MethodResult {
  const { result, why, domain, identity, selector, algorithm, signatureStart, keyBits = null } = signature;
  const properties = [["header.d", domain], ["header.i", identity], ["header.s", selector], ["header.a", algorithm], ["header.b", signatureStart]] as const;
  return methodResult("dkim", result, properties, { comment: keyBits === null ? null : `${keyBits}-bit key`, reason: why });
}

/** A message without signatures. */
export const noDkim: MethodResult = methodResult("dkim", "none", []);

/** RFC 9989 section 10: `headerFrom` is the author's domain, null when there is not exactly one. */
export function dmarcResult(dmarc: { readonly result: string; readonly headerFrom: string | null; readonly policy: string | null }, details?: Details): MethodResult {
  return methodResult("dmarc", dmarc.result, [["header.from", dmarc.headerFrom], ["policy.dmarc", dmarc.policy]], details);
}

/** RFC 8617 section 10.2. */
export function arcResult(arc: { readonly result: string; readonly oldestPass: number | null; readonly remoteIp: string | null }, details?: Details): MethodResult {
  return methodResult("arc", arc.result, [["header.oldest-pass", arc.oldestPass], ["smtp.remote-ip", arc.remoteIp]], details);
}

/** Section 2.7.3: `address` in the usual text form; `name` is what it resolves to. */
export function iprevResult(iprev: { readonly result: string; readonly address: string; readonly name: string | null }): MethodResult {
  return methodResult("iprev", iprev.result, [["policy.iprev", iprev.address]], { comment: iprev.name });
}

/** Section 2.7.4: `login` only where the author agreed to show it. */
export function authResult(auth: { readonly result: string; readonly login: string | null; readonly mailfrom: string | null }): MethodResult {
  return methodResult("auth", auth.result, [["smtp.auth", auth.login], ["smtp.mailfrom", auth.mailfrom]]);
}

/** Draft "Brand Indicators for Message Identification" section 7.5. */
export function bimiResult(bimi: { readonly result: string; readonly domain: string | null; readonly selector: string | null; readonly authority: string | null }, details?: Details): MethodResult {
  return methodResult("bimi", bimi.result, [["header.d", bimi.domain], ["header.selector", bimi.selector], ["policy.authority", bimi.authority]], details);
}
