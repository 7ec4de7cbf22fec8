/** How many Received fields the header has (RFC 5321 section 6.3). Reads the header only. */
export declare function countReceived(content: Buffer): number;
