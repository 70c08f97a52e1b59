import type { Change, RevisionChanges } from '../../etcd/port.ts';

/** Changes of one transaction: etcd takes 128 by default. */
const MOST_CHANGES = 100;
/**
 * Bytes of one transaction: etcd takes a request of 1.5 MiB by default. A value that is larger goes by itself: it was taken before
 * (safety 54).
 */
const MOST_BYTES = 512 * 1024;

/**
 * Puts successive revisions together, as far as they change different keys: a hundredth of the transactions, each of which waits for a
 * disk. What is put together gets one revision; the order of changes to any one key is as it was, and none is left out.
 */
export function mergeRevisions(revisions: readonly RevisionChanges[]): readonly RevisionChanges[] {
  const merged: RevisionChanges[] = [];
  let changes: Change[] = [];
  let keys = new Set<string>();
  let bytes = 0;
  let last = 0;
  const close = () => {
    if (changes.length > 0) merged.push({ revision: last, changes });
    changes = [];
    keys = new Set();
    bytes = 0;
  };
  for (const each of revisions) {
    const names = each.changes.map(({ key }) => Buffer.from(key).toString('latin1'));
    const size = each.changes.reduce((sum, change) => sum + bytesOf(change), 0);
    const fits =
      changes.length + names.length <= MOST_CHANGES &&
      bytes + size <= MOST_BYTES &&
      !names.some((name) => keys.has(name));
    if (!fits) close();
    changes.push(...each.changes);
    for (const name of names) keys.add(name);
    bytes += size;
    last = each.revision;
  }
  close();
  return merged;
}

function bytesOf(change: Change): number {
  return change.key.length + (change.type === 'put' ? change.value.length : 0);
}
