/** tayori dkim …: keys that sign mail, from their making to their end (RFC 6376 section 3.6.1, RFC 8463). */
import { unreachable } from "../../base/assert.ts";
import { parseDomain } from "../../address/domain.ts";
import type { Domain } from "../../address/address.ts";
import { parseKeyRecord, txtStrings, writeTxtStrings } from "../../dkim/key-record.ts";
import type { SigningKeyType } from "../../dkim/signing-key.ts";
import type { SigningKeyObject, SigningKeyState } from "../../directory/signing-key-record.ts";
import type { StateAnswer } from "../../directory/signing-keys.ts";
import type { Resolver } from "../../port/resolver.ts";
import type { OpenDirectory } from "../wire.ts";
import { done, failed, misused, table, writeTime, type CommandResult } from "./io.ts";

const TTL = 3600;
/** Names that are tried for keys made on one day. */
const DAILY_NAMES = ["", ..."bcdefghijklmnopqrstuvwxyz"];

export async function generateKeys(open: OpenDirectory, text: string, options: { readonly selector?: string; readonly algorithm?: string; readonly both?: boolean }): Promise<CommandResult> {
  const domain = parseDomain(text);
  if (domain === null) return misused(`"${text}" is no domain name.`);
  const { algorithm = "rsa", both = false } = options;
  if (algorithm !== "rsa" && algorithm !== "ed25519") return misused('--algorithm is "rsa" or "ed25519".');
  const types: readonly SigningKeyType[] = both ? ["rsa", "ed25519"] : [algorithm];
  const base = options.selector ?? await freeSelector(open, domain, types);
  if (typeof base !== "string") return base;
  const made: SigningKeyObject[] = [];
  for (const type of types) {
    const selector = both ? `${base}-${type}` : base;
    const answer = await open.signingKeys.generate(domain, selector, type);
    switch (answer.kind) {
      case "added":
        made.push(answer.key);
        break;
      case "exists":
        return failed("exists", `${domain} has a key ${selector} already: a selector is used once.`);
      case "unknown-domain":
        return failed("absent", `${domain} is not hosted here.`);
      case "unusable":
        return misused(`${answer.why}.`);
      case "unavailable":
        return failed("unavailable", answer.detail);
      default:
        return unreachable(answer);
    }
  }
  const next = `Publish this, then: tayori dkim check ${domain}; tayori dkim activate ${domain}`;
  return done([...made.map(zoneLine), "", next].join("\n"), made.map(dataOf));
}

/** `t` and the date, and a letter where that is taken. */
async function freeSelector({ signingKeys, clock }: OpenDirectory, domain: Domain, types: readonly SigningKeyType[]): Promise<string | CommandResult> {
  const listed = await signingKeys.list(domain);
  if (listed.kind !== "list") return failed("unavailable", listed.detail);
  const taken = new Set(listed.entries.map(({ selector }) => selector));
  const day = `t${writeTime(clock.now()).slice(0, 10).replaceAll("-", "")}`;
  const free = DAILY_NAMES.map((letter) => day + letter).find((name) => !taken.has(name) && types.every((type) => !taken.has(`${name}-${type}`)));
  return free ?? failed("exists", "So many keys were made today that names ran out: give --selector.");
}

export async function listKeys({ signingKeys }: OpenDirectory, text: string | null): Promise<CommandResult> {
  const domain = text === null ? null : parseDomain(text);
  if (text !== null && domain === null) return misused(`"${text}" is no domain name.`);
  const listed = await signingKeys.list(domain);
  if (listed.kind !== "list") return failed("unavailable", listed.detail);
  const time = (ms: number | null): string => (ms === null ? "-" : writeTime(ms));
  const rows = listed.entries.map((key) => [key.domain, key.selector, key.algorithm, key.state, time(key.createdAt), time(key.activatedAt)]);
  return done(table(["DOMAIN", "SELECTOR", "ALGORITHM", "STATE", "MADE", "ACTIVE SINCE"], rows), listed.entries.map(dataOf));
}

