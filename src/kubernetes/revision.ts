/**
 * True if `a` is certainly an older revision of the API's data than `b`. Revisions are decimal numbers that only grow (an API guarantee
 * since Kubernetes 1.35, and true of every one before with etcd); anything else is never called older.
 */
export function isOlderRevision(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || !/^\d+$/.test(a) || !/^\d+$/.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}
