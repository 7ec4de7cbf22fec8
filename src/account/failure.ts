/** Why an account did not do what was asked. One closed list; each protocol has one table from it to its own words. */
import type { StoreFailure } from "../port/object-store.ts";

export type AccountFailure =
  /** No mailbox of that name or id. */
  | { readonly kind: "mailbox-missing" }
  | { readonly kind: "mailbox-exists" }
  /** The name breaks a rule; `why` is for people. */
  | { readonly kind: "mailbox-name"; readonly why: string }
  /** INBOX can't be deleted. */
  | { readonly kind: "mailbox-fixed" }
  | { readonly kind: "over-quota" }
  /** Keywords, mailboxes or subscriptions. */
  | { readonly kind: "limit"; readonly of: "keywords" | "mailboxes" | "subscriptions" }
  /** The account is being erased. */
  | { readonly kind: "closed" }
  /** The store has no room: what was acknowledged is safe, nothing new is taken. */
  | { readonly kind: "full" }
  /** The store does not answer, or not in time. It may have taken the change if `outcome` is unknown. */
  | { readonly kind: "unavailable"; readonly outcome: "none" | "unknown" }
  /** What the store holds can't be read. */
  | { readonly kind: "corrupt"; readonly detail: string };

export type Done<T> = { readonly kind: "done"; readonly value: T };
export type Outcome<T> = Done<T> | AccountFailure;

export function done<T>(value: T): Done<T> {
  return { kind: "done", value };
}

export function failureOf(failure: StoreFailure): AccountFailure {
  if (failure.because === "full") return { kind: "full" };
  if (failure.because === "corrupt") return { kind: "corrupt", detail: failure.detail };
  return { kind: "unavailable", outcome: failure.outcome };
}
