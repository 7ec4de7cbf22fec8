/** Networks, as settings name them: whether an address is in one of them. */
import { parseIpAddress, samePrefix, unmapIpAddress } from "../dns/ip-address.ts";

interface Network {
  readonly address: Uint8Array;
  readonly bits: number;
}

/** "10.0.0.0/8", "2001:db8::/32", or one address. Null when it is none. */
export function parseNetwork(text: string): Network | null {
  const [, addressText, bitsText] = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const address = addressText === undefined ? null : parseIpAddress(addressText);
  if (address === null) return null;
  const bits = bitsText === undefined ? address.length * 8 : Number(bitsText);
  return bits <= address.length * 8 ? { address, bits } : null;
}

export class Networks {
  readonly #networks: readonly Network[];

  /** Texts that are no network are in none. */
  constructor(texts: readonly string[]) {
    this.#networks = texts.map(parseNetwork).filter((network) => network !== null);
  }
  /** An IPv4-mapped address is the IPv4 address that it is. */
  has(address: Uint8Array): boolean {
    const plain = unmapIpAddress(address);
    return this.#networks.some((network) => samePrefix(network.address, plain, network.bits));
  }
}
