/** A primitive with a meaning. Made only by the one checked constructor beside each brand. */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
