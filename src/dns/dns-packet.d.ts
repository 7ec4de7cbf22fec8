/** The part of dns-packet, which comes without types, that the tests use as an oracle. */
declare module "dns-packet" {
  export interface Packet {
    type?: "query" | "response";
    id?: number;
    flags?: number;
    questions?: { name: string; type: string; class?: string }[];
    answers?: Record[];
    authorities?: Record[];
    additionals?: Record[];
  }
  export interface Record {
    name: string;
    type: string;
    ttl?: number;
    class?: string;
    data?: unknown;
    flags?: number;
    flag_do?: boolean;
    udpPayloadSize?: number;
    extendedRcode?: number;
  }
  const dnsPacket: {
    encode(packet: Packet): Buffer;
    decode(bytes: Buffer): Packet & { rcode: string; flag_ad: boolean; flag_rd: boolean; flag_cd: boolean };
  };
  export default dnsPacket;
}
