import { Buffer } from 'node:buffer';
import { ApiError } from '../api-error.ts';
import { required } from '../params.ts';
import { unverified } from '../unverified.ts';
import type { Action } from './action.ts';

/** 32 KB before base64 (2026 SDK comments; 16 KB in the 2021 documentation). */
const MOST_USER_DATA = 32 * 1024;

/** @throws ApiError unless it is base64 of at most 32 KB */
export function checkUserData(encoded: string): void {
  const raw = Buffer.from(encoded, 'base64');
  const plain = (text: string) => text.replace(/[=\s]/g, '');
  if (plain(raw.toString('base64')) !== plain(encoded)) throw new ApiError(unverified.malformedUserData);
  if (raw.length > MOST_USER_DATA)
    throw new ApiError({
      status: 400,
      code: 'InvalidUserData.SizeExceeded',
      message: 'The specified UserData exceeds the size limit.',
    });
}

/** What the instance would run at its next first boot. */
export const describeUserData: Action = ({ world, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  return {
    body: { InstanceId: instance.id, RegionId: world.region, UserData: instance.userData },
    effect: false,
  };
};
