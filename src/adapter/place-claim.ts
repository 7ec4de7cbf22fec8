/** A place to listen, held for a moment without listening to anybody who connects. */
import { createServer } from "node:net";
import { detailOf } from "./node-connection.ts";

export interface PlaceClaim {
  readonly kind: "claimed";
  readonly port: number;
  release(): Promise<void>;
}

/** Fails where another process listens, even one that shares the place with others. Port 0 becomes one that the operating system chooses. */
export function claimPlace(host: string, port: number): Promise<PlaceClaim | { readonly kind: "failed"; readonly detail: string }> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error) => resolve({ kind: "failed", detail: detailOf(error) }));
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      const claimed = bound === null || typeof bound === "string" ? port : bound.port;
      resolve({ kind: "claimed", port: claimed, release: () => new Promise((released) => server.close(() => released())) });
    });
  });
}
