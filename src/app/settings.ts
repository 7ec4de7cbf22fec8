/**
 * The settings: one TOML file, declared once here. `docs/settings.md` and `docs/tayori.sample.toml` are written from this declaration.
 * A key that is not declared is refused, so that a misspelt one is not a silent default.
 */
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { parseS3Url } from "../adapter/s3-url.ts";
import { parseAddress } from "../address/address.ts";
import { parseDomain } from "../address/domain.ts";
import { WORKERS_MAX } from "../adapter/limits.ts";
import { parseNatsUrls, type NatsServers } from "../adapter/nats-url.ts";
import { lineOf } from "./toml-lines.ts";
import { parseDuration, parseHostPort, parseSize } from "./units.ts";

/** What the reference says about a setting. `sample` is TOML; where it is absent the sample file shows the default, commented out. */
export interface About {
  readonly type: string;
  readonly text: string;
  readonly sample?: string;
  /** What is the case where the setting is absent and has no written default. */
  readonly absent?: string;
}

/** A string that `parseValue` understands. */
function parsed<T>(parseValue: (text: string) => T | null, expected: string, about: About) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parseValue(dataset.value);
      if (value !== null) return value;
      addIssue({ message: `"${dataset.value}" is not ${expected}` });
      return NEVER;
    }),
    v.metadata({ about }),
  );
}
const plain = <S extends v.GenericSchema>(schema: S, about: About) => v.pipe(schema, v.metadata({ about }));
const duration = (about: Omit<About, "type">) => parsed(parseDuration, 'a duration like "30s", "5m", "4h" or "5d"', { type: "duration", ...about });
const count = (about: Omit<About, "type">) => plain(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000_000)), { type: "number", ...about });
const flag = (about: Omit<About, "type">) => plain(v.boolean(), { type: "true or false", ...about });
const text = (about: Omit<About, "type">) => plain(v.pipe(v.string(), v.nonEmpty("must not be empty")), { type: "text", ...about });
const hostPort = parsed(parseHostPort, '"host:port" with a port from 0 to 65535, an IPv6 address in brackets', { type: "host:port", text: "" });
const places = (about: Omit<About, "type">) => plain(v.array(hostPort), { type: "list of host:port", ...about });
const domain = (about: Omit<About, "type">) => parsed((value) => (value.startsWith("[") ? null : parseDomain(value)), "a domain name", { type: "domain", ...about });

const TLS_POLICIES = ["none", "opportunistic", "require", "verify"] as const;
const route = v.union([hostPort, v.strictObject({ to: hostPort, tls: v.optional(v.picklist(TLS_POLICIES), "opportunistic") })], 'is neither "host:port" nor { to = "host:port", tls = "none" | "opportunistic" | "require" | "verify" }');
/** Lower case A-labels, as the queue has them. */
const routed = v.pipe(v.string(), v.rawTransform<string, string>(({ dataset, addIssue, NEVER }) => {
  const parsedDomain = dataset.value === "*" ? "*" : parseDomain(dataset.value);
  if (parsedDomain !== null) return parsedDomain;
  addIssue({ message: 'is not "*" or a domain' });
  return NEVER;
}));
const network = parsed(parseNetwork, "an IP address or a network like 10.0.0.0/8", { type: "network", text: "" });

/** Where the store is; paths as they are written. */
const storeUrl = v.pipe(v.string(), v.rawTransform<string, { readonly kind: "sqlite"; readonly path: string } | { readonly kind: "s3"; readonly url: string; readonly bucket: string; readonly credentials: string | null }>(({ dataset, addIssue, NEVER }) => {
  const path = /^sqlite:(.+)$/.exec(dataset.value)?.[1];
  if (path !== undefined) return { kind: "sqlite", path };
  const answer = parseS3Url(dataset.value);
  if (answer.kind === "place") return { kind: "s3", url: dataset.value, bucket: answer.place.bucket, credentials: answer.place.credentialsPath };
  addIssue({ message: dataset.value.startsWith("s3:") ? answer.because : `"${dataset.value}" is not "sqlite:PATH" or "s3:BUCKET?…"` });
  return NEVER;
}));

/** A store's url as commands are given it; paths are relative to `folder`. Null where it is none. */
export function parseStorePlace(url: string, folder: string): StorePlace | null {
  const answer = v.safeParse(storeUrl, url);
  return answer.success ? placeOf(answer.output, folder) : null;
}
function placeOf(url: v.InferOutput<typeof storeUrl>, folder: string): StorePlace {
  if (url.kind === "sqlite") return { kind: "sqlite", path: resolve(folder, url.path) };
  return { kind: "s3", url: url.url, credentialsPath: url.credentials === null ? null : resolve(folder, url.credentials) };
}

