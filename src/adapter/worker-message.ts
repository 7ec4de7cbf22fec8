/** What a worker and the primary say to each other over node's channel between them. Both run the same program. */
import type { HintMessage } from "./local-hints.ts";

export type Places = Readonly<Partial<Record<string, readonly string[]>>>;
/** The numbers of one process as data, to be summed. */
export type MetricFamilies = readonly object[];
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

export type ToPrimary =
  | HintMessage
  /** Every listener is open. */
  | { readonly kind: "ready"; readonly places: Places }
  | { readonly kind: "failed"; readonly detail: string }
  /** Somebody asked this worker for the numbers of all. */
  | { readonly kind: "metrics-wanted"; readonly id: number }
  | { readonly kind: "metrics"; readonly id: number; readonly families: MetricFamilies };
export type ToWorker =
  | HintMessage
  | { readonly kind: "drain" }
  | { readonly kind: "metrics-asked"; readonly id: number }
  | { readonly kind: "metrics-summed"; readonly id: number; readonly exposition: Exposition };

/** Which worker a process is, from 1 on. */
export const WORKER_VARIABLE = "TAYORI_WORKER";
/** Where the listeners are, in JSON: ports that the settings left to the operating system are the same in every worker. */
export const LISTEN_VARIABLE = "TAYORI_LISTEN";
