import { expect, test } from '@jest/globals';
import { defaultKubernetesLimits } from '../../src/kubernetes/limits.ts';
import { judgeSight, type SightFacts } from '../../src/kubernetes/sight.ts';

const now = 1_000_000;
const { staleMs } = defaultKubernetesLimits;
const failure = { kind: 'retryable', code: 'Unreachable', message: 'connect ECONNREFUSED' } as const;

const start: SightFacts = {
  startedAt: now,
  isSighted: false,
  provedAt: null,
  listed: { nodes: false, leases: false },
  troubledSince: { nodes: now, leases: now },
  unreachable: 0,
  failure: null,
  wentBack: false,
};
const complete: SightFacts = {
  ...start,
  provedAt: now,
  listed: { nodes: true, leases: true },
  troubledSince: { nodes: null, leases: null },
};
const good: SightFacts = { ...complete, isSighted: true };

test.each<[string, SightFacts, string, string | null]>([
  ['at the start', start, 'waiting', null],
  ['at the start, when something fails', { ...start, failure }, 'blind', 'Unreachable'],
  ['at the start, when nothing comes', { ...start, startedAt: now - staleMs - 1 }, 'blind', 'Silent'],
  ['with one list only', { ...complete, listed: { nodes: true, leases: false } }, 'waiting', null],
  ['with lists but no watch', { ...complete, troubledSince: { nodes: now, leases: null } }, 'waiting', null],
  ['when all is complete', complete, 'sighted', null],
  ['when all is complete, though something failed before', { ...complete, failure }, 'sighted', null],
  ['just before the stale time', { ...good, provedAt: now - staleMs }, 'sighted', null],
  ['after the stale time', { ...good, provedAt: now - staleMs - 1 }, 'blind', 'Silent'],
  [
    'while a watch is opened anew',
    { ...good, troubledSince: { nodes: now - 1, leases: null } },
    'sighted',
    null,
  ],
  [
    'when no watch can be opened',
    { ...good, troubledSince: { nodes: null, leases: now - staleMs - 1 } },
    'blind',
    'NoWatch',
  ],
  ['after one probe without a connection', { ...good, unreachable: 1, failure }, 'sighted', null],
  ['after two probes without a connection', { ...good, unreachable: 2, failure }, 'blind', 'Unreachable'],
  ['safety 45: when data went back', { ...good, wentBack: true }, 'blind', 'RevisionWentBack'],
])('%s', (_when, facts, state, code) => {
  const sight = judgeSight(facts, now, defaultKubernetesLimits);
  expect(sight.state).toBe(state);
  expect(sight.state === 'blind' ? sight.code : null).toBe(code);
});

test('the reason holds the last failure', () => {
  const sight = judgeSight({ ...good, provedAt: now - 20_000, failure }, now, defaultKubernetesLimits);
  expect(sight).toMatchObject({ why: expect.stringMatching(/proved nothing for 20000 ms.*ECONNREFUSED/) });
});
