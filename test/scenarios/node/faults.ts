import type { Stage, Worker } from '../stage.ts';

/** What is done to a worker. Each is something that happens to real ones. */
export const faults = {
  /** Somebody deletes the Node object; the instance runs on. */
  deleteNodeObject: (stage: Stage, { node }: Worker) => stage.workload.deleteNode(node),

  kubeletStopped: async (stage: Stage, { instance }: Worker) =>
    void (await stage.shell(instance, 'systemctl stop kubelet')),

  runtimeStopped: async (stage: Stage, { instance }: Worker) =>
    void (await stage.shell(instance, 'systemctl stop containerd')),

  instanceStopped: (stage: Stage, { instance }: Worker) =>
    stage.behindItsBack('StopInstance', instance, () => stage.sandbox.cloud.stop(instance, { force: true })),

  instanceDeleted: (stage: Stage, { instance }: Worker) =>
    stage.behindItsBack('DeleteInstance', instance, () => stage.sandbox.cloud.deleteInstance(instance)),

  /** A kubelet that ends at once as long as a file lies in /run, which only a boot empties. */
  kubeletCrashesUntilBoot: async (stage: Stage, { instance }: Worker) => {
    const wrapper = [
      '#!/bin/sh',
      'if [ -e "$WDRIP_ROOT/run/broken" ]; then echo "broken until the next boot" >&2; exit 1; fi',
      'PATH=$(printf %s "$PATH" | sed "s|^$WDRIP_ROOT/usr/local/bin:||")',
      'exec kubelet "$@"',
    ].join('\n');
    const path = '"$WDRIP_ROOT/usr/local/bin/kubelet"';
    await stage.shell(
      instance,
      `touch "$WDRIP_ROOT/run/broken"\ncat > ${path} <<'END'\n${wrapper}\nEND\nchmod 755 ${path}\nsystemctl restart kubelet`,
    );
  },

  /** The kubelet's configuration on the disk is rubbish, and the kubelet is started with it. */
  diskBroken: async (stage: Stage, { instance }: Worker) =>
    void (await stage.shell(
      instance,
      'echo "not: [YAML" > "$WDRIP_ROOT/var/lib/kubelet/config.yaml"\nsystemctl restart kubelet',
    )),

  /** Its system dies and never boots again, while the cloud goes on calling it Running. */
  cannotBoot: (stage: Stage, { instance }: Worker) =>
    stage.sandbox.admin.setCondition(instance, { unbootable: true, now: true }),

  /** Its system dies, while the cloud goes on calling it Running. It can boot again. */
  systemDies: (stage: Stage, { instance }: Worker) =>
    stage.sandbox.admin.setCondition(instance, { now: true }),
} as const;

/** No zone has an instance to give, or all have again. */
export async function setStock(stage: Stage, inStock: boolean): Promise<void> {
  const { admin, state } = stage.sandbox;
  for (const zone of ['h', 'i', 'j'])
    await admin.setStock(`${state.region}-${zone}`, 'ecs.c7.xlarge', inStock ? null : 'now');
}
