import { describe, expect, test } from '@jest/globals';
import { redact } from '../src/log.ts';

describe('secrets never reach the log', () => {
  test('by the name of their field, wherever it stands', () => {
    const shown = redact({
      accessKeySecret: 'aaaa',
      cloud: { accessKeyId: 'bbbb', region: 'cn-hangzhou', list: [{ token: 'cccc' }] },
      password: null,
      userData: 'dddd',
    });
    expect(JSON.stringify(shown)).not.toMatch(/aaaa|bbbb|cccc|dddd/);
    expect(shown).toMatchObject({ cloud: { region: 'cn-hangzhou' }, password: null });
  });

  test('by their look, in the middle of a text or of an error', () => {
    const key = '-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----';
    for (const secret of ['abcdef.0123456789abcdef', 'Bearer abc123.def456', key]) {
      expect(redact(`sent ${secret} away`)).toBe('sent [redacted] away');
      expect(redact(new Error(`sent ${secret} away`))).toBe('sent [redacted] away');
    }
  });

  test('a node, an instance and a pod are no secrets', () => {
    const line =
      'pod kube-system/coredns-7db6d8ff4d-x2x7k on 127.0.2.1.i-8b47rltyfgpn6s88d6nx, attempt 8d1f0c';
    expect(redact(line)).toBe(line);
  });

  test('what nests for ever ends', () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    expect(JSON.stringify(redact(loop))).toMatch(/\[deep\]/);
  });
});
