/** What is advertised (RFC 9051 section 6.1.1). A name stands here only when its RFC is done. */
import { offeredMechanisms } from "../sasl/mechanism.ts";

const ALWAYS = ["IMAP4rev2", "IMAP4rev1", "SASL-IR", "LITERAL+", "ID", "ENABLE"];
const AUTHENTICATED = [
  "IDLE", "NAMESPACE", "CHILDREN", "UIDPLUS", "UNSELECT", "MOVE", "ESEARCH", "SEARCHRES", "CONDSTORE", "LIST-EXTENDED", "LIST-STATUS",
  "SPECIAL-USE", "CREATE-SPECIAL-USE", "STATUS=SIZE", "BINARY", "MULTIAPPEND",
];

export interface CapabilityState {
  readonly authenticated: boolean;
  /** Passwords may be sent now. */
  readonly secure: boolean;
  readonly tls: boolean;
  readonly channelBinding: boolean;
  readonly startTls: boolean;
  readonly offerLogin: boolean;
  readonly messageBytesMax: number;
}

export function capabilities(state: CapabilityState): string[] {
  const names = [...ALWAYS];
  if (state.authenticated) return [...names, ...AUTHENTICATED, `APPENDLIMIT=${state.messageBytesMax}`];
  if (state.startTls && !state.tls) names.push("STARTTLS");
  if (!state.secure) return [...names, "LOGINDISABLED"];
  for (const mechanism of offeredMechanisms({ tls: state.secure, channelBinding: state.channelBinding, login: state.offerLogin })) names.push(`AUTH=${mechanism}`);
  return names;
}
