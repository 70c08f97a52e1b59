import { ApiError, invalidParameter, missingParameter } from '../api-error.ts';
import { page, questionOf } from '../paging.ts';
import { flag, list, type Params, required, tagList } from '../params.ts';
import type { InstanceRecord } from '../records.ts';
import { unverified } from '../unverified.ts';
import type { World } from '../world.ts';
import type { Action } from './action.ts';
import { hasTags, shownTags } from './describe-instances.ts';

/** Official documentation: at most 20 tags and 50 resources a call. */
const MOST_TAGS = 20;
const MOST_RESOURCES = 50;

/** The tags that a call sets. @throws ApiError Duplicate.TagKey and others */
export function tagsOf(params: Params): Readonly<Record<string, string>> {
  const tags = tagList(params);
  if (tags.length > MOST_TAGS) throw new ApiError(unverified.tooManyTags);
  if (new Set(tags.map((tag) => tag.key)).size < tags.length)
    throw new ApiError({
      status: 400,
      code: 'Duplicate.TagKey',
      message: 'The Tag.N.Key contain duplicate key.',
    });
  if (tags.some((tag) => /^(aliyun|acs:)/.test(tag.key))) throw new ApiError(unverified.reservedTagKey);
  return Object.fromEntries(tags.map((tag) => [tag.key, tag.value ?? '']));
}

/** Sets tags on instances, in whatever state they are. */
export const tagResources: Action = ({ world, params }) => {
  const tags = tagsOf(params);
  if (Object.keys(tags).length === 0) throw missingParameter('Tag.1.Key');
  for (const instance of resourcesOf(world, params))
    retag(world, instance, { ...instance.tags, ...tags }, 'TagResources');
  return { body: {}, effect: true };
};

/** Takes tags off: those of `TagKey.N`, or with `All` every one. */
export const untagResources: Action = ({ world, params }) => {
  const keys = list(params, 'TagKey');
  const all = keys.length === 0 && flag(params, 'All') === true;
  for (const instance of resourcesOf(world, params)) {
    const kept = Object.entries(instance.tags).filter(([key]) => !all && !keys.includes(key));
    retag(world, instance, Object.fromEntries(kept), 'UntagResources');
  }
  return { body: {}, effect: true };
};

/** The tags of instances, by `ResourceId.N` or `Tag.N`. */
export const listTagResources: Action = ({ world, params }) => {
  if (required(params, 'ResourceType') !== 'instance') throw invalidParameter('ResourceType');
  const ids = list(params, 'ResourceId');
  const wanted = tagList(params);
  if (ids.length === 0 && wanted.length === 0) throw missingParameter('ResourceId.1');
  const now = world.clock.now();
  const chosen = [...world.instances.values()].filter(
    (instance) =>
      (ids.length === 0 || ids.includes(instance.id)) && hasTags(shownTags(instance, now), wanted),
  );
  const rows = chosen.flatMap((instance) =>
    Object.entries(shownTags(instance, now)).map(([key, value], n) => ({
      // 20 tags at most: each row of each instance has its own place in the order.
      sequence: instance.sequence * 100 + n,
      row: { ResourceId: instance.id, ResourceType: 'instance', TagKey: key, TagValue: value },
    })),
  );
  const { items, fields } = page(params, rows, (item) => item.sequence, questionOf(params));
  return {
    body: { TagResources: { TagResource: items.map((item) => item.row) }, NextToken: fields.NextToken },
    effect: false,
  };
};

function resourcesOf(world: World, params: Params): readonly InstanceRecord[] {
  if (required(params, 'ResourceType') !== 'instance') throw invalidParameter('ResourceType');
  const ids = list(params, 'ResourceId');
  if (ids.length === 0) throw missingParameter('ResourceId.1');
  if (ids.length > MOST_RESOURCES) throw new ApiError(unverified.tooManyResources);
  return ids.map((id) => {
    const instance = world.instances.get(id);
    if (instance === undefined)
      throw new ApiError({
        status: 404,
        code: 'InvalidResourceId.NotFound',
        message: 'The specified ResourceIds are not found in our records.',
      });
    return instance;
  });
}

function retag(
  world: World,
  instance: InstanceRecord,
  tags: Readonly<Record<string, string>>,
  why: string,
): void {
  if (Object.keys(tags).length > MOST_TAGS)
    throw new ApiError({
      status: 400,
      code: 'OperationDenied.QuotaExceed',
      message: 'The quota of tags on resource is beyond permitted range.',
    });
  const now = world.clock.now();
  const tagsVisibleAt = Math.max(instance.tagsVisibleAt, now + world.timings.tagsInvisibleMs);
  world.update(instance.id, { tags, tagsVisibleAt, tagsBefore: shownTags(instance, now) }, why);
}
