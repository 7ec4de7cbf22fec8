/** RFC 5322 section 3.3 and 4.3. `ms` since the epoch; null when it is no date. */
export declare function parseDate(text: string): { readonly ms: number; readonly offsetMinutes: number } | null;
/** "Tue, 24 Nov 2026 20:15:11 +0900". */
export declare function writeDate(ms: number, offsetMinutes?: number): string;
