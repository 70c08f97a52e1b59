import { z } from 'zod';
import { invalidParameter, missingParameter } from './api-error.ts';

/** A call's parameters as they came, flat: lists are `Name.1`, lists of objects `Tag.1.Key`. */
export type Params = ReadonlyMap<string, string>;

/** The longest list that a call may carry (100 ids, official documentation). */
const LONGEST_LIST = 100;

/** Given and not empty, or null. */
export function optional(params: Params, name: string): string | null {
  const value = params.get(name);
  return value === undefined || value === '' ? null : value;
}

/** @throws ApiError MissingParameter */
export function required(params: Params, name: string): string {
  const value = optional(params, name);
  if (value === null) throw missingParameter(name);
  return value;
}

/** @throws ApiError InvalidParameter unless it is absent, `true` or `false` */
export function flag(params: Params, name: string): boolean | null {
  const value = optional(params, name)?.toLowerCase() ?? null;
  if (value === null) return null;
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw invalidParameter(name);
}

/** @throws ApiError InvalidParameter unless it is absent or a whole number */
export function integer(params: Params, name: string): number | null {
  const value = optional(params, name);
  if (value === null) return null;
  if (!/^-?\d{1,9}$/.test(value)) throw invalidParameter(name);
  return Number(value);
}

/** `Name.1`, `Name.2` …, up to the first that is absent. */
export function list(params: Params, name: string): readonly string[] {
  const values: string[] = [];
  for (let n = 1; n <= LONGEST_LIST + 1; n += 1) {
    const value = optional(params, `${name}.${n}`);
    if (value === null) return values;
    values.push(value);
  }
  throw invalidParameter(name, `has more than ${LONGEST_LIST} elements`);
}

/** `Tag.1.Key` and `Tag.1.Value` …. A tag without a value has the empty one. */
export function tagList(params: Params): readonly { readonly key: string; readonly value: string | null }[] {
  const tags: { key: string; value: string | null }[] = [];
  for (let n = 1; n <= LONGEST_LIST; n += 1) {
    const key = optional(params, `Tag.${n}.Key`);
    if (key === null) return tags;
    tags.push({ key, value: params.get(`Tag.${n}.Value`) ?? null });
  }
  throw invalidParameter('Tag', `has more than ${LONGEST_LIST} elements`);
}

const idsSchema = z.array(z.string()).max(LONGEST_LIST);

/** A list that is sent as JSON, such as `InstanceIds`. Null if it is absent; undefined if it is not such a list. */
export function jsonList(params: Params, name: string): readonly string[] | null | undefined {
  const value = optional(params, name);
  if (value === null) return null;
  try {
    return idsSchema.parse(JSON.parse(value));
  } catch {
    return undefined;
  }
}

/** Every instance that a call names, however it names it: for faults and the journal. */
export function namedInstances(params: Params): readonly string[] {
  const single = optional(params, 'InstanceId');
  return [
    ...(single === null ? [] : [single]),
    ...list(params, 'InstanceId'),
    ...list(params, 'ResourceId'),
    ...(jsonList(params, 'InstanceIds') ?? []),
  ];
}
