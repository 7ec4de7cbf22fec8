import { pino } from "pino";
import type { DestinationStream, Logger } from "pino";
import type { Clock } from "../port/clock.ts";
import type { Log, LogFields } from "../port/log.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";
export interface JsonLogOptions {
  readonly level: LogLevel;
  readonly clock: Clock;
  /** A file descriptor (1 or 2), or anything with `write`. */
  readonly to: 1 | 2 | DestinationStream;
  readonly fields?: LogFields;
  /** Several processes write to the same file or pipe: no write is longer than what a pipe takes whole, so lines are not torn. */
  readonly shared?: boolean;
}

/** A field's text may come from a peer; longer ones are cut. */
export const FIELD_CHARACTERS_MAX = 1024;

/** One JSON object a line: `level`, `time` in milliseconds since the epoch, `event`, and the fields. */
/** What POSIX has a pipe write whole, on Linux. Longer lines are written by themselves. */
const PIPE_BUF = 4096;

export class JsonLog implements Log {
  readonly #pino: Logger;
  private constructor(logger: Logger) {
    this.#pino = logger;
  }
  static open(options: JsonLogOptions): JsonLog {
    const destination = typeof options.to === "number" ? pino.destination({ dest: options.to, sync: false, ...(options.shared === true ? { maxWrite: PIPE_BUF } : {}) }) : options.to;
    const logger = pino({
      level: options.level,
      base: null,
      messageKey: "event",
      timestamp: () => `,"time":${options.clock.now()}`,
      formatters: { level: (label) => ({ level: label }) },
    }, destination);
    return new JsonLog(options.fields === undefined ? logger : logger.child(bounded(options.fields)));
  }
  debug(event: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled("debug")) this.#pino.debug(bounded(fields), event);
  }
  info(event: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled("info")) this.#pino.info(bounded(fields), event);
  }
  warn(event: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled("warn")) this.#pino.warn(bounded(fields), event);
  }
  error(event: string, fields?: LogFields): void {
    if (this.#pino.isLevelEnabled("error")) this.#pino.error(bounded(fields), event);
  }
  with(fields: LogFields): Log {
    return new JsonLog(this.#pino.child(bounded(fields)));
  }
  /** Waits until what was logged has been written; for the last moments of a process. */
  flush(): Promise<void> {
    return new Promise((resolve) => this.#pino.flush(() => resolve()));
  }
}

const RESERVED = new Set(["level", "time", "event"]);

/** Cuts long texts, and renames what would be a second `level`, `time` or `event` in the same object. */
function bounded(fields: LogFields = {}): LogFields {
  let changed: Record<string, LogFields[string]> | null = null;
  for (const [key, value] of Object.entries(fields)) {
    const long = typeof value === "string" && value.length > FIELD_CHARACTERS_MAX;
    if (!long && !RESERVED.has(key)) continue;
    changed ??= { ...fields };
    delete changed[key];
    changed[RESERVED.has(key) ? `${key}_` : key] = long ? `${value.slice(0, FIELD_CHARACTERS_MAX)}…` : value;
  }
  return changed ?? fields;
}
