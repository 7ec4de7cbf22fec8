/** Which file does which command, and in which state it is allowed (RFC 9051 section 3). */
import { unreachable } from "../base/assert.ts";
import type { Command } from "../imap/command.ts";
import { append } from "./command/append.ts";
import { authenticate } from "./command/authenticate.ts";
import { capability } from "./command/capability.ts";
import { close } from "./command/close.ts";
import { copy } from "./command/copy.ts";
import { create } from "./command/create.ts";
import { remove } from "./command/delete.ts";
import { enable } from "./command/enable.ts";
import { expunge } from "./command/expunge.ts";
import { fetch } from "./command/fetch.ts";
import { id } from "./command/id.ts";
import { idle } from "./command/idle.ts";
import { list, lsub } from "./command/list.ts";
import { login } from "./command/login.ts";
import { logout } from "./command/logout.ts";
import { namespace } from "./command/namespace.ts";
import { noop } from "./command/noop.ts";
import { rename } from "./command/rename.ts";
import { search } from "./command/search.ts";
import { select } from "./command/select.ts";
import { startTls } from "./command/starttls.ts";
import { status } from "./command/status.ts";
import { store } from "./command/store.ts";
import { subscribe } from "./command/subscribe.ts";
import type { Account } from "../account/account.ts";
import { bad, type Completion, refusal } from "./response.ts";
import type { Selected } from "./selected.ts";
import type { CommandOutcome, Session } from "./session.ts";

/** A state this old may be acted on: every change is checked against the newest anyway when it is committed. */
const YOUNG_ENOUGH_MS = 50;
const ALWAYS_FRESH = new Set<Command["kind"]>(["noop", "check", "select", "examine", "status", "list", "lsub", "idle"]);
/** While these run, message numbers must not shift (RFC 9051 section 7.5.1). */
const NUMBERED = new Set<Command["kind"]>(["fetch", "store", "search"]);
const ENDS_SELECTION = new Set<Command["kind"]>(["select", "examine", "close", "unselect", "logout"]);

type AnyState = Extract<Command, { kind: "capability" | "noop" | "logout" | "id" }>;
type BeforeLogin = Extract<Command, { kind: "starttls" | "authenticate" | "login" }>;
type WithSelection = Extract<Command, { kind: "close" | "unselect" | "check" | "expunge" | "search" | "fetch" | "store" | "copy" | "move" }>;
type AfterLogin = Exclude<Command, AnyState | BeforeLogin | WithSelection | { kind: "unknown" }>;

export async function runCommand(session: Session, tag: string, command: Command): Promise<CommandOutcome> {
  switch (command.kind) {
    case "unknown":
      return bad("No such command");
    case "capability":
      return capability(session);
    case "id":
      return id(session, command);
    case "logout":
      return logout(session);
    case "starttls": case "authenticate": case "login":
      return session.authenticated === null ? beforeLogin(session, tag, command) : bad("You are logged in");
    default:
      return afterLogin(session, tag, command);
  }
}

function beforeLogin(session: Session, tag: string, command: BeforeLogin): Promise<CommandOutcome> {
  switch (command.kind) {
    case "starttls":
      return startTls(session, tag);
    case "authenticate":
      return authenticate(session, command);
    case "login":
      return login(session, command);
  }
}

async function afterLogin(session: Session, tag: string, command: AfterLogin | WithSelection | { readonly kind: "noop" }): Promise<CommandOutcome> {
  if (session.authenticated === null) return command.kind === "noop" ? noop() : bad("Log in first");
  const { account } = session.authenticated.lease;
  const fresh = await account.refresh(ALWAYS_FRESH.has(command.kind) ? {} : { youngerThanMs: YOUNG_ENOUGH_MS });
  if (fresh.kind !== "done") return refusal(fresh);
  const completion = await complete(session, account, tag, command);
  if ("kind" in completion || session.selected === null || ENDS_SELECTION.has(command.kind)) return completion;
  return (await tellChanges(session, session.selected, command)) ? completion : { kind: "end" };
}

/** False when the selected mailbox is gone. */
async function tellChanges(session: Session, selected: Selected, command: Command): Promise<boolean> {
  const byNumber = NUMBERED.has(command.kind) && "addressing" in command && command.addressing === "sequence";
  const told = await selected.sync(session.writer, { expunges: !byNumber, condstore: session.condstore, withUid: "addressing" in command && command.addressing === "uid" });
  if (told.kind !== "mailbox-missing") return true;
  session.bye("The selected mailbox was deleted", "mailbox-deleted");
  return false;
}

function complete(session: Session, account: Account, tag: string, command: AfterLogin | WithSelection | { readonly kind: "noop" }): Promise<CommandOutcome> | CommandOutcome {
  switch (command.kind) {
    case "noop":
      return noop();
    case "close": case "unselect": case "check": case "expunge": case "search": case "fetch": case "store": case "copy": case "move":
      return session.selected === null ? bad("Select a mailbox first") : withSelection(session, session.selected, tag, command);
    case "enable":
      return enable(session, command);
    case "select": case "examine":
      return select(session, account, command);
    case "create":
      return create(account, command);
    case "delete":
      return remove(session, account, command);
    case "rename":
      return rename(account, command);
    case "subscribe": case "unsubscribe":
      return subscribe(account, command);
    case "list":
      return list(session, account, command);
    case "lsub":
      return lsub(session, account, command);
    case "namespace":
      return namespace(session);
    case "status":
      return status(session, account, command);
    case "append":
      return append(session, account, command);
    case "idle":
      return idle(session);
    case "getquota": case "getquotaroot":
      return bad("No such command");
    default:
      return unreachable(command);
  }
}

function withSelection(session: Session, selected: Selected, tag: string, command: WithSelection): Promise<CommandOutcome> | Completion {
  switch (command.kind) {
    case "check":
      return noop();
    case "close": case "unselect":
      return close(session, selected, command);
    case "expunge":
      return expunge(selected, command);
    case "search":
      return search(session, selected, tag, command);
    case "fetch":
      return fetch(session, selected, command);
    case "store":
      return store(session, selected, command);
    case "copy": case "move":
      return copy(session, selected, command);
    default:
      return unreachable(command);
  }
}
