/** Octets as they lie in the store: compressed with zstd where that helps, then sealed. */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Cipher } from "./cipher.ts";

const RAW = 0;
const ZSTD = 1;
const FORMS = [Buffer.of(RAW), Buffer.of(ZSTD)];
/** Below this, compressing costs more than it saves. */
const COMPRESS_FROM_BYTES = 512;
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

export function pack(cipher: Cipher, plain: Buffer, context: string): Buffer {
  const squeezed = plain.length < COMPRESS_FROM_BYTES ? null : zstdCompressSync(plain, LEVEL);
  const form = squeezed !== null && squeezed.length < plain.length ? ZSTD : RAW;
  return cipher.sealParts([FORMS[form]!, form === ZSTD ? squeezed! : plain], context);
}

/** Null when the octets were changed, or would unpack to more than `bytesMax`. */
export function unpack(cipher: Cipher, sealed: Buffer, context: string, bytesMax: number): Buffer | null {
  const opened = cipher.open(sealed, context);
  if (opened === null || opened.length === 0) return null;
  const body = opened.subarray(1);
  if (opened[0] === RAW) return body.length <= bytesMax ? body : null;
  if (opened[0] !== ZSTD) return null;
  try {
    return zstdDecompressSync(body, { maxOutputLength: Math.max(1, bytesMax) });
  } catch {
    return null;
  }
}
