/** tayori dns check: asks the DNS what it says of a domain, and explains what is wrong with it. */
import { parseDomain } from "../../address/domain.ts";
import type { Domain } from "../../address/address.ts";
import type { SigningKeyObject } from "../../directory/signing-key-record.ts";
import { evaluateDmarc, findOrganizationalDomain } from "../../dmarc/dmarc.ts";
import { isDmarcRecord, parseDmarcRecord, type DmarcFaultKind, type DmarcRecord } from "../../dmarc/record.ts";
import { checkIprev } from "../../iprev/iprev.ts";
import type { Clock } from "../../port/clock.ts";
import type { Resolver } from "../../port/resolver.ts";
import { lintSpfDomain } from "../../spf/lint-domain.ts";
import { checkSpf } from "../../spf/spf.ts";
import type { OpenDirectory } from "../wire.ts";
import { publicationOf } from "./dkim.ts";
import { explain, type DnsFault, type DnsFaultCode } from "./dns-faults.ts";
import { done, failed, misused, type CommandResult } from "./io.ts";

export interface DnsCheckInput {
  readonly domain: Domain;
  readonly hostname: string;
  /** The name said in EHLO. */
  readonly helo: string;
  /** The host that all mail leaves by, if not by ourselves. */
  readonly relay: string | null;
  readonly keys: readonly SigningKeyObject[];
  readonly resolver: Resolver;
  readonly clock: Clock;
}

export async function checkDns({ settings, signingKeys, clock }: OpenDirectory, resolver: Resolver, text: string): Promise<CommandResult> {
  const domain = parseDomain(text);
  if (domain === null || domain.startsWith("[")) return misused(`"${text}" is no domain name.`);
  const listed = await signingKeys.list(domain);
  if (listed.kind !== "list") return failed("unavailable", listed.detail);
  const { hostname, outbound: { helo, routes } } = settings;
  const faults = await findFaults({ domain, hostname, helo, relay: routes.find((route) => route.domain === "*")?.host ?? null, keys: listed.entries, resolver, clock });
  const data = { domain, faults: faults.map((fault) => ({ ...fault, ...explain(fault) })) };
  const isWrong = faults.some(({ severity }) => severity !== "note");
  const last = isWrong ? [] : [`${domain}: DNS に誤りはありません。 / Nothing is wrong in the DNS.`];
  return done([...faults.map(writeFault), ...last].join("\n"), data, isWrong ? 1 : 0);
}

const SEVERITIES = { error: "誤り / error", warning: "注意 / warning", note: "参考 / note" } as const;

function writeFault(fault: DnsFault): string {
  const { ja, en } = explain(fault);
  return `${SEVERITIES[fault.severity]}  ${fault.name}  [${fault.code}]\n  ${ja}\n  ${en}`;
}

/** In the order in which a message meets them: MX, our hosts, SPF, DKIM, DMARC. */
export async function findFaults(input: DnsCheckInput): Promise<readonly DnsFault[]> {
  const check = new DnsCheck(input);
  await check.mx();
  const addresses = await check.hosts();
  await check.spf(addresses);
  await check.dkim();
  await check.dmarc();
  return check.faults;
}

class DnsCheck {
  readonly faults: DnsFault[] = [];
  readonly #input: DnsCheckInput;

