import { invalidParameter } from '../api-error.ts';
import { page, questionOf } from '../paging.ts';
import { jsonList, optional } from '../params.ts';
import type { Action } from './action.ts';

/** The region's security groups. Unknown ids are absent from the answer. */
export const describeSecurityGroups: Action = ({ world, params }) => {
  const named = jsonList(params, 'SecurityGroupIds');
  if (named === undefined) throw invalidParameter('SecurityGroupIds');
  const one = optional(params, 'SecurityGroupId');
  const wanted = named ?? (one === null ? null : [one]);
  const { securityGroupIds, vpcId } = world.catalog;
  const chosen = securityGroupIds
    .map((id, sequence) => ({ id, sequence }))
    .filter(({ id }) => wanted === null || wanted.includes(id));
  const { items, fields } = page(params, chosen, ({ sequence }) => sequence, questionOf(params));
  const shown = items.map(({ id }) => ({ SecurityGroupId: id, VpcId: vpcId, SecurityGroupType: 'normal' }));
  return {
    body: { ...fields, RegionId: world.region, SecurityGroups: { SecurityGroup: shown } },
    effect: false,
  };
};
