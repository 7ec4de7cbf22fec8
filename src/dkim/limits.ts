/** What a stranger's signatures may cost. */

/** Signatures of one message that are looked at, from the top (RFC 6376 section 6.1 lets a verifier stop). Real mail has one to four. */
export const signaturesMax = 8;
/** Octets of one signature field, folds included. A 4096-bit signature over 100 named fields has less than 3,000. */
export const signatureOctetsMax = 32 * 1024;
/** Tags of one list; RFC 6376 defines fourteen. */
export const tagsMax = 64;
/** Names in one h= tag. Mailing systems that oversign everything reach about 80. */
export const signedFieldsMax = 512;
/** Octets of the header that the signatures of one message cover together. Eight signatures over an ordinary header cover 60 KB. */
export const signedOctetsMax = 4 * 1024 * 1024;
/** Octets of one key record. RSA-4096 has 736 of base64. */
export const keyRecordOctetsMax = 4096;
/** Records under one name that are tried. RFC 6376 section 3.6.2.2 wants one. */
export const keyRecordsMax = 4;
/** RFC 8301 section 3.2: less is never valid; more need not be handled. */
export const rsaBitsMin = 1024;
export const rsaBitsMax = 4096;
/** A public exponent of thousands of bits makes a check as dear as a signature. Everybody uses 65537. */
export const rsaExponentMax = 2n ** 33n;
/** Records whose keys stay imported: most mail comes from few signers. About 3 KB each. */
export const importedKeysMax = 2048;
/** Octets that a canonicalizer collects before it hashes them. */
export const canonicalBlockOctets = 32 * 1024;
/** Fields of one name that a signer covers; more is no mail to vouch for. */
export const sameNameSignedMax = 20;
/** Letters of a domain name in the DNS (RFC 1035 section 2.3.4). */
export const dnsNameOctetsMax = 253;
