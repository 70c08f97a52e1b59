import { ApiError, incorrectStatus } from '../api-error.ts';
import { flag, optional, required } from '../params.ts';
import type { InstanceRecord, LockReason } from '../records.ts';
import { unverified } from '../unverified.ts';
import type { Action } from './action.ts';

const done = { body: {}, effect: true } as const;

/**
 * Refuses if the instance is locked for one of these reasons (official documentation, 2021: security refuses start, stop, reboot and
 * modify, financial refuses start, stop, reboot and a new disk; 2026 SDK comments: security refuses a new disk too).
 * @throws ApiError InstanceLockedForSecurity, InstanceExpiredOrInArrears
 */
export function refuseLocked(instance: InstanceRecord, reasons: readonly LockReason[]): void {
  if (reasons.includes('security') && instance.locks.includes('security'))
    throw new ApiError({
      status: 403,
      code: 'InstanceLockedForSecurity',
      message: 'The specified operation is denied as your instance is locked for security reasons.',
    });
  if (reasons.includes('financial') && instance.locks.includes('financial'))
    throw new ApiError(unverified.financialLock);
}

/** Refuses while it is being released, or a new disk is being made. */
export function refuseBusy(instance: InstanceRecord): void {
  if (instance.releasing) throw incorrectStatus('Releasing');
  if (instance.replacing !== null) throw new ApiError(unverified.diskBusy);
}

/** Needs Stopped. An economically stopped one needs stock again. */
export const startInstance: Action = ({ world, lifecycle, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  refuseLocked(instance, ['security', 'financial']);
  refuseBusy(instance);
  if (instance.status !== 'Stopped') throw incorrectStatus(instance.status);
  const stock = world.soldOut.get(`${instance.zone}/${instance.instanceType}`);
  if (instance.stoppedMode === 'StopCharging' && stock !== undefined) throw noStock();
  lifecycle.start(instance.id);
  return done;
};

/** Needs Running. */
export const stopInstance: Action = ({ world, lifecycle, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  const force = flag(params, 'ForceStop') ?? false;
  const mode = optional(params, 'StoppedMode');
  refuseLocked(instance, ['security', 'financial']);
  refuseBusy(instance);
  if (instance.status !== 'Running') throw incorrectStatus(instance.status);
  const economical = mode === null ? unverified.economicalByDefault : mode === 'StopCharging';
  lifecycle.stop(instance.id, { force, economical });
  return done;
};

/** Needs Running. */
export const rebootInstance: Action = ({ world, lifecycle, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  const force = flag(params, 'ForceStop') ?? false;
  refuseLocked(instance, ['security', 'financial']);
  refuseBusy(instance);
  if (instance.status !== 'Running') throw incorrectStatus(instance.status);
  lifecycle.reboot(instance.id, { force });
  return done;
};

/** Needs Stopped, or Running with `Force`. Works on locked ones. One that is being released already is no error and no effect. */
export const deleteInstance: Action = ({ world, lifecycle, params }) => {
  const instance = world.instance(required(params, 'InstanceId'));
  const force = (flag(params, 'Force') ?? false) || (flag(params, 'ForceStop') ?? false);
  if (instance.deletionProtection)
    throw new ApiError({
      status: 403,
      code: 'InvalidOperation.DeletionProtection',
      message: 'The operation is not allowed due to deletion protection.',
    });
  if (instance.releasing && unverified.deleteWhileReleasingIsNoError) return { body: {}, effect: false };
  if (instance.releasing) throw incorrectStatus('Releasing');
  if (instance.status === 'Pending')
    throw new ApiError({
      status: 403,
      code: 'IncorrectInstanceStatus.Initializing',
      message: 'The specified instance status does not support this operation.',
    });
  if (instance.status !== 'Stopped' && !(force && instance.status === 'Running'))
    throw incorrectStatus(instance.status);
  lifecycle.release(instance.id);
  return done;
};

/** `OperationDenied.NoStock`, 403 (official documentation). */
export function noStock(): ApiError {
  return new ApiError({
    status: 403,
    code: 'OperationDenied.NoStock',
    message: 'The requested resource is sold out in the specified zone; try other types or other zones.',
  });
}