/** Both ways: the records in the domain's own zone, or aliases there to records in ours, which then change without the domain's owner. */
export async function showRecords(open: OpenDirectory, text: string, zoneText: string | undefined): Promise<CommandResult> {
  const { settings } = open;
  const zone = zoneText === undefined ? settings["default-domain"] ?? settings.hostname : parseDomain(zoneText);
  if (zone === null) return misused(`"${zoneText}" is no domain name.`);
  const listed = await keysOf(open, text);
  if (!Array.isArray(listed)) return listed;
  const delegated = listed.map((key) => ({ alias: `${key.selector}._domainkey.${key.domain}`, target: `${key.selector}.${key.domain}._domainkey.${zone}` }));
  const lines = [
    `; Either: in the zone of ${listed[0]!.domain}`, ...listed.map(zoneLine), "",
    `; or: in the zone of ${listed[0]!.domain}`, ...delegated.map(({ alias, target }) => `${alias}. ${TTL} IN CNAME ${target}.`),
    `; and in the zone of ${zone}`, ...listed.map((key, i) => `${delegated[i]!.target}. ${TTL} IN TXT ${stringsOf(key)}`),
  ];
  return done(lines.join("\n"), listed.map((key, i) => ({ ...dataOf(key), zoneLine: zoneLine(key), cname: delegated[i]! })));
}

export async function checkKeys(open: OpenDirectory, resolver: Resolver, text: string): Promise<CommandResult> {
  const listed = await keysOf(open, text);
  if (!Array.isArray(listed)) return listed;
  const found: { key: SigningKeyObject; publication: Publication }[] = [];
  for (const key of listed) {
    const publication = await publicationOf(key, resolver);
    const changed = publication === "visible" && key.state === "pending" ? await open.signingKeys.setState(key.domain, key.selector, "published") : null;
    found.push({ key: changed?.kind === "done" ? changed.key : key, publication });
  }
  const isRight = ({ key: { state }, publication }: (typeof found)[number]): boolean => RIGHT[state].includes(publication);
  const rows = found.map((entry) => [entry.key.selector, entry.key.state, isRight(entry) ? "ok" : SENTENCES[entry.publication]]);
  return done(table(["SELECTOR", "STATE", "DNS"], rows), found.map(({ key, publication }) => ({ ...dataOf(key), dns: publication })), found.every(isRight) ? 0 : 1);
}

export async function activateKeys(open: OpenDirectory, resolver: Resolver, { domain, selector, force }: { readonly domain: string; readonly selector: string | null; readonly force: boolean }): Promise<CommandResult> {
  const listed = await keysOf(open, domain);
  if (!Array.isArray(listed)) return listed;
  const wanted = listed.filter((key) => (selector === null ? key.state === "pending" || key.state === "published" : key.selector === selector.toLowerCase()));
  if (wanted.length === 0) return failed("absent", selector === null ? `${domain} has no key that waits for activation.` : `${domain} has no key ${selector}.`);
  for (const key of force ? [] : wanted) {
    const publication = await publicationOf(key, resolver);
    if (publication !== "visible") return failed("not-published", `${key.selector}: ${SENTENCES[publication]}. Receivers would find no key for what it signs. --force activates it all the same.`);
  }
  const active: SigningKeyObject[] = [];
  for (const key of wanted) {
    const answer = await open.signingKeys.setState(key.domain, key.selector, "active");
    if (answer.kind !== "done") return stateFailed(answer, key.selector);
    active.push(answer.key);
  }
  return done(active.map(({ selector: name, domain: signer }) => `${name} signs the mail of ${signer}.`).join("\n"), active.map(dataOf));
}

export async function retireKey(open: OpenDirectory, text: string, selector: string): Promise<CommandResult> {
  return changeState(open, { text, selector, to: "retired" }, (key) => `${key.selector} signs no more. Keep its record for two weeks: mail that it signed is still under way.`);
}
export async function revokeKey(open: OpenDirectory, text: string, selector: string): Promise<CommandResult> {
  return changeState(open, { text, selector, to: "revoked" }, (key) => `The private key is destroyed. Publish instead of its record:\n${zoneLine(key)}`);
}

