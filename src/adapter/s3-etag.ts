/** Etags as the port has them: without quotes, and without the W/ that a proxy may have put in front (RFC 9110 section 8.8.3). "" where there is none. */
export function etagOf(header: string | undefined): string {
  return /^(?:W\/)?"?([^"]{1,256})"?$/.exec(header ?? "")?.[1] ?? "";
}

/** An etag as it is sent in a condition. */
export function written(etag: string, form: "quoted" | "bare"): string {
  return form === "quoted" ? `"${etag}"` : etag;
}
