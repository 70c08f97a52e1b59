import { describe, expect, test } from '@jest/globals';
import { rungs } from '../../machines/node.ts';
import {
  type AdmissionFacts,
  type AdmissionRequest,
  type AdmissionRule,
  admit,
} from '../../src/supervisor/admission.ts';
import { maxUnavailable } from '../../src/supervisor/config.ts';

const request: AdmissionRequest = { slot: 'workers-0', pool: 'workers', role: 'worker', rung: 'rebooting' };

/** A node that nothing holds back. */
const free: AdmissionFacts = {
  pausedBy: null,
  sight: { state: 'sighted', forMs: 60_000 },
  suspectMs: 20_000,
  ready: false,
  cloud: { state: 'seen' },
  tagged: 'yes',
  locked: false,
  storm: { state: 'calm' },
  confirmed: 'no',
  holdsPermit: false,
  poolPermits: 0,
  poolLimit: 1,
  quorum: { voters: 3, healthyVotersWithout: 2, learners: 0 },
  controlPlanePermits: 0,
};

const holding = { state: 'holding', scope: 'pool/workers' } as const;
const confirming = { state: 'confirming', scope: 'zone/a' } as const;

interface Row {
  readonly when: string;
  readonly facts: Partial<AdmissionFacts>;
  readonly asked?: Partial<AdmissionRequest>;
  readonly answer: AdmissionRule | 'granted';
}

const kubelet = { rung: 'restartingKubelet' } as const;
const master = { role: 'controlPlane' } as const;

const table: readonly Row[] = [
  { when: 'nothing speaks against it', facts: {}, answer: 'granted' },
  { when: "the instance lacks the cluster's tag", facts: { tagged: 'no' }, answer: 'foreign' },
  { when: 'there is no instance any more', facts: { tagged: 'none' }, answer: 'granted' },
  { when: 'the cloud has locked the instance', facts: { locked: true }, answer: 'locked' },
  {
    when: 'a lock is in the way of the end of a slot too',
    facts: { locked: true },
    asked: { rung: 'retiring' },
    answer: 'locked',
  },
  { when: 'the cluster is paused', facts: { pausedBy: 'cluster' }, answer: 'paused' },
  {
    when: 'a pause even for the kubelet',
    facts: { pausedBy: 'annotation' },
    asked: kubelet,
    answer: 'paused',
  },
  { when: 'safety 2: blind', facts: { sight: { state: 'blind', why: 'x' } }, answer: 'blind' },
  {
    when: 'blind, the kubelet too',
    facts: { sight: { state: 'blind', why: 'x' } },
    asked: kubelet,
    answer: 'blind',
  },
  { when: 'safety 16: Ready by now', facts: { ready: true }, answer: 'ready' },
  {
    when: 'safety 11: sight has just returned, so every heartbeat looks old',
    facts: { sight: { state: 'sighted', forMs: 19_999 } },
    answer: 'freshSight',
  },
  { when: 'sight is old enough', facts: { sight: { state: 'sighted', forMs: 20_000 } }, answer: 'granted' },
  {
    when: 'safety 3: the cloud is not seen',
    facts: { cloud: { state: 'unseen', why: 'x' } },
    answer: 'cloudUnseen',
  },
  {
    when: 'the kubelet needs no view of the cloud',
    facts: { cloud: { state: 'unseen', why: 'x' } },
    asked: kubelet,
    answer: 'granted',
  },
  { when: 'a storm is held', facts: { storm: holding }, answer: 'storm' },
  {
    when: 'a storm holds even a confirmed failure',
    facts: { storm: holding, confirmed: 'yes' },
    answer: 'storm',
  },
  { when: 'a storm holds the kubelet too', facts: { storm: holding }, asked: kubelet, answer: 'storm' },
  { when: 'safety 7: nothing confirms the detector', facts: { storm: confirming }, answer: 'unconfirmed' },
  { when: 'it is being asked', facts: { storm: confirming, confirmed: 'asking' }, answer: 'unconfirmed' },
  { when: 'a second signal confirms it', facts: { storm: confirming, confirmed: 'yes' }, answer: 'granted' },
  { when: 'the pool has no place left', facts: { poolPermits: 1 }, answer: 'budget' },
  {
    when: 'a storm is repaired within the budget',
    facts: { storm: confirming, confirmed: 'yes', poolPermits: 1 },
    answer: 'budget',
  },
  { when: 'the kubelet takes no place', facts: { poolPermits: 1 }, asked: kubelet, answer: 'granted' },
  { when: 'it has a place already', facts: { poolPermits: 1, holdsPermit: true }, answer: 'granted' },
  { when: 'a place, but a storm', facts: { storm: holding, holdsPermit: true }, answer: 'storm' },
  { when: 'two places, one taken', facts: { poolPermits: 1, poolLimit: 2 }, answer: 'granted' },
  { when: 'a master, two of three without it', facts: {}, asked: master, answer: 'granted' },
  {
    when: 'safety 40: workers take no place of masters',
    facts: { poolPermits: 9 },
    asked: master,
    answer: 'granted',
  },
  {
    when: 'another master is out',
    facts: { controlPlanePermits: 1 },
    asked: master,
    answer: 'controlPlaneBudget',
  },
  { when: 'etcd is not known', facts: { quorum: null }, asked: master, answer: 'quorum' },
  {
    when: 'safety 37: a learner',
    facts: { quorum: { voters: 3, healthyVotersWithout: 3, learners: 1 } },
    asked: master,
    answer: 'quorum',
  },
  {
    when: 'the only master',
    facts: { quorum: { voters: 1, healthyVotersWithout: 0, learners: 0 } },
    asked: master,
    answer: 'quorum',
  },
  {
    when: 'one of three is down already',
    facts: { quorum: { voters: 3, healthyVotersWithout: 1, learners: 0 } },
    asked: master,
    answer: 'quorum',
  },
  {
    when: "the only master's kubelet",
    facts: { quorum: null },
    asked: { ...master, ...kubelet },
    answer: 'granted',
  },
];

