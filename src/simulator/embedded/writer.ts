import type { Clock } from '../../runtime/clock.ts';
import type { Masters } from '../world/masters.ts';

/** How often somebody writes through the API, in ms: as often as a quiet cluster's controllers do. */
const everyMs = 20_000;

/** Somebody who uses the cluster: writes into its etcd while the API is served, so that there is something to back up and to bring back. */
export function startWriter(clock: Clock, masters: Masters): void {
  let written = 0;
  const write = () => {
    clock.after(everyMs, write);
    const group = masters.serving;
    if (group === null) return;
    written += 1;
    const value = Buffer.from(String(written));
    const key = Buffer.from('writer/last');
    group.write([{ type: 'put', key, value, version: 0, createRevision: 0, modRevision: 0, lease: null }]);
  };
  clock.after(everyMs, write);
}