/** The declaration. Entries in the order in which the reference shows them. */
export const declaration = v.strictObject({
  hostname: domain({ text: "The name of this host, as it greets others (SMTP banner, EHLO, Received) and as its certificate should name it.", sample: '"mx.example.test"' }),
  language: v.optional(plain(v.picklist(["ja", "en"]), { type: '"ja" or "en"', text: "The language of reports to people (delivery status notifications), where the account has no other." }), "en"),
  "default-domain": v.optional(domain({ text: "The domain of a login name that is given without one.", absent: "login names are full addresses", sample: '"example.test"' })),
  postmaster: v.optional(parsed(parseAddress, "a mail address", {
    type: "address", sample: '"operator@example.test"', absent: "the domain's catch-all, else its oldest account, else the oldest account of all",
    text: "Who gets the mail to postmaster@ and abuse@ of every hosted domain in which nobody made these addresses (RFC 2142).",
  })),
  workers: v.optional(plain(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(WORKERS_MAX)), {
    type: "number",
    text: "Processes that serve together, on the same listeners: as many as the machine has cores for mail. Each takes its part of `limits` and of `outbound.concurrency`; a connection counts in the process that has it, and since chance decides which one that is each takes a little more than its part.",
  }), 1),
  store: v.strictObject({
    url: plain(storeUrl, {
      type: "url", sample: '"sqlite:tayori.db"',
      text: "Where everything is kept: `sqlite:` and a path, relative to the settings file, or `s3:` and a bucket, as `s3:mail?endpoint=http://10.0.0.1:7480,http://10.0.0.2:7480` (docs/stores.md).",
    }),
    "master-key": v.optional(text({ text: "The file with the key that wraps every account's data key, made with mode 0600 at the first use. Back it up apart from the store: without it no mail can be read.", absent: "the store's path, or the bucket's name beside the settings file, with `.key` behind it", sample: '"/etc/tayori/master.key"' })),
  }),
  dns: v.optional(v.strictObject({
    servers: v.optional(places({ text: "Resolvers to ask. Give one that validates DNSSEC.", absent: "those of /etc/resolv.conf", sample: '["127.0.0.1:53"]' })),
  }), {}),
  listen: v.optional(v.strictObject({
    smtp: v.optional(places({ text: "Mail from other servers (RFC 5321).", sample: '["0.0.0.0:25"]' }), []),
    submission: v.optional(places({ text: "Mail from users, TLS by STARTTLS (RFC 6409).", sample: '["0.0.0.0:587"]' }), []),
    submissions: v.optional(places({ text: "Mail from users, TLS from the start (RFC 8314).", sample: '["0.0.0.0:465"]' }), []),
    imap: v.optional(places({ text: "Reading mail, TLS by STARTTLS (RFC 9051).", sample: '["0.0.0.0:143"]' }), []),
    imaps: v.optional(places({ text: "Reading mail, TLS from the start (RFC 8314).", sample: '["0.0.0.0:993"]' }), []),
    http: v.optional(places({ text: "/healthz, /readyz and /metrics, in clear text and without a password: keep it to loopback or to a network of your own.", sample: '["127.0.0.1:8080"]' }), []),
    "proxy-protocol": v.optional(plain(v.array(network), { type: "list of networks", text: "Load balancers: a connection from one of these must begin with a PROXY protocol header, which says who the peer is. All mail listeners heed it.", sample: '["10.0.0.7", "10.1.0.0/16"]' }), []),
  }), {}),
  incoming: v.optional(v.strictObject({
    "trusted-networks": v.optional(plain(v.array(network), { type: "list of networks", text: "Peers whose mail comes from within: it is not checked (SPF, DKIM, DMARC), costs no question to the DNS, and keeps the Authentication-Results that it brings. Behind the PROXY protocol the real peer counts.", sample: '["127.0.0.0/8", "::1/128", "10.0.0.0/8"]' }), ["127.0.0.0/8", "::1/128"]),
    "authserv-id": v.optional(domain({ text: "The name in which results are written (RFC 8601); one for all hosts of a provider, so that none of them lets another's be forged.", absent: "`hostname`", sample: '"example.test"' })),
  }), {}),
  tls: v.optional(v.strictObject({
    cert: v.optional(text({ text: "The certificate chain (PEM), relative to the settings file.", absent: "a self-signed certificate is made once and kept beside the store", sample: '"/etc/tayori/fullchain.pem"' })),
    key: v.optional(text({ text: "The private key of the certificate (PEM).", absent: "made together with the certificate", sample: '"/etc/tayori/privkey.pem"' })),
  }), {}),
  auth: v.optional(v.strictObject({
    "login-mechanism": v.optional(flag({ text: "Offer AUTH LOGIN too, for old mail programs that know neither SCRAM nor PLAIN." }), false),
    "cleartext-loopback": v.optional(flag({ text: "Take IMAP passwords without TLS from this machine itself: for proxies and load tests on it." }), false),
  }), {}),
  submission: v.optional(v.strictObject({
    "hide-client-address": v.optional(flag({ text: "Leave the address of the user's machine out of the Received field of mail that is submitted." }), true),
  }), {}),
  hints: v.optional(v.strictObject({
    url: v.optional(plain(v.pipe(v.union([v.string(), v.array(v.string())], 'is neither "nats://host:port" nor a list of them'), v.rawTransform<string | string[], NatsServers>(({ dataset, addIssue, NEVER }) => {
      const servers = parseNatsUrls(typeof dataset.value === "string" ? [dataset.value] : dataset.value);
      if (servers !== null) return servers;
      addIssue({ message: 'is not "nats://host:port" or "tls://host:port", or a list of one kind of them' });
      return NEVER;
    })), {
      type: "url or list of urls", absent: "the workers of one server tell each other; other processes look every 2 seconds", sample: '"nats://127.0.0.1:4222"',
      text: "The NATS servers over which hosts with the same store tell each other at once of new mail and changes: `nats://host:port`, `nats://user:password@host:port`, or `tls://` in place of `nats://`. While NATS is away everything works as without it.",
    })),
  }), {}),
  retention: v.optional(v.strictObject({
    expunged: v.optional(parsed((value) => (value === "0" ? 0 : parseDuration(value)), 'a duration like "7d", or "0"', {
      type: "duration", text: "How long messages that were expunged, or deleted with their mailbox, can be brought back (`account undelete`). They count for no quota. `0`: not at all.",
    }), "7d"),
  }), {}),
  message: v.optional(v.strictObject({
    "size-max": v.optional(parsed(parseSize, 'a size like "32MB" or "64MiB"', { type: "size", text: "The largest message that is taken, by SMTP and by IMAP (RFC 1870)." }), "32MB"),
  }), {}),
  limits: v.optional(v.strictObject({
    connections: v.optional(count({ text: "Open connections on one listener." }), 2000),
    "connections-per-address": v.optional(count({ text: "Open connections from one address (for IPv6 from one /64) on one listener." }), 200),
  }), {}),
  outbound: v.optional(v.strictObject({
    helo: v.optional(domain({ text: "The name given in EHLO to other servers.", absent: "`hostname`", sample: '"out.example.test"' })),
    concurrency: v.optional(count({ text: "Deliveries to other servers at the same time." }), 50),
    retry: v.optional(plain(v.pipe(v.array(duration({ text: "" })), v.minLength(1, "must have a first delay")), { type: "list of durations", text: "How long to wait after the first, the second, … failed attempt; the last one is used from then on." }), ["1m", "5m", "15m", "30m", "1h", "2h", "4h"]),
    "give-up": v.optional(duration({ text: "How long after it was accepted a message is returned to its sender (RFC 5321 section 4.5.4.1 asks for 4 to 5 days)." }), "5d"),
    "delay-notice": v.optional(duration({ text: "After how long the sender is told that a message is still waiting." }), "4h"),
    routes: v.optional(plain(v.record(routed, route), {
      type: "table", absent: "MX records decide",
      text: 'Fixed ways for the mail of some domains: the key is a domain, or `"*"` for all that have none of their own. The value is `"host:port"`, or `{ to = "host:port", tls = "none" | "opportunistic" | "require" | "verify" }`: `require` is encrypted, whoever it is, `verify` has a certificate valid for the host, too.',
      sample: '{ "*" = { to = "relay.example.net:25", tls = "verify" } }',
    }), {}),
  }), {}),
  log: v.optional(v.strictObject({
    level: v.optional(plain(v.picklist(["debug", "info", "warn", "error"]), { type: '"debug", "info", "warn" or "error"', text: "The least important lines that are written to standard error." }), "info"),
  }), {}),
});