async function changeState({ signingKeys }: OpenDirectory, { text, selector, to }: { readonly text: string; readonly selector: string; readonly to: "retired" | "revoked" }, sentence: (key: SigningKeyObject) => string): Promise<CommandResult> {
  const domain = parseDomain(text);
  if (domain === null) return misused(`"${text}" is no domain name.`);
  const answer = await signingKeys.setState(domain, selector.toLowerCase(), to);
  return answer.kind === "done" ? done(sentence(answer.key), dataOf(answer.key)) : stateFailed(answer, selector);
}

function stateFailed(answer: Exclude<StateAnswer, { kind: "done" }>, selector: string): CommandResult {
  switch (answer.kind) {
    case "absent":
      return failed("absent", `There is no key ${selector}.`);
    case "refused":
      return failed("refused", `${selector} is ${answer.from}.`);
    case "unavailable":
      return failed("unavailable", answer.detail);
    default:
      return unreachable(answer);
  }
}

/** At least one key, or why there is none. */
async function keysOf({ signingKeys }: OpenDirectory, text: string): Promise<SigningKeyObject[] | CommandResult> {
  const domain = parseDomain(text);
  if (domain === null) return misused(`"${text}" is no domain name.`);
  const listed = await signingKeys.list(domain);
  if (listed.kind !== "list") return failed("unavailable", listed.detail);
  return listed.entries.length === 0 ? failed("absent", `${domain} has no keys: tayori dkim generate ${domain} --both`) : [...listed.entries];
}

/** What the DNS says of a key. */
export type Publication = "visible" | "absent" | "different" | "withdrawn" | "unavailable";
const SENTENCES = {
  visible: "the DNS shows the key, which is revoked: publish the empty one",
  absent: "the DNS has no such record, or not yet",
  different: "the DNS has another key, or a record that cannot be read",
  withdrawn: "the DNS says that the key is revoked",
  unavailable: "the DNS does not answer",
} satisfies Record<Publication, string>;

/** What it should say. Records of keys that sign no more may go after a while. */
const RIGHT: Readonly<Record<SigningKeyState, readonly Publication[]>> = {
  pending: ["visible"], published: ["visible"], active: ["visible"], retired: ["visible", "absent"], revoked: ["withdrawn", "absent"],
};

export async function publicationOf({ domain, selector, record }: SigningKeyObject, resolver: Resolver): Promise<Publication> {
  const answer = await resolver.resolve(`${selector}._domainkey.${domain}`, "TXT");
  if (answer.kind === "failure") return "unavailable";
  if (answer.kind === "void") return "absent";
  const own = parseKeyRecord(record);
  for (const text of answer.records) {
    const found = parseKeyRecord(text);
    if (found.kind === "fault" && found.fault === "key-revoked") return "withdrawn";
    if (found.kind === "record" && own.kind === "record" && found.record.publicKey === own.record.publicKey && found.record.keyType === own.record.keyType) return "visible";
  }
  return "different";
}

/** A revoked key's record has an empty p=. */
export function stringsOf({ state, record }: SigningKeyObject): string {
  return writeTxtStrings(txtStrings(state === "revoked" ? record.replace(/p=.*$/, "p=") : record));
}
export function zoneLine(key: SigningKeyObject): string {
  return `${key.selector}._domainkey.${key.domain}. ${TTL} IN TXT ${stringsOf(key)}`;
}

function dataOf({ sealed: _, ...key }: SigningKeyObject) {
  const time = (ms: number | null): string | null => (ms === null ? null : writeTime(ms));
  const { createdAt, publishedAt, activatedAt, retiredAt, revokedAt } = key;
  return { ...key, name: `${key.selector}._domainkey.${key.domain}`, createdAt: writeTime(createdAt), publishedAt: time(publishedAt), activatedAt: time(activatedAt), retiredAt: time(retiredAt), revokedAt: time(revokedAt) };
}