  constructor(input: DnsCheckInput) {
    this.#input = input;
  }
  #fault(code: DnsFaultCode, severity: DnsFault["severity"], name: string, detail = ""): void {
    this.faults.push({ code, severity, name, detail });
  }
  #unavailable(name: string, type: string): void {
    this.#fault("dns-unavailable", "error", name, type);
  }

  /** RFC 5321 section 5.1, RFC 2181 section 10.3, RFC 7505. */
  async mx(): Promise<void> {
    const { domain, hostname, resolver } = this.#input;
    const answer = await resolver.resolve(domain, "MX");
    if (answer.kind === "failure") return this.#unavailable(domain, "MX");
    if (answer.kind === "void") return this.#fault("mx-missing", "error", domain);
    const names = [...new Set(answer.records.map(({ exchange }) => exchange.toLowerCase()))];
    if (names.length === 1 && names[0] === "") return this.#fault("mx-null", "error", domain);
    if (!names.includes(hostname)) this.#fault("mx-elsewhere", "warning", domain, hostname);
    for (const name of names.filter((other) => other !== "")) {
      const alias = await resolver.resolve(name, "CNAME");
      if (alias.kind === "records") this.#fault("mx-alias", "error", domain, name);
      // Our own host is looked at below.
      if (name !== hostname && (await this.#addresses(name))?.length === 0) this.#fault("mx-no-address", "error", domain, name);
    }
  }

  /** Our hosts: their addresses lead to names that lead back (RFC 8601 section 3). Answers the addresses that mail leaves from. */
  async hosts(): Promise<readonly string[]> {
    const { hostname, helo, resolver } = this.#input;
    let outgoing: readonly string[] = [];
    for (const host of new Set([hostname, helo])) {
      const addresses = await this.#addresses(host);
      if (addresses?.length === 0) this.#fault("host-no-address", "error", host);
      if (host === helo) outgoing = addresses ?? [];
      for (const ip of host === helo ? outgoing : []) {
        const { result, confirmed } = await checkIprev({ ip, resolver });
        if (result === "temperror") this.#unavailable(ip, "PTR");
        else if (result === "permerror") this.#fault("ptr-missing", "error", host, ip);
        else if (result === "fail") this.#fault("ptr-mismatch", "error", host, ip);
        else if (!confirmed.includes(helo)) this.#fault("ptr-other-name", "note", host, ip);
      }
    }
    return outgoing;
  }

  /** Null when the DNS could not tell, which is noted. */
  async #addresses(name: string): Promise<readonly string[] | null> {
    const found: string[] = [];
    for (const type of ["A", "AAAA"] as const) {
      const answer = await this.#input.resolver.resolve(name, type);
      if (answer.kind === "records") found.push(...answer.records);
      if (answer.kind === "failure") {
        this.#unavailable(name, type);
        return null;
      }
    }
    return found;
  }

  async spf(addresses: readonly string[]): Promise<void> {
    const { domain, helo, relay, resolver, clock } = this.#input;
    const { faults } = await lintSpfDomain(domain, resolver);
    for (const { kind, severity, domain: name, text } of faults) this.#fault(`spf-${kind}`, severity, name, text);
    if (faults.some(({ kind }) => kind === "no-record")) return;
    if (relay !== null) return this.#fault("spf-relay", "note", domain, relay);
    for (const ip of addresses) {
      const { mailFrom } = await checkSpf({ ip, helo, reversePath: { kind: "address", address: { localPart: "postmaster", domain } }, resolver, clock });
      if (mailFrom.result === "temperror") this.#unavailable(domain, "TXT");
      else if (mailFrom.result !== "pass") this.#fault("spf-not-us", "error", domain, ip);
    }
  }

  async dkim(): Promise<void> {
    const { domain, keys, resolver } = this.#input;
    const active = keys.filter(({ state }) => state === "active");
    if (active.length === 0) this.#fault("dkim-no-key", "error", domain);
    else if (!active.some(({ algorithm }) => algorithm === "rsa-sha256")) this.#fault("dkim-rsa-missing", "warning", domain);
    for (const key of keys) {
      const name = `${key.selector}._domainkey.${domain}`;
      const publication = await publicationOf(key, resolver);
      if (publication === "unavailable") this.#unavailable(name, "TXT");
      else if (key.state === "revoked" && publication === "visible") this.#fault("dkim-revoked-visible", "error", name, key.selector);
      else if (key.state === "pending" || key.state === "published") this.#fault("dkim-waiting", "note", name, key.selector);
      else if (key.state === "active" && publication !== "visible") this.#fault(`dkim-${publication}`, "error", name, key.selector);
    }
  }

  /** RFC 9989: the domain's own record, or the one above that applies. */
  async dmarc(): Promise<void> {
    const { domain, resolver } = this.#input;
    const own = await this.#dmarcTexts(domain);
    if (own === null) return;
    if (own.length > 1) return this.#fault("dmarc-several", "error", `_dmarc.${domain}`);
    const evaluated = await evaluateDmarc({ author: { kind: "author", domain }, spf: null, dkim: [], resolver });
    if (evaluated.kind !== "evaluated" || evaluated.trouble !== null) return this.#unavailable(`_dmarc.${domain}`, "TXT");
    const { policyDomain } = evaluated;
    if (policyDomain === null) return this.#fault("dmarc-missing", "error", `_dmarc.${domain}`);
    const [text] = policyDomain === domain ? own : (await this.#dmarcTexts(policyDomain)) ?? [];
    const parsed = text === undefined ? null : parseDmarcRecord(text);
    if (parsed?.kind !== "record") return this.#unavailable(`_dmarc.${policyDomain}`, "TXT");
    const name = `_dmarc.${policyDomain}`;
    if (policyDomain !== domain) this.#fault("dmarc-inherited", "note", `_dmarc.${domain}`, policyDomain);
    for (const { kind, tag, value } of parsed.faults) this.#fault(`dmarc-${kind}`, severityOf(kind), name, tag === "" ? value : value === "" ? tag : `${tag}=${value}`);
    if (parsed.record.p === "none") this.#fault("dmarc-watching", "note", name);
    await this.#reports(policyDomain, parsed.record);
  }

  async #dmarcTexts(domain: string): Promise<readonly string[] | null> {
    const answer = await this.#input.resolver.resolve(`_dmarc.${domain}`, "TXT");
    if (answer.kind === "failure") {
      this.#unavailable(`_dmarc.${domain}`, "TXT");
      return null;
    }
    return answer.kind === "records" ? answer.records.filter(isDmarcRecord) : [];
  }

  /** RFC 9990 section 4: a host of another organization has to agree to get reports. */
  async #reports(policyDomain: string, { rua }: DmarcRecord): Promise<void> {
    const { resolver } = this.#input;
    if (rua.length === 0) return this.#fault("dmarc-no-rua", "warning", `_dmarc.${policyDomain}`);
    const own = await findOrganizationalDomain(policyDomain, resolver);
    for (const { address } of rua) {
      if (address === null || own.kind === "failure") continue;
      const theirs = await findOrganizationalDomain(address.domain, resolver);
      if (theirs.kind === "failure" || theirs.domain === own.domain) continue;
      const name = `${policyDomain}._report._dmarc.${address.domain}`;
      const answer = await resolver.resolve(name, "TXT");
      if (answer.kind === "failure") this.#unavailable(name, "TXT");
      else if (answer.kind === "void" || !answer.records.some(isDmarcRecord)) this.#fault("dmarc-rua-refused", "warning", name, address.domain);
    }
  }
}

function severityOf(kind: DmarcFaultKind): DnsFault["severity"] {
  switch (kind) {
    case "no-policy": case "record-too-long":
      return "error";
    case "removed-tag": case "obsolete-size": case "unknown-tag":
      return "note";
    default:
      return "warning";
  }
}