type Declared = v.InferOutput<typeof declaration>;

/** The settings in force: paths are absolute, absent ones are resolved. */
export interface Settings extends Omit<Declared, "store" | "tls" | "outbound"> {
  readonly store: StorePlace & { readonly masterKeyPath: string };
  readonly tls: { readonly certPath: string; readonly keyPath: string; /** Made at the first start where it is not there yet. */ readonly selfSigned: boolean };
  readonly outbound: Omit<Declared["outbound"], "routes" | "helo"> & { readonly helo: string; readonly routes: readonly Route[] };
}
export type StorePlace =
  | { readonly kind: "sqlite"; readonly path: string }
  /** `credentialsPath` null: the credentials are in the environment. */
  | { readonly kind: "s3"; readonly url: string; readonly credentialsPath: string | null };
export interface Route {
  /** "*" or a domain in A-labels. */
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  readonly tls: (typeof TLS_POLICIES)[number];
}
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly reason: string;
}
export type SettingsAnswer = { readonly kind: "settings"; readonly settings: Settings } | { readonly kind: "refused"; readonly problems: readonly Problem[] };

export function readSettings(file: string): SettingsAnswer {
  let source: string;
  try {
    source = readFileSync(file, "utf8");
  } catch (error) {
    return { kind: "refused", problems: [{ file, line: 0, reason: `cannot be read: ${error instanceof Error ? error.message : String(error)}` }] };
  }
  return parseSettings(source, file);
}

