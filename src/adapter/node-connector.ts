import { connect, isIP } from "node:net";
import type { Clock } from "../port/clock.ts";
import type { ConnectAnswer, Connector, Endpoint } from "../port/connection.ts";
import { KEEP_ALIVE_MS } from "./limits.ts";
import { NodeConnection, detailOf } from "./node-connection.ts";

/** Opens TCP connections to addresses, never to names: who connects has asked the resolver. */
export class NodeConnector implements Connector {
  readonly #clock: Clock;
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  connect(to: Endpoint, options: { readonly timeoutMs: number; readonly localAddress?: string }): Promise<ConnectAnswer> {
    const family = isIP(to.address);
    if (family === 0) return Promise.resolve({ kind: "unreachable", detail: "not an IP address" });
    if (options.localAddress !== undefined && isIP(options.localAddress) !== family) {
      return Promise.resolve({ kind: "unreachable", detail: "the local address is of the other family" });
    }
    return new Promise((resolve) => {
      const socket = connect({
        host: to.address, port: to.port, allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS,
        ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      });
      const settle = (answer: ConnectAnswer): void => {
        cancel();
        if (answer.kind !== "connected") socket.destroy();
        resolve(answer);
      };
      const cancel = this.#clock.timer(options.timeoutMs, () => settle({ kind: "timeout", detail: `no answer in ${options.timeoutMs} ms` }));
      const onError = (error: Error): void => settle({ kind: kindOf(detailOf(error)), detail: detailOf(error) });
      socket.on("error", onError);
      socket.once("connect", () => settle({ kind: "connected", connection: new NodeConnection(socket, this.#clock) }));
    });
  }
}

function kindOf(code: string): "refused" | "timeout" | "unreachable" {
  if (code === "ECONNREFUSED" || code === "ECONNRESET") return "refused";
  return code === "ETIMEDOUT" ? "timeout" : "unreachable";
}
