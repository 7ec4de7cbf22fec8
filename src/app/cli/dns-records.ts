/** tayori dns records: everything a domain should publish, as a zone file has it (RFC 1035 section 5.1), with what belongs elsewhere as comments. */
import { parseDomain } from "../../address/domain.ts";
import { txtStrings, writeTxtStrings } from "../../dkim/key-record.ts";
import { writeDmarcRecord } from "../../dmarc/record.ts";
import type { OpenDirectory } from "../wire.ts";
import { zoneLine } from "./dkim.ts";
import { done, failed, misused, type CommandResult } from "./io.ts";

interface RecordLine {
  readonly name: string;
  readonly type: "MX" | "TXT" | "SRV";
  readonly value: string;
}

const TTL = 3600;
const writeRecord = ({ name, type, value }: RecordLine): string => `${name}. ${TTL} IN ${type} ${type === "TXT" ? writeTxtStrings(txtStrings(value)) : value}`;

export async function showDnsRecords({ settings, signingKeys }: OpenDirectory, text: string): Promise<CommandResult> {
  const domain = parseDomain(text);
  if (domain === null || domain.startsWith("[")) return misused(`"${text}" is no domain name.`);
  const listed = await signingKeys.list(domain);
  if (listed.kind !== "list") return failed("unavailable", listed.detail);
  const { hostname, outbound: { helo } } = settings;
  const hosts = [...new Set([hostname, helo])];
  const postmaster = `mailto:postmaster@${domain}`;
  const policy = writeDmarcRecord({ p: "none", sp: null, np: null, adkim: "relaxed", aspf: "relaxed", fo: ["0"], psd: "u", testMode: false, rua: [{ uri: postmaster, scheme: "mailto", address: null }], ruf: [] });
  const records: RecordLine[] = [
    { name: domain, type: "MX", value: `10 ${hostname}.` },
    { name: domain, type: "TXT", value: `v=spf1 ${["mx", ...hosts.filter((host) => host !== hostname).map((host) => `a:${host}`)].join(" ")} ~all` },
    { name: `_dmarc.${domain}`, type: "TXT", value: policy },
    { name: `_submissions._tcp.${domain}`, type: "SRV", value: `0 1 465 ${hostname}.` },
    { name: `_imaps._tcp.${domain}`, type: "SRV", value: `0 1 993 ${hostname}.` },
  ];
  // A host in the domain itself is named by its own record, for the HELO identity (RFC 7208 section 2.3).
  const hello: RecordLine[] = hosts.filter((host) => host !== domain).map((host) => ({ name: host, type: "TXT", value: "v=spf1 a -all" }));
  const keys = listed.entries.map(zoneLine);
  const tlsReports = `_smtp._tls.${domain}. ${TTL} IN TXT ${writeTxtStrings([`v=TLSRPTv1; rua=${postmaster}`])}`;
  const lines = [
    ...records.slice(0, 2).map(writeRecord),
    ...(keys.length === 0 ? [`; No DKIM key yet: tayori dkim generate ${domain} --both`] : keys),
    ...records.slice(2).map(writeRecord),
    "; Reports on TLS (RFC 8460) come as files that people hardly read; take the comment away if you want them.", `; ${tlsReports}`,
    ...hello.flatMap((record) => [`; In the zone of ${record.name}: what the name in EHLO is checked against.`, writeRecord(record)]),
    ...hosts.map((host) => `; PTR: whoever gave you the addresses of ${host} sets their PTR to ${host}. and nothing else; it must lead back (A, AAAA).`),
  ];
  return done(lines.join("\n"), { domain, records: [...records, ...hello].map((record) => ({ ...record, line: writeRecord(record) })), dkim: keys, optional: [tlsReports], ptr: hosts });
}
