/**
 * Which endpoint a request goes to: round robin over those that answer. One that does not is left out and asked
 * whether it is back; when none answers, each is tried in turn.
 */
import type { Clock } from "../port/clock.ts";
import type { Log } from "../port/log.ts";
import type { Metrics } from "../port/metrics.ts";
import type { Random } from "../port/random.ts";
import { S3_DOWN_MS_MAX, S3_DOWN_MS_MIN } from "./limits.ts";
import type { S3Endpoint } from "./s3-url.ts";

interface Health {
  readonly endpoint: S3Endpoint;
  up: boolean;
  /** By the monotonic clock: when it last answered anything. */
  answeredAt: number;
  cancel: () => void;
}
export interface EndpointsWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly metrics: Metrics;
}

export class S3Endpoints {
  readonly #world: EndpointsWorld;
  readonly #all: Health[];
  readonly #isBack: (endpoint: S3Endpoint) => Promise<boolean>;
  #turn = 0;
  #closed = false;

  constructor(endpoints: readonly S3Endpoint[], world: EndpointsWorld, isBack: (endpoint: S3Endpoint) => Promise<boolean>) {
    this.#all = endpoints.map((endpoint) => ({ endpoint, up: true, answeredAt: -Infinity, cancel: () => {} }));
    this.#world = world;
    this.#isBack = isBack;
    this.#tell();
  }

  /** `not`: where the last try failed; taken only when there is nothing else. */
  pick(not: S3Endpoint | null): S3Endpoint {
    const up = this.#all.filter((health) => health.up);
    const others = up.filter(({ endpoint }) => endpoint !== not);
    const choice = others.length > 0 ? others : up.length > 0 ? up : this.#all;
    return choice[this.#turn++ % choice.length]!.endpoint;
  }

  answered(endpoint: S3Endpoint): void {
    const health = this.#of(endpoint);
    health.answeredAt = this.#world.clock.monotonic();
    if (!health.up) this.#markUp(health);
  }

  /** A request that began at `startedAt` (monotonic) got no answer. An endpoint that answered others meanwhile is not to blame. */
  failed(endpoint: S3Endpoint, startedAt: number, detail: string): void {
    const health = this.#of(endpoint);
    if (!health.up || this.#closed || health.answeredAt > startedAt) return;
    health.up = false;
    this.#world.log.warn("store-endpoint-down", { endpoint: endpoint.name, detail });
    this.#tell();
    this.#askLater(health, S3_DOWN_MS_MIN);
  }

  close(): void {
    this.#closed = true;
    for (const health of this.#all) health.cancel();
  }

  #askLater(health: Health, ms: number): void {
    health.cancel = this.#world.clock.timer(ms / 2 + this.#world.random.below(ms), () => {
      void this.#isBack(health.endpoint).then((back) => {
        if (this.#closed || health.up) return;
        if (back) this.#markUp(health);
        else this.#askLater(health, Math.min(2 * ms, S3_DOWN_MS_MAX));
      });
    });
  }
  #markUp(health: Health): void {
    health.cancel();
    health.up = true;
    this.#world.log.info("store-endpoint-up", { endpoint: health.endpoint.name });
    this.#tell();
  }
  #tell(): void {
    for (const { endpoint, up } of this.#all) this.#world.metrics.gauge("tayori_store_endpoint_up", up ? 1 : 0, { endpoint: endpoint.name });
  }
  #of(endpoint: S3Endpoint): Health {
    return this.#all.find((health) => health.endpoint === endpoint)!;
  }
}
