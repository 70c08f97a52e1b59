import { describe, expect, test } from '@jest/globals';
import { eventInWords, History } from '../../src/simulator/history.ts';

const start = Date.UTC(2026, 0, 5);

describe('the story of a violation', () => {
  test('is what concerns the slots, or everybody, with times relative to it', () => {
    const history = new History(start);
    history.add(start + 1_000, null, 'supervisor starts (1)');
    history.add(start + 2_000, 'workers-0', 'healthy → suspect (NODE_NOT_READY)');
    history.add(start + 2_000, 'workers-1', 'healthy → suspect (NODE_NOT_READY)');
    history.add(start + 3_725_250, 'workers-0', 'cordon');
    expect(history.story(new Set(['workers-0']), start + 3_725_250, 10)).toEqual([
      '-1:02:04.250  supervisor starts (1)',
      '-1:02:03.250  workers-0: healthy → suspect (NODE_NOT_READY)',
      ' 0:00:00.000  workers-0: cordon',
    ]);
    expect(history.story(new Set(), start + 3_725_250, 10)).toHaveLength(4);
  });

  test('tells the faults, however long ago they struck, and keeps few lines', () => {
    const history = new History(start);
    for (let number = 1; number <= 40; number++) history.add(start + number, null, `fault ${number}: blip`);
    for (let each = 0; each < 10_000; each++) history.add(start + 100 + each, null, `line ${each}`);
    history.add(start + 20_000, null, 'fault 41: blip');
    const story = history.story(new Set(), start + 20_000, 5);
    expect(story.slice(0, 2)).toEqual(['-0:00:19.988  fault 12: blip', '-0:00:19.987  fault 13: blip']);
    expect(story.slice(-6)).toEqual([
      '…',
      '-0:00:09.904  line 9996',
      '-0:00:09.903  line 9997',
      '-0:00:09.902  line 9998',
      '-0:00:09.901  line 9999',
      ' 0:00:00.000  fault 41: blip',
    ]);
    expect(story).toHaveLength(29 + 1 + 5);
  });

  test.each([
    [{ type: 'NODE_READY' }, 'NODE_READY'],
    [{ type: 'xstate.after.suspicion.node.suspect' }, 'the time of suspicion is over'],
    [{ type: 'xstate.done.actor.drainNode', output: null }, 'drainNode is done'],
    [{ type: 'xstate.error.actor.drainNode', error: { code: 'NoAnswer' } }, 'drainNode failed with NoAnswer'],
    [{ type: 'xstate.error.actor.drainNode', error: null }, 'drainNode failed'],
  ])('%j in words', (event, words) => {
    expect(eventInWords(event)).toBe(words);
  });
});
