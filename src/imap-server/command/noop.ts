import { ok, type Completion } from "../response.ts";

/** RFC 9051 section 6.1.2. What changed is told after every command. */
export function noop(): Completion {
  return ok("Done");
}
