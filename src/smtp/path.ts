/** Reverse-paths and forward-paths (RFC 5321 section 4.1.2, RFC 6531 section 3.3). */
import type { Address, ReversePath } from "../address/address.ts";
import { parseAddress, writeAddress } from "../address/address.ts";
import { PATH_BYTES_MAX } from "./limits.ts";

/** `<Postmaster>` without a domain means the server's own (RFC 5321 section 4.5.1). */
export type ForwardPath = { readonly kind: "postmaster" } | { readonly kind: "address"; readonly address: Address };

/** A path cut out of a command line. `inside` is what stood between the angle brackets, without a source route. */
export type PathCut = { readonly inside: string; readonly rest: string } | null;

/** Cuts `<...>` from the start of `text`. A ">" inside a quoted string does not end the path. */
export function cutPath(text: string): PathCut {
  if (!text.startsWith("<")) return null;
  const end = pathEnd(text);
  if (end < 0 || Buffer.byteLength(text.slice(0, end + 1)) > PATH_BYTES_MAX) return null;
  const inside = text.slice(1, end);
  return { inside: withoutSourceRoute(inside), rest: text.slice(end + 1) };
}

function pathEnd(text: string): number {
  if (!text.includes('"')) return text.indexOf(">");
  let quoted = false;
  for (let i = 1; i < text.length; i++) {
    const c = text[i];
    if (c === '"') quoted = !quoted;
    else if (c === "\\" && quoted) i++;
    else if (c === ">" && !quoted) return i;
  }
  return -1;
}

/** RFC 5321 section 4.1.2 and appendix C: `@a.test,@b.test:` in front of the mailbox must be accepted and ignored. */
function withoutSourceRoute(inside: string): string {
  if (!inside.startsWith("@")) return inside;
  const route = /^@[^\s@,:<>"]+(?:,@[^\s@,:<>"]+)*:/.exec(inside);
  return route === null ? inside : inside.slice(route[0].length);
}

export function parseReversePath(inside: string): ReversePath | null {
  if (inside === "") return { kind: "null" };
  const address = parseAddress(inside);
  return address === null ? null : { kind: "address", address };
}

export function parseForwardPath(inside: string): ForwardPath | null {
  if (/^postmaster$/i.test(inside)) return { kind: "postmaster" };
  const address = parseAddress(inside);
  return address === null ? null : { kind: "address", address };
}

export function writeReversePath(path: ReversePath): string {
  return path.kind === "null" ? "<>" : `<${writeAddress(path.address)}>`;
}

export function writeForwardPath(path: ForwardPath): string {
  return path.kind === "postmaster" ? "<Postmaster>" : `<${writeAddress(path.address)}>`;
}
