/** QUIT (RFC 5321 section 4.1.1.10). */
import { replies } from "../replies.ts";
import type { Outcome } from "../session.ts";

export function quit(): Outcome {
  return { kind: "close", reply: replies.bye };
}
