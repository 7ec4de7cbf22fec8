/** What one connection, one listener and one resolver may hold or take. */

/** Octets waiting to leave above which a writer should wait for `drained()`: one large mail segment, small against 10,000 connections. */
export const WRITE_HIGH_WATER_BYTES = 256 * 1024;
/** Octets collected within one turn of the event loop above which they leave without waiting for its end. */
export const WRITE_COLLECT_BYTES_MAX = 64 * 1024;
/** Octets read ahead of the session above which the socket is paused. */
export const READ_AHEAD_BYTES_MAX = 64 * 1024;
/** How long what was queued before `end()` may make no progress, and how long the peer's own end is waited for. */
export const LINGER_MS = 10_000;
/** RFC 5321 section 4.5.3.2 gives minutes to a command; a handshake is two round trips. */
export const TLS_HANDSHAKE_MS_MAX = 20_000;
export const KEEP_ALIVE_MS = 60_000;

/** PROXY protocol version 1, section 2.1: the longest line is 107 octets with its CRLF. */
export const PROXY_V1_BYTES_MAX = 107;
/** Version 2, section 2.2: a receiver must take 216 octets of addresses plus TLVs; a listener's TLVs (SNI, certificate names) fit in 2 KB. */
export const PROXY_V2_BYTES_MAX = 2048;
/** The header is the first thing a trusted proxy sends. */
export const PROXY_MS_MAX = 5_000;

/** How long a refused connection may take to read the refusal. */
export const REFUSAL_MS_MAX = 1_000;
/** Refusals under way above which a connection over the limit is closed without a word. */
export const REFUSALS_AT_ONCE_MAX = 256;
/** How long a peer may take nothing of what waits for it while a session awaits `drained()`: RFC 5321 section 4.5.3.2.5 and its neighbours. */
export const WRITE_STALL_MS_MAX = 300_000;

/** One try over UDP; doubled try by try up to DNS_TRY_MS_MAX (RFC 1035 section 4.2.1 speaks of 2 to 5 seconds). */
export const DNS_TRY_MS = 2_000;
export const DNS_TRY_MS_MAX = 3_000;
/** A question with its repetitions, other servers and aliases; SPF gives a whole check 20 seconds (RFC 7208 section 4.6.4). */
export const DNS_TOTAL_MS_MAX = 10_000;
/** Questions on the wire at once, each with a socket; more wait. */
export const DNS_AT_ONCE_MAX = 256;
/** Questions that wait for a socket; more fail at once. */
export const DNS_WAITING_MAX = 10_000;
/** Datagrams that do not answer the question before a try is given up: somebody is guessing. */
export const DNS_STRAYS_MAX = 32;
/** RFC 9520 section 3.2: a failure is kept at least a second. */
export const DNS_FAILURE_KEPT_MS = 5_000;
/** How long a server that does not speak EDNS is asked without. */
export const DNS_NO_EDNS_MS = 900_000;
export const DNS_CACHE_ENTRIES_MAX = 100_000;
export const DNS_CACHE_BYTES_MAX = 32 * 1024 * 1024;

/** Endpoints in one S3 URL. */
export const S3_ENDPOINTS_MAX = 32;
/** An S3 key has at most 1024 octets; ours are half of it, and the rest is left for a prefix. */
export const S3_PREFIX_BYTES_MAX = 256;
/** Requests on the wire at once unless the URL says otherwise: a gateway of Ceph has 128 threads or more. */
export const S3_CONNECTIONS = 128;
export const S3_CONNECTIONS_MAX = 4096;
/** Requests that wait for a connection, and the octets of their bodies; more are answered `throttled`. */
export const S3_WAITING_MAX = 20_000;
export const S3_WAITING_BYTES_MAX = 512 * 1024 * 1024;
/** The store is near: what has not connected after this long is not there. */
export const S3_CONNECT_MS_MAX = 3_000;
/** From the request until the answer begins, and from one piece of the answer to the next. Ceph takes 13 s to notice that an OSD hangs. */
export const S3_SILENCE_MS_MAX = 10_000;
/** A body may take longer to send, at this rate. */
export const S3_UPLOAD_BYTES_PER_MS_MIN = 1024;
/** After this long no try of an operation that may have had an effect is followed by another. */
export const S3_OPERATION_MS_MAX = 30_000;
/** The same while no try had an effect: whoever waits may well be told. */
export const S3_NO_EFFECT_MS_MAX = 8_000;
/** Between tries: a random part of a step that doubles. */
export const S3_BACKOFF_MS_MIN = 20;
export const S3_BACKOFF_MS_MAX = 1_000;
/** How soon an endpoint that failed is asked whether it is back; doubled every time it is not. */
export const S3_DOWN_MS_MIN = 250;
export const S3_DOWN_MS_MAX = 15_000;
/** Idle connections are closed before the other side does: gateways wait 5 (AWS) to 65 seconds (Ceph). */
export const S3_IDLE_MS = 4_000;
/** Above this the body is hashed by MD5 in steps, not by SHA-256 at once. */
export const S3_SIGNED_BODY_BYTES_MAX = 1024 * 1024;
/** Answers in XML: a list of 1000 keys takes 400 KB. */
export const S3_XML_BYTES_MAX = 4 * 1024 * 1024;
export const S3_XML_DEPTH_MAX = 8;
export const S3_XML_ELEMENTS_MAX = 50_000;
/** Pages of one list that may be empty or short before it is given up. */
export const S3_LIST_PAGES_MAX = 1_000;
export const S3_CREDENTIALS_BYTES_MAX = 64 * 1024;
/** How soon credentials are read again after they were refused. */
export const S3_CREDENTIALS_AGAIN_MS = 5_000;

/** Subjects with a hint waiting to leave; hints of more are dropped, and the others' timers find out. */
export const HINT_SUBJECTS_WAITING_MAX = 10_000;
/** Hints in one message between processes, or sent to NATS before it is asked to confirm. */
export const HINTS_AT_ONCE_MAX = 1_000;
/** A NATS server that has not answered for this long is not there. */
export const NATS_CONNECT_MS_MAX = 3_000;
/** Between two tries to reach NATS, with as much again by chance: for ever. */
export const NATS_RETRY_MS = 500;
/** How often NATS is asked whether it is there while nothing else is said; two silences end the connection. */
export const NATS_PING_MS = 10_000;
/** Servers in `[hints] url`. */
export const NATS_SERVERS_MAX = 32;
/** Workers of one host: more processes than any machine has cores for. */
export const WORKERS_MAX = 256;
/** How long the primary waits for the numbers of a worker before it leaves them out. */
export const WORKER_METRICS_MS_MAX = 1_000;
/** Before a worker that crashed is started again; doubled by every crash up to the greatest. */
export const WORKER_RESTART_MS_MIN = 100;
export const WORKER_RESTART_MS_MAX = 30_000;
/** A worker that lived this long starts its back-off anew. */
export const WORKER_STEADY_MS = 60_000;
/** How long a worker may take to open the store and its listeners. */
export const WORKER_READY_MS_MAX = 60_000;
