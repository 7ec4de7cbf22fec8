import type { MessageLimits } from "./limits.ts";
import type { MessagePart } from "./part.ts";

/** Finds the parts of a message (RFC 5322, 2045, 2046). Never throws; takes time linear in the size. */
export declare function parseMessage(content: Buffer, limits?: MessageLimits): MessagePart;
