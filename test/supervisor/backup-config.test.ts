import { describe, expect, test } from '@jest/globals';
import { backupConfig } from '../../src/supervisor/backup-config.ts';

const regions = [{ region: 'cn-hangzhou', bucket: 'demo' }];

describe('the configuration of backups', () => {
  test('has defaults for all but the key and the regions', () => {
    expect(backupConfig.parse({ keyFile: '/k', regions })).toMatchObject({
      schedule: '*/10 * * * *',
      changeLog: true,
      retention: { newest: 4, hourly: 24, daily: 7 },
      programs: { etcd: 'etcd', etcdutl: 'etcdutl' },
    });
  });

  test.each([
    ['no key', { regions }, /either `keyFile` or `kmsKeyId`/],
    ['two keys', { regions, keyFile: '/k', kmsKeyId: 'id' }, /either `keyFile` or `kmsKeyId`/],
    ['no region', { keyFile: '/k', regions: [] }, /regions/],
    ['a word that is none', { keyFile: '/k', regions, retentions: {} }, /retentions/],
  ])('%s is refused, and it says why', (_, given, said) => {
    const parsed = backupConfig.safeParse(given);
    expect(parsed.success).toBe(false);
    expect(String(parsed.error)).toMatch(said);
  });
});
