import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { packMind, unpackMind } from '../../src/backup/mind.ts';
import { packBundle } from '../../src/bootstrap/bundle.ts';
import { saveMaterial } from '../../src/bootstrap/cluster-material.ts';
import { plainFile, secretFile } from '../../src/bootstrap/node-files.ts';
import { simulatedConfig } from '../../src/simulator/config.ts';
import { gatherMind } from '../../src/supervisor/cluster-mind.ts';

test('safety 56: everything that a new body needs is in a backup, the keys too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wdrip-mind-'));
  try {
    const bundle = await packBundle(
      'demo',
      'control-plane',
      [
        plainFile('etc/kubernetes/pki/ca.crt', 'the authority'),
        secretFile('etc/kubernetes/pki/ca.key', 'its key'),
        secretFile('etc/kubernetes/pki/sa.key', 'the service accounts’'),
        plainFile('etc/other', 'no key'),
      ],
      [],
    );
    const material = join(folder, 'material.json');
    await saveMaterial(material, {
      version: 1,
      cluster: 'demo',
      region: 'r',
      caCertificate: 'pem',
      server: 'https://127.0.0.1:6443',
      objects: { region: 'r', bucket: 'b', endpoint: '' },
      clusterDns: '10.96.0.10',
      clusterDomain: 'cluster.local',
      nodeGraceSeconds: 50,
      controlPlaneBundle: { key: bundle.key, sha256: bundle.sha256 },
    });
    const config = { ...simulatedConfig(2, ['z']), material };
    const mind = unpackMind(packMind(await gatherMind(config, { get: async () => bundle.content })));
    const keys: Record<string, string> = JSON.parse(
      String(mind['cluster-keys'] && Buffer.from(mind['cluster-keys'])),
    );
    expect(Object.keys(keys).sort()).toEqual([
      'etc/kubernetes/pki/ca.crt',
      'etc/kubernetes/pki/ca.key',
      'etc/kubernetes/pki/sa.key',
    ]);
    expect(Buffer.from(keys['etc/kubernetes/pki/ca.key'] ?? '', 'base64').toString()).toBe('its key');
    expect(
      mind['control-plane-bundle'] && createHash('sha256').update(mind['control-plane-bundle']).digest('hex'),
    ).toBe(bundle.sha256);
    await expect(gatherMind(config, { get: async () => Buffer.from('another') })).rejects.toMatchObject({
      code: 'BundleDamaged',
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
