import type { Account } from "../../account/account.ts";
import { subscribe as changeSubscription } from "../../account/mailbox-names.ts";
import { type Completion, ok, refusal } from "../response.ts";

/** SUBSCRIBE and UNSUBSCRIBE (RFC 9051 sections 6.3.7 and 6.3.8): a name may be subscribed whether or not it is there. */
export async function subscribe(account: Account, command: { readonly kind: "subscribe" | "unsubscribe"; readonly mailbox: string }): Promise<Completion> {
  const changed = await changeSubscription(account, command.mailbox, command.kind === "subscribe");
  return changed.kind === "done" ? ok("Done") : refusal(changed);
}