describe('admission', () => {
  test.each(table)('$answer: $when', ({ facts, asked, answer }) => {
    const decision = admit({ ...request, ...asked }, { ...free, ...facts });
    expect(decision.granted ? 'granted' : decision.rule).toBe(answer);
    if (!decision.granted) expect(decision.why).toMatch(/^\S.{10,}[^.]$/);
  });

  /** Every combination of what each fact can be. */
  function* everything(): Generator<[AdmissionRequest, AdmissionFacts]> {
    for (const rung of rungs)
      for (const role of ['worker', 'controlPlane'] as const)
        for (const pausedBy of [null, 'cluster', 'pool', 'node', 'annotation'] as const)
          for (const sight of [
            { state: 'blind', why: 'it is away' },
            { state: 'sighted', forMs: 0 },
            { state: 'sighted', forMs: 20_000 },
          ] as const)
            for (const ready of [true, false])
              for (const cloud of [{ state: 'seen' }, { state: 'unseen', why: 'it is away' }] as const)
                for (const tagged of ['yes', 'no', 'none'] as const)
                  for (const storm of [{ state: 'calm' }, holding, confirming] as const)
                    for (const confirmed of ['yes', 'no', 'asking'] as const)
                      for (const holdsPermit of [true, false])
                        for (const permits of [0, 1])
                          for (const quorum of [
                            null,
                            { voters: 3, healthyVotersWithout: 2, learners: 0 },
                            { voters: 3, healthyVotersWithout: 1, learners: 0 },
                          ])
                            yield [
                              { ...request, rung, role },
                              {
                                ...free,
                                pausedBy,
                                sight,
                                ready,
                                cloud,
                                tagged,
                                storm,
                                confirmed,
                                holdsPermit,
                                poolPermits: permits,
                                controlPlanePermits: permits,
                                quorum,
                              },
                            ];
  }

  test('every combination: what is granted breaks no rule of design.md section 5, and what breaks none is granted', () => {
    let seen = 0;
    for (const [asked, facts] of everything()) {
      seen += 1;
      const takesAway = asked.rung !== 'restartingKubelet';
      const may =
        facts.tagged !== 'no' &&
        facts.pausedBy === null &&
        facts.sight.state === 'sighted' &&
        facts.sight.forMs >= facts.suspectMs &&
        !facts.ready &&
        (facts.storm.state === 'calm' || (facts.storm.state === 'confirming' && facts.confirmed === 'yes')) &&
        (!takesAway ||
          (facts.cloud.state === 'seen' &&
            (facts.holdsPermit ||
              (asked.role === 'worker'
                ? facts.poolPermits < facts.poolLimit
                : facts.controlPlanePermits === 0 &&
                  facts.quorum !== null &&
                  facts.quorum.healthyVotersWithout >= 2))));
      if (admit(asked, facts).granted !== may)
        throw new Error(`${JSON.stringify({ asked, facts })} should be ${may}`);
    }
    expect(seen).toBeGreaterThan(50_000);
  });

  test('safety 10: a percentage never blocks a small pool, and a number is taken as it is', () => {
    expect(maxUnavailable({ maxUnavailable: '20%', replicas: 3 })).toBe(1);
    expect(maxUnavailable({ maxUnavailable: '20%', replicas: 19 })).toBe(3);
    expect(maxUnavailable({ maxUnavailable: 2, replicas: 3 })).toBe(2);
  });
});
