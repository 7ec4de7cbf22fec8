/** What a command comes to, and the words for what an account refuses. */
import type { AccountFailure } from "../account/failure.ts";
import type { ResponseCode, StatusResponse } from "../imap/write-response.ts";

/** The tagged response; untagged ones were written before it. */
export type Completion = StatusResponse;

export function ok(text: string, code: ResponseCode | null = null): Completion {
  return { status: "OK", code, text };
}
export function no(text: string, code: ResponseCode | null = null): Completion {
  return { status: "NO", code, text };
}
export function bad(text: string, code: ResponseCode | null = null): Completion {
  return { status: "BAD", code, text };
}

/** Each failure of an account in IMAP's words (RFC 9051 section 7.1); a new kind fails to compile until it has some. */
const failures: { readonly [K in AccountFailure["kind"]]: (failure: Extract<AccountFailure, { kind: K }>) => Completion } = {
  "mailbox-missing": () => no("No such mailbox", { kind: "NONEXISTENT" }),
  "mailbox-exists": () => no("A mailbox of that name exists", { kind: "ALREADYEXISTS" }),
  "mailbox-name": (failure) => no(`That name can not be used: ${failure.why}`, { kind: "CANNOT" }),
  "mailbox-fixed": () => no("INBOX can not be deleted", { kind: "CANNOT" }),
  "over-quota": () => no("The account is over its quota", { kind: "OVERQUOTA" }),
  limit: (failure) => no(`Too many ${failure.of}`, { kind: "LIMIT" }),
  closed: () => no("The account is closed", { kind: "UNAVAILABLE" }),
  full: () => no("The store has no room now, try again later", { kind: "UNAVAILABLE" }),
  unavailable: () => no("The store does not answer now, try again later", { kind: "UNAVAILABLE" }),
  corrupt: () => no("Something in the store can not be read", { kind: "CORRUPTION" }),
};
export function refusal(failure: AccountFailure): Completion {
  return (failures[failure.kind] as (failure: AccountFailure) => Completion)(failure);
}
/** The target of APPEND, COPY or MOVE is missing: the client may create it (RFC 9051 section 6.3.12). */
export function targetRefusal(failure: AccountFailure): Completion {
  return failure.kind === "mailbox-missing" ? no("No such mailbox", { kind: "TRYCREATE" }) : refusal(failure);
}
