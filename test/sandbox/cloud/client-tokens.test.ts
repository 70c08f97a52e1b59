import { expect, test } from '@jest/globals';
import type { ActionAnswer } from '../../../src/sandbox/cloud/actions/action.ts';
import { createClientTokens } from '../../../src/sandbox/cloud/client-tokens.ts';

test('while a call is in flight its token is busy, and afterwards its answer stands', async () => {
  const tokens = createClientTokens([]);
  const params = new Map([['Amount', '1']]);
  let finish: (answer: ActionAnswer) => void = () => {};
  const first = tokens.once('account', 'RunInstances', 'token', params, () => {
    return new Promise((resolve) => {
      finish = resolve;
    });
  });
  const never = () => Promise.reject(new Error('ran twice'));
  const again = (changed = params) => tokens.once('account', 'RunInstances', 'token', changed, never);
  await expect(again()).rejects.toMatchObject({ code: 'LastTokenProcessing', status: 400 });
  await expect(again(new Map([['Amount', '2']]))).rejects.toMatchObject({
    code: 'IdempotentParameterMismatch',
  });
  finish({ body: { id: 'i-1' }, effect: true });
  expect(await first).toEqual({ body: { id: 'i-1' }, effect: true });
  expect(await again()).toEqual({ body: { id: 'i-1' }, effect: false });
  expect(await again(new Map([...params, ['SignatureNonce', 'other'], ['Timestamp', 'later']]))).toEqual({
    body: { id: 'i-1' },
    effect: false,
  });
  const otherAction = await tokens.once('account', 'RunCommand', 'token', params, async () => ({
    body: {},
    effect: true,
  }));
  expect(otherAction.effect).toBe(true);
});

test('what was used is known to a table that is made from it', async () => {
  const tokens = createClientTokens([]);
  const run = async () => ({ body: { id: 'i-1' }, effect: true });
  await tokens.once('account', 'RunInstances', 'token', new Map(), run);
  const later = createClientTokens(tokens.used());
  expect((await later.once('account', 'RunInstances', 'token', new Map(), run)).effect).toBe(false);
});
