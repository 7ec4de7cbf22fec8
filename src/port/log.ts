/** The log. Fields are facts about the session, never content: no subject, no body, no password, no message header. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log whose lines all carry these fields too (the session id, for example). */
  with(fields: LogFields): Log;
}
