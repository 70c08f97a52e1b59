import { createTask, parse, validateDetailed } from 'node-cron';
import { Failure } from '../failure.ts';

/** Days that are looked ahead: the 29th of February comes within eight years. */
const MAX_DAYS = 8 * 366;
const dayMs = 86_400_000;

/**
 * When a schedule next comes due after `now`, in epoch ms, by the calendar of UTC: node-cron reads the expression and says which days it
 * means; its own timers, which run on no clock but the machine's, are left alone. `BadSchedule` (rejected) for one that can't be read or
 * never comes.
 */
export function nextRun(expression: string, now: number): number {
  const checked = validateDetailed(expression);
  if (!checked.valid) throw badSchedule(expression, checked.errors.map(({ message }) => message).join('; '));
  const { hour, minute, second } = parse(expression);
  const task = createTask(expression, () => {}, { timezone: 'Etc/UTC' });
  try {
    const today = Math.floor(now / dayMs) * dayMs;
    for (let day = today; day < today + MAX_DAYS * dayMs; day += dayMs)
      for (const time of timesOf(hour, minute, second)) {
        const at = day + time;
        if (at <= now) continue;
        if (task.match(new Date(at))) return at;
        // The day is not one of the schedule's: no other time of it is.
        break;
      }
  } finally {
    void task.destroy();
  }
  throw badSchedule(expression, 'it never comes due');
}

/** The times of a day, in ms after midnight, in order. */
function* timesOf(
  hours: readonly number[],
  minutes: readonly number[],
  seconds: readonly number[],
): Iterable<number> {
  for (const hour of inOrder(hours))
    for (const minute of inOrder(minutes))
      for (const second of inOrder(seconds)) yield ((hour * 60 + minute) * 60 + second) * 1000;
}

function inOrder(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function badSchedule(expression: string, why: string): Failure {
  return new Failure({
    kind: 'rejected',
    code: 'BadSchedule',
    message: `the schedule "${expression}" can’t be used: ${why}. An example: "*/10 * * * *", every ten minutes`,
  });
}
