import { expect, test } from '@jest/globals';
import { addressIn, placement } from '../../src/bootstrap/cluster-spec.ts';

test('addresses of a network are counted over the octets', () => {
  expect(addressIn('10.96.0.0/16', 1)).toBe('10.96.0.1');
  expect(addressIn('10.96.0.0/12', 10)).toBe('10.96.0.10');
  expect(addressIn('10.0.0.250/28', 10)).toBe('10.0.1.4');
  expect(addressIn('255.255.255.0/24', 1)).toBe('255.255.255.1');
});

test('what is no network with room for services is refused', () => {
  for (const bad of ['10.96.0.0', '10.96.0/16', '10.96.0.300/16', '10.96.0.0/29', 'fd00::/108', '']) {
    expect(() => addressIn(bad, 1)).toThrow('is no IPv4 network');
  }
});

test('instances go round the zones, each with the vSwitch of its zone', () => {
  const template = {
    zones: ['a', 'b'],
    imageId: '',
    instanceType: '',
    securityGroupId: '',
    vSwitchId: { a: 'va', b: 'vb' },
    ramRole: '',
    systemDisk: { sizeGiB: 1, category: '' },
  };
  expect([0, 1, 2].map((index) => placement(template, index))).toEqual([
    { zone: 'a', vSwitchId: 'va' },
    { zone: 'b', vSwitchId: 'vb' },
    { zone: 'a', vSwitchId: 'va' },
  ]);
  expect(placement({ ...template, vSwitchId: 'one' }, 1)).toEqual({ zone: 'b', vSwitchId: 'one' });
  expect(() => placement({ ...template, zones: [] }, 0)).toThrow('no zone');
  expect(() => placement({ ...template, vSwitchId: { a: 'va' } }, 1)).toThrow('the zone b has no vSwitch');
});