/** `file` names the source in errors, and its folder is what relative paths start from. */
export function parseSettings(source: string, file: string): SettingsAnswer {
  let tree: unknown;
  try {
    tree = parse(source);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return { kind: "refused", problems: [{ file, line: error.line, reason: error.message.split("\n")[0] ?? "is no TOML" }] };
  }
  const result = v.safeParse(declaration, tree);
  if (!result.success) return { kind: "refused", problems: result.issues.map((issue) => problemOf(issue, source, file)) };
  const { tls } = result.output;
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    return { kind: "refused", problems: [{ file, line: lineOf(source, ["tls"]), reason: "tls: `cert` and `key` are given together or not at all" }] };
  }
  return { kind: "settings", settings: settle(result.output, resolve(dirname(file))) };
}

export function writeProblem({ file, line, reason }: Problem): string {
  return line === 0 ? `${file}: ${reason}` : `${file}:${line}: ${reason}`;
}

function settle(declared: Declared, folder: string): Settings {
  const { url } = declared.store;
  const path = resolve(folder, url.kind === "sqlite" ? url.path : url.bucket);
  const place = placeOf(url, folder);
  const { cert, key } = declared.tls;
  const { helo, routes, ...outbound } = declared.outbound;
  return {
    ...declared,
    store: { ...place, masterKeyPath: resolve(folder, declared.store["master-key"] ?? `${path}.key`) },
    tls: { certPath: resolve(folder, cert ?? `${path}.cert.pem`), keyPath: resolve(folder, key ?? `${path}.cert.key`), selfSigned: cert === undefined },
    outbound: {
      ...outbound,
      helo: helo ?? declared.hostname,
      routes: Object.entries(routes).map(([routedDomain, way]) => ({ domain: routedDomain, ...("to" in way ? { ...way.to, tls: way.tls } : { ...way, tls: "opportunistic" as const }) })),
    },
  };
}

function problemOf(issue: v.BaseIssue<unknown>, source: string, file: string): Problem {
  const path = (issue.path ?? []).map(({ key }) => String(key));
  const name = path.join(".");
  const line = lineOf(source, path);
  if (issue.type === "strict_object" && issue.expected === "never") return { file, line, reason: `${name}: there is no such setting` };
  if (issue.type === "strict_object" && issue.received === "undefined") return { file, line, reason: `${name}: must be given` };
  const wrongType = issue.kind === "schema" && issue.type !== "union";
  const reason = wrongType ? `must be ${issue.expected ?? "something else"}, is ${issue.received}` : issue.message;
  return { file, line, reason: `${name}: ${reason}` };
}

function parseNetwork(value: string): string | null {
  const [, address, bits] = /^([0-9A-Fa-f.:]+)(?:\/([0-9]{1,3}))?$/.exec(value) ?? [];
  if (address === undefined) return null;
  const six = address.includes(":");
  if (parseDomain(six ? `[IPv6:${address}]` : `[${address}]`) === null) return null;
  return bits === undefined || Number(bits) <= (six ? 128 : 32) ? value : null;
}
