import { Failure } from '../../failure.ts';
import { embeddedDir } from '../../simulator/embedded/dir.ts';
import type { Speed } from '../../simulator/embedded/speeds.ts';
import { type EmbeddedHandle, startEmbedded } from '../../simulator/embedded/start.ts';
import { livingAddress } from '../living-address.ts';
import { untilSignalled } from '../until-signalled.ts';

/** Where the page is looked for first, so that its address stays the same; another is taken if this one is. */
const usualPort = 9470;

/** What it is, where the page is, and what to try. */
function invitation(running: EmbeddedHandle, speed: Speed): string {
  const wdrip = 'node bin/wdrip.js';
  const pace =
    speed === 1
      ? 'Time goes by as on the wall; 10 or 60 times as fast at the top of the page'
      : `Time goes by ${speed} times as fast as on the wall`;
  return `wdrip watches a simulated cluster in this process: 3 masters and 12 workers in two zones.
The cluster is made up; the supervisor and its rules are the real ones.
Ready in ${process.uptime().toFixed(1)} s. The page (for this machine only, and with this link only):

  ${running.url}/#token=${running.token}

Four things to try there:
  1. Pick workers-0 and press "Stop the kubelet": it is suspected, its kubelet restarts, and it is healthy again, in some two minutes.
  2. Press "Kill the supervisor" in the middle of that: it comes back, and goes on where it was.
  3. Press "Cut off half of the workers": one incident and not six, so nothing is torn down.
  4. Press "Delete all masters": etcd comes back from its backup, and the masters one by one, in some five minutes.
${pace}. In another terminal: ${wdrip} get -r nodes, ${wdrip} get -r quorum, ${wdrip} explain workers-0, ${wdrip} pause.
Ctrl-C ends everything. A real Kubernetes instead of a simulated one: ${wdrip} start --sandbox.
`;
}

/** `npm start`: a simulated cluster with the real supervisor on it and its page, in the foreground. Needs nothing but Node. */
export async function startEmbeddedCluster(options: {
  readonly speed: Speed;
  readonly port?: number;
}): Promise<void> {
  const signalled = untilSignalled();
  const dir = embeddedDir();
  const other = await livingAddress(dir);
  const running = await startEmbedded({ dir, ...options, port: options.port ?? usualPort }).catch(
    (caught: unknown) => {
      const isTaken = caught instanceof Failure && caught.code === 'PortTaken';
      if (!isTaken || options.port !== undefined) throw caught;
      return startEmbedded({ dir, speed: options.speed });
    },
  );
  process.stdout.write(invitation(running, options.speed));
  if (other !== null)
    process.stdout.write(
      `Another one runs already (process ${other.pid}, ${other.url}): commands now ask this newer one.\n`,
    );
  await signalled;
  await running.stop();
}
