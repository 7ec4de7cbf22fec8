import type { Account } from "../../account/account.ts";
import type { ListCommand } from "../../imap/command.ts";
import { canonicalMailboxName, compilePattern, DELIMITER } from "../../imap/mailbox-name.ts";
import { writeList, writeStatus } from "../../imap/write-response.ts";
import { type Completion, ok, refusal } from "../response.ts";
import type { Session } from "../session.ts";
import { statusValues } from "./status.ts";

interface Listed {
  readonly name: string;
  readonly exists: boolean;
  readonly subscribed: boolean;
  readonly hasChildren: boolean;
  readonly subscribedBelow: boolean;
  /** One of those below that are subscribed is not among the names that are asked for. */
  readonly subscribedUnseen: boolean;
  readonly specialUse: string | null;
}

/** RFC 9051 section 6.3.9, RFC 5258, RFC 5819, RFC 6154. */
export async function list(session: Session, account: Account, command: ListCommand): Promise<Completion> {
  const { writer } = session;
  if (!command.extended && command.patterns[0] === "") {
    writer.ascii(`* LIST (\\Noselect) "${DELIMITER}" ""\r\n`);
    return ok("Done");
  }
  const matches = command.patterns.map((pattern) => compilePattern(canonicalMailboxName(command.reference + pattern)));
  const isAsked = (name: string): boolean => matches.some((match) => match(name));
  for (const listed of hierarchy(account, { subscriptions: command.select.subscribed, isAsked })) {
    if (!isAsked(listed.name)) continue;
    const shown = extendedAttributes(listed, command);
    if (shown === null) continue;
    writeList(writer, { name: listed.name, ...shown });
    const mailbox = command.returns.status === null ? null : account.mailboxNamed(listed.name);
    if (mailbox === null) continue;
    const values = await statusValues(session, account, mailbox, command.returns.status!);
    if (values.kind !== "done") return refusal(values);
    writeStatus(writer, mailbox.name, values.value);
    await session.breathe();
  }
  return ok("Done");
}

/** Null when the selection options leave it out. */
function extendedAttributes(listed: Listed, command: ListCommand): { attributes: string[]; childInfo: string[] } | null {
  const { select, returns } = command;
  // RFC 5258 section 4: a name that only its children bring here is left out where the children are told themselves.
  const told = listed.subscribed ? listed.subscribedBelow : listed.subscribedUnseen;
  const childInfo = select.recursiveMatch && select.subscribed && told ? ["SUBSCRIBED"] : [];
  if (select.subscribed && !listed.subscribed && childInfo.length === 0) return null;
  if (select.specialUse && listed.specialUse === null) return null;
  // A name that is only the way to another one is told in the plain list, and where children were asked for.
  if (!listed.exists && !listed.hasChildren && !listed.subscribed && childInfo.length === 0) return null;
  const attributes: string[] = [];
  // \NonExistent implies \Noselect (RFC 5258 section 3); who does not ask the extended way may not know it.
  if (!listed.exists) attributes.push("\\NonExistent", ...(command.extended ? [] : ["\\Noselect"]));
  attributes.push(listed.hasChildren ? "\\HasChildren" : "\\HasNoChildren");
  if (listed.subscribed && (select.subscribed || returns.subscribed)) attributes.push("\\Subscribed");
  if (listed.specialUse !== null) attributes.push(listed.specialUse);
  return { attributes, childInfo };
}

/** RFC 3501 section 6.3.9: subscribed names; with `%`, a name whose children alone are subscribed is \Noselect. */
export function lsub(session: Session, account: Account, command: { readonly reference: string; readonly pattern: string }): Completion {
  const match = compilePattern(canonicalMailboxName(command.reference + command.pattern));
  for (const listed of hierarchy(account, { subscriptions: true, isAsked: match })) {
    if (!match(listed.name)) continue;
    if (listed.subscribed) writeList(session.writer, { name: listed.name, attributes: listed.exists ? [] : ["\\NonExistent"], lsub: true });
    else if (listed.subscribedBelow && command.pattern.includes("%")) writeList(session.writer, { name: listed.name, attributes: ["\\Noselect"], lsub: true });
  }
  return ok("Done");
}

/** Every name there is, with those above it that are not mailboxes themselves; INBOX first, then in order. */
function hierarchy(account: Account, options: { readonly subscriptions: boolean; readonly isAsked: (name: string) => boolean }): Listed[] {
  const { state } = account;
  const names = new Set<string>();
  const parents = new Set<string>();
  const subscribedParents = new Set<string>();
  const unseenParents = new Set<string>();
  const note = (name: string, subscribed: boolean, exists: boolean): void => {
    names.add(name);
    const unseen = subscribed && !options.isAsked(name);
    for (let at = name.lastIndexOf(DELIMITER); at > 0; at = name.lastIndexOf(DELIMITER, at - 1)) {
      const parent = name.slice(0, at);
      names.add(parent);
      if (exists) parents.add(parent);
      if (subscribed) subscribedParents.add(parent);
      if (unseen) unseenParents.add(parent);
    }
  };
  for (const name of state.byName.keys()) note(name, false, true);
  if (options.subscriptions) for (const name of state.subscriptions) note(name, true, state.byName.has(name));
  return [...names].sort((a, b) => (a === "INBOX" ? -1 : b === "INBOX" ? 1 : a < b ? -1 : 1)).map((name) => ({
    name,
    exists: state.byName.has(name),
    subscribed: state.subscriptions.has(name),
    hasChildren: parents.has(name),
    subscribedBelow: subscribedParents.has(name),
    subscribedUnseen: unseenParents.has(name),
    specialUse: state.byName.get(name)?.specialUse ?? null,
  }));
}
