/** DNS, with the differences that mail needs: nothing there (twice), could not tell (thrice), and whether the answer was validated. */
export interface Resolver {
  resolve<T extends RecordType>(name: string, type: T): Promise<Answer<RecordOf[T]>>;
}

export type RecordType = keyof RecordOf;
export interface RecordOf {
  A: string;
  /** Lower case, RFC 5952 form. */
  AAAA: string;
  MX: { readonly preference: number; /** Without the last dot; "" is the root, a null MX (RFC 7505). */ readonly exchange: string };
  /** The character strings of one record, joined (RFC 7208 section 3.3), as octets in latin1. */
  TXT: string;
  PTR: string;
  CNAME: string;
  NS: string;
  TLSA: { readonly usage: number; readonly selector: number; readonly matching: number; readonly data: Buffer };
}

export type Answer<T> =
  | { readonly kind: "records"; readonly records: readonly [T, ...T[]]; /** The AD bit from a server we trust. */ readonly authentic: boolean; /** Seconds it may be kept. */ readonly ttl: number }
  | { readonly kind: "void"; readonly because: "nxdomain" | "nodata"; readonly authentic: boolean; readonly ttl: number }
  | { readonly kind: "failure"; readonly because: "servfail" | "timeout" | "bogus" | "malformed" };
