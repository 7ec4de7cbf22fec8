import type { Log, LogFields } from "./log.ts";

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly fields: LogFields;
}

/** Keeps the lines, for tests to look at. */
export class FakeLog implements Log {
  readonly lines: LogLine[];
  readonly #fields: LogFields;
  constructor(lines: LogLine[] = [], fields: LogFields = {}) {
    this.lines = lines;
    this.#fields = fields;
  }
  #add(level: LogLine["level"], event: string, fields: LogFields = {}): void {
    this.lines.push({ level, event, fields: { ...this.#fields, ...fields } });
  }
  debug(event: string, fields?: LogFields): void { this.#add("debug", event, fields); }
  info(event: string, fields?: LogFields): void { this.#add("info", event, fields); }
  warn(event: string, fields?: LogFields): void { this.#add("warn", event, fields); }
  error(event: string, fields?: LogFields): void { this.#add("error", event, fields); }
  with(fields: LogFields): Log {
    return new FakeLog(this.lines, { ...this.#fields, ...fields });
  }
}
