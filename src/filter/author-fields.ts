/** The author domain of a message as its header has it: what DMARC judges and what a signer signs for. */
import { type Author, authorOf } from "../dmarc/author.ts";
import type { CanonicalMessage } from "../dkim/canonical-message.ts";
import { fieldValue } from "../message/header-fields.ts";

export function authorOfMessage(message: CanonicalMessage): Author {
  const values = message.named("from").map((index) => {
    const { nameLower, start, end, valueStart } = message.fields[index]!;
    return fieldValue(message.header, { name: nameLower, nameLower, start, end, valueStart, valueEnd: end });
  });
  return authorOf(values);
}
