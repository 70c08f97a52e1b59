import { expect, test } from '@jest/globals';
import { type ClusterLook, leaderLast } from '../../../src/effects/quorum/look.ts';

const endpoints = ['https://10.0.0.1:2379', 'https://10.0.0.2:2379', 'https://10.0.0.3:2379'];
const members = endpoints.map((endpoint, index) => ({
  id: `m${index}`,
  hosts: [new URL(endpoint).hostname],
}));
const look = (leader: string | null) => ({ leader, members }) as unknown as ClusterLook;

test.each([
  ['m0', [1, 2, 0]],
  ['m1', [0, 2, 1]],
  ['m2', [0, 1, 2]],
  [null, [0, 1, 2]],
])('the leader is asked last: with %s as that, %j', (leader, order) => {
  expect(leaderLast(endpoints, look(leader))).toEqual(order.map((at) => endpoints[at]));
});

test('nobody was looked at: the order stays', () => {
  expect(leaderLast(endpoints, null)).toEqual(endpoints);
});
