import { namesOf } from '../../../src/backup/names.ts';
import { until } from '../until.ts';
import { choiceSince, deleteAll, type MasterScenario, sourceOf } from './master-scenario.ts';

/** A backup of a cluster as small as this. */
const mostBackupBytes = 64 * 1024 * 1024;
/** Which of an object's bytes is damaged: one of its first chunk's content. */
const damagedAt = 100;

/** What is wrong with the backups when all masters are lost. */
export const backupsDamaged: readonly MasterScenario[] = [
  {
    name: 'newest-backup-damaged',
    fault: 'a bit of the newest backup is flipped in each region, and all three masters are deleted',
    outage: 'restore',
    loses: 'lastMoments',
    limitMs: 480_000,
    async run(stage, checks) {
      const older = await stage.backUp();
      const newest = await stage.backUp();
      const key = namesOf(stage.sandbox.state.cluster).stream(newest.id, 'snapshot');
      for (const { bucket } of stage.sandbox.state.backups)
        await stage.sandbox.admin.damageObject({ bucket, key, at: 1_000 });
      const from = stage.clock.now();
      await deleteAll(stage, await stage.masters());
      return async () => {
        checks.equal('a backup was restored', sourceOf(stage, from), 'backup');
        const found = stage.supervisor
          .lines(from)
          .find(
            ({ message }) =>
              message === 'a backup was found damaged while it was restored: the next best is taken',
          );
        checks.equal('the master found it damaged', found?.backup, newest.id);
        const because = String(choiceSince(stage, from)?.because);
        checks.that('it says which one was passed over', because.includes(newest.id), because);
        checks.that('the next best was taken', because.includes(older.id), because);
      };
    },
  },
  {
    name: 'newest-backups-gone-truncated-empty',
    fault:
      'of the newest three backups one has no manifest, one is cut off and one is empty, in each region; all masters are deleted',
    outage: 'restore',
    loses: 'lastMoments',
    limitMs: 480_000,
    async run(stage, checks) {
      const good = await stage.backUp();
      const [empty, cut, unlisted] = [await stage.backUp(), await stage.backUp(), await stage.backUp()];
      const names = namesOf(stage.sandbox.state.cluster);
      for (const store of stage.stores) {
        await store.put(names.stream(empty.id, 'snapshot'), new Uint8Array());
        const key = names.stream(cut.id, 'snapshot');
        const whole = await store.get(key, mostBackupBytes);
        await store.put(key, whole.subarray(0, whole.length / 2));
        await store.delete(names.manifest(unlisted.id));
      }
      const from = stage.clock.now();
      await deleteAll(stage, await stage.masters());
      return async () => {
        checks.equal('a backup was restored', sourceOf(stage, from), 'backup');
        const because = String(choiceSince(stage, from)?.because);
        checks.that('the newest that is whole was taken', because.includes(`backup is ${good.id}`), because);
      };
    },
  },
  {
    name: 'region-gone',
    fault: 'a region of the backups answers nothing any more, and all three masters are deleted',
    outage: 'restore',
    loses: 'lastMoments',
    limitMs: 600_000,
    async run(stage, checks) {
      await stage.backUp();
      const [region = ''] = stage.sandbox.state.backups.map((each) => each.region).slice(1);
      const fault = await stage.sandbox.admin.addFault({
        action: 'oss:*',
        region,
        answer: { kind: 'reset' },
      });
      const from = stage.clock.now();
      await deleteAll(stage, await stage.masters());
      return async () => {
        checks.equal('the backup was restored', sourceOf(stage, from), 'backup');
        await stage.sandbox.admin.removeFault(fault.id);
      };
    },
  },
  {
    name: 'no-backup-left',
    fault: 'every backup is damaged, and all three masters are deleted; then a person brings one back',
    outage: 'byHand',
    loses: 'lastMoments',
    limitMs: 600_000,
    async run(stage, checks) {
      const newest = await stage.backUp();
      const { data } = namesOf(stage.sandbox.state.cluster);
      const flip = async () => {
        for (const [index, { bucket }] of stage.sandbox.state.backups.entries())
          for (const { key, size } of (await stage.stores[index]?.list(data)) ?? [])
            if (size > damagedAt) await stage.sandbox.admin.damageObject({ bucket, key, at: damagedAt });
      };
      await flip();
      const from = stage.clock.now();
      await deleteAll(stage, await stage.masters());
      const said = await until(stage, 'it to stop and ask', 300_000, () => {
        const choice = choiceSince(stage, from);
        return choice?.choice === 'none' ? choice : null;
      });
      checks.that('it says what a person must decide', /Decide/.test(String(said.because)), said.because);
      const restores = stage.changes(from).filter(({ actor }) => actor.startsWith('recovery/'));
      checks.equal('recoveries', restores.length, 0);
      // The bits are flipped back: as if a copy had been brought.
      await flip();
      return async () => {
        const because = String(choiceSince(stage, from)?.because);
        checks.that('then it is restored', because.includes(newest.id), because);
      };
    },
  },
];
