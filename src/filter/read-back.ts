/** What we found about a message that is in a mailbox: read from the fields we put in front of it. */
import { type AuthenticationResults, parseAuthenticationResults } from "../authres/authres.ts";
import { fieldsAt } from "../message/trace.ts";

/**
 * The results in our name. Only those above the first Received field count: that field is of the hop that delivered, and what stands
 * below it came with the message. Null where there are none.
 */
export function ownResults(content: Buffer, authservId: string): AuthenticationResults | null {
  const [trace] = fieldsAt(content, "received");
  if (trace === undefined) return null;
  for (const { valueStart, end } of fieldsAt(content.subarray(0, trace.start), "authentication-results")) {
    const parsed = parseAuthenticationResults(content.toString("utf8", valueStart, end));
    if (parsed.kind === "parsed" && parsed.value.authservId.toLowerCase() === authservId.toLowerCase()) return parsed.value;
  }
  return null;
}
