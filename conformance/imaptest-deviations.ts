/**
 * Scripts of imaptest that are not passed, and why. `missing`: capabilities that the script needs and the server does not have;
 * when one of them arrives, its scripts have to pass. `because`: what the script asks for and this server does otherwise on purpose.
 */
export type Deviation = { readonly missing: readonly string[] } | { readonly because: string };

export const deviations: Readonly<Record<string, Deviation>> = {
  catenate: { missing: ["CATENATE"] },
  "catenate-multiappend": { missing: ["CATENATE"] },
  esort: { missing: ["ESORT"] },
  notify: { missing: ["NOTIFY", "QRESYNC"] },
  "search-context-update3": { missing: ["CONTEXT=SEARCH"] },
  "sort-addresses": { missing: ["SORT"] },
  "sort-arrival": { missing: ["SORT"] },
  "sort-date": { missing: ["SORT"] },
  "sort-display-from": { missing: ["SORT=DISPLAY"] },
  "sort-display-to": { missing: ["SORT=DISPLAY"] },
  "sort-partial": { missing: ["CONTEXT=SORT"] },
  "sort-subject": { missing: ["SORT"] },
  thread: { missing: ["THREAD=REFERENCES"] },
  "thread-orderedsubject2": { missing: ["THREAD=ORDEREDSUBJECT"] },
  thread2: { missing: ["THREAD=REFERENCES"] },
  thread3: { missing: ["THREAD=REFERENCES"] },
  thread4: { missing: ["THREAD=REFERENCES"] },
  thread5: { missing: ["THREAD=REFERENCES"] },
  thread6: { missing: ["THREAD=REFERENCES"] },
  thread7: { missing: ["THREAD=REFERENCES"] },
  urlauth: { missing: ["URLAUTH"] },
  "urlauth-binary": { missing: ["URLAUTH", "URLAUTH=BINARY"] },
  urlauth2: { missing: ["URLAUTH"] },
};
