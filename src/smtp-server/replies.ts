/** Every reply of the SMTP servers. The words are for people who debug; what a program needs is in the codes (RFC 3463, RFC 5248). */
import type { DeliveryAnswer, RecipientAnswer } from "../delivery/received.ts";
import type { CommandProblem } from "../smtp/command-line.ts";
import type { IntermediateReply, Rejection, Reply } from "../smtp/reply.ts";
import { accept, defer, reject } from "../smtp/reply.ts";

export const replies = {
  ok: accept(250, "2.0.0", "ok"),
  reversePathOk: accept(250, "2.1.0", "sender ok"),
  recipientOk: accept(250, "2.1.5", "recipient ok"),
  cannotVerify: accept(252, "2.0.0", "send a message to find out"),
  readyForTls: accept(220, "2.0.0", "ready to start TLS"),
  loggedIn: accept(235, "2.7.0", "authenticated"),
  bye: accept(221, "2.0.0", "bye"),
  startData: { kind: "intermediate", code: 354, text: "end with CRLF.CRLF" } satisfies IntermediateReply,

  shuttingDown: defer(421, "4.3.2", "the server is shutting down, try again"),
  timeout: defer(421, "4.4.2", "timeout, closing"),
  contentTimeout: defer(421, "4.4.2", "the content takes too long, closing"),
  tooManyErrors: defer(421, "4.7.0", "too many errors, closing"),
  tooManyIdle: defer(421, "4.7.0", "too many commands without a message, closing"),
  tooManyMessages: defer(421, "4.7.0", "too many messages in one session, closing"),
  tooManyUnknown: defer(421, "4.7.0", "too many refused recipients, closing"),
  serverFault: defer(421, "4.3.0", "local error, closing"),
  localError: defer(451, "4.3.0", "local error, try again later"),
  noMemory: defer(452, "4.3.1", "no room for the message now, try again later"),
  tooManyRecipients: defer(452, "4.5.3", "too many recipients"),
  tlsUnavailable: defer(454, "4.7.0", "TLS is not available"),
  authUnavailable: defer(454, "4.7.0", "authentication is not available now"),

  lineTooLong: reject(500, "5.5.2", "line too long"),
  authLineTooLong: reject(500, "5.5.6", "authentication line too long"),
  bareLineEnd: reject(500, "5.5.2", "a line ends with CRLF"),
  helloFirst: reject(503, "5.5.1", "EHLO first"),
  nestedMail: reject(503, "5.5.1", "a transaction is under way"),
  mailFirst: reject(503, "5.5.1", "MAIL first"),
  noRecipients: reject(554, "5.5.1", "no valid recipients"),
  chunking: reject(503, "5.5.1", "the content is coming by BDAT"),
  binaryByData: reject(503, "5.5.1", "BINARYMIME needs BDAT"),
  parametersNeedEhlo: reject(555, "5.5.4", "parameters need EHLO"),
  utf8Needed: reject(553, "5.6.7", "the address needs SMTPUTF8"),
  tooLarge: reject(552, "5.3.4", "message too large"),
  headerTooLarge: reject(552, "5.3.4", "message header too large"),
  strictLineEnds: reject(550, "5.5.2", "bare CR or LF in the message"),
  noExpansion: reject(502, "5.5.1", "EXPN is not implemented"),

  tlsAlready: reject(503, "5.5.1", "TLS is active"),
  tlsFirst: reject(530, "5.7.0", "STARTTLS first"),
  tlsForAuth: reject(538, "5.7.11", "encryption required, STARTTLS first"),
  authFirst: reject(530, "5.7.0", "authentication required"),
  noAuthHere: reject(503, "5.5.1", "authentication is not offered here"),
  authAlready: reject(503, "5.5.1", "authenticated already"),
  authInTransaction: reject(503, "5.5.1", "no authentication within a transaction"),
  mechanismUnknown: reject(504, "5.5.4", "mechanism not offered"),
  authMalformed: reject(501, "5.5.2", "malformed authentication"),
  authCancelled: reject(501, "5.7.0", "authentication cancelled"),
  loginRefused: reject(535, "5.7.8", "authentication failed"),
  notYourAddress: reject(553, "5.7.1", "not an address of this login"),
  notYourAuthor: reject(553, "5.7.1", "From or Sender is not an address of this login"),
  noAuthor: reject(550, "5.6.0", "the message needs one From field with an address"),
} as const;

export const problemReplies = {
  "unknown-verb": reject(500, "5.5.1", "command not known"),
  "not-text": reject(500, "5.5.2", "the line is not text"),
  "bad-argument": reject(501, "5.5.4", "malformed argument"),
  "bad-reverse-path": reject(501, "5.1.7", "malformed sender address"),
  "bad-forward-path": reject(501, "5.1.3", "malformed recipient address"),
  "bad-parameter": reject(501, "5.5.4", "malformed parameter"),
  "unknown-parameter": reject(555, "5.5.4", "parameter not known"),
  "bad-chunk-size": reject(501, "5.5.4", "malformed chunk size, closing"),
} satisfies Record<CommandProblem, Reply<5>>;

export const recipientReplies = {
  accepted: replies.recipientOk,
  unknown: reject(550, "5.1.1", "no such mailbox"),
  "relay-denied": reject(550, "5.7.1", "relaying denied"),
  "over-quota": defer(452, "4.2.2", "mailbox full"),
  disabled: reject(550, "5.2.1", "mailbox disabled"),
  unavailable: replies.localError,
} satisfies Record<RecipientAnswer["kind"], Reply>;

type DeferredBecause = Extract<DeliveryAnswer, { kind: "deferred" }>["because"];
type RefusedBecause = Extract<DeliveryAnswer, { kind: "refused" }>["because"];

export const deferredReplies = {
  unavailable: replies.localError,
  full: replies.noMemory,
  "over-quota": defer(452, "4.2.2", "mailbox full"),
} satisfies Record<DeferredBecause, Rejection>;

export const refusedReplies = {
  loop: reject(554, "5.4.6", "mail loop: too many hops"),
  "over-quota": reject(552, "5.2.2", "mailbox full"),
} satisfies Record<RefusedBecause, Rejection>;
