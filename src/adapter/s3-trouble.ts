/** What an answer that is no success means: whether another try can help, and what the caller is told when none does. */
import type { Clock } from "../port/clock.ts";
import type { StoreFailure } from "../port/object-store.ts";
import type { Random } from "../port/random.ts";
import { S3_BACKOFF_MS_MAX, S3_BACKOFF_MS_MIN, S3_NO_EFFECT_MS_MAX, S3_OPERATION_MS_MAX } from "./limits.ts";
import type { S3Result } from "./s3-client.ts";

export interface Trouble {
  readonly again: boolean;
  readonly failure: StoreFailure;
}

/** The request was turned away because there were too many. */
const THROTTLED = new Set(["SlowDown", "SlowDownRead", "SlowDownWrite", "TooManyRequests", "RequestLimitExceeded", "Throttling", "ThrottlingException"]);
const FULL = new Set(["QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "StorageFull"]);
/** The request did not arrive as it was sent. */
const GARBLED = new Set(["RequestTimeout", "IncompleteBody", "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch"]);

/**
 * A 5xx answer may come after the effect, so its outcome is unknown, unless its code says that the request was turned away.
 * Details name status and code, never the text of an error: some stores put what was signed into it.
 */
export function troubleOf(result: S3Result): Trouble {
  if (result.kind === "unsent") return trouble(true, "unavailable", "none", result.detail);
  if (result.kind === "lost") return trouble(true, result.because, "unknown", result.detail);
  const { status, code, headers } = result;
  const detail = `the store answered ${status}${code === "" ? "" : ` ${code}`}`;
  if (status === 429 || THROTTLED.has(code)) return trouble(true, "throttled", "none", detail);
  if (status === 507 || FULL.has(code)) return trouble(false, "full", "none", detail);
  // Two requests met (ConditionalRequestConflict, OperationAborted): neither side says who was first, and ours was not.
  if (status === 409) return trouble(true, "throttled", "none", detail);
  if (status === 501) return trouble(false, "unavailable", "none", detail, false);
  if (status >= 500) return trouble(true, "unavailable", "unknown", detail);
  if (GARBLED.has(code)) return trouble(true, "unavailable", "none", detail);
  const region = headers["x-amz-bucket-region"];
  if (status >= 300 && status < 400 && typeof region === "string") return trouble(false, "unavailable", "none", `${detail}: the bucket is in the region ${region.replace(/[^a-z0-9-]/g, "")}`, false);
  return trouble(false, "unavailable", "none", detail, false);
}

function trouble(again: boolean, because: StoreFailure["because"], outcome: StoreFailure["outcome"], detail: string, retryable = true): Trouble {
  return { again, failure: { kind: "failure", because, outcome, retryable, detail } };
}

/** The tries of one operation: how long there may be another, and what is waited in between. */
export class Tries {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #startedAt: number;
  /** Added to the limits: sending so many octets takes its time. */
  readonly #moreMs: number;
  #stepMs = S3_BACKOFF_MS_MIN;
  count = 1;

  constructor({ clock, random }: { readonly clock: Clock; readonly random: Random }, moreMs = 0) {
    this.#clock = clock;
    this.#random = random;
    this.#startedAt = clock.monotonic();
    this.#moreMs = moreMs;
  }
  /** Waits, and answers whether there is another try. The first one elsewhere comes at once where `at once` is asked for. */
  async again(outcome: "none" | "unknown", atOnce: boolean): Promise<boolean> {
    const limitMs = (outcome === "none" ? S3_NO_EFFECT_MS_MAX : S3_OPERATION_MS_MAX) + this.#moreMs;
    const waitMs = atOnce && this.count === 1 ? 0 : 1 + this.#random.below(this.#stepMs);
    if (this.#clock.monotonic() - this.#startedAt + waitMs >= limitMs) return false;
    if (waitMs > 0) {
      this.#stepMs = Math.min(2 * this.#stepMs, S3_BACKOFF_MS_MAX);
      await this.#clock.sleep(waitMs);
    }
    this.count += 1;
    return true;
  }
}
