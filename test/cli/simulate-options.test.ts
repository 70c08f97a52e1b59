import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Command } from 'commander';
import { checkTogether, type SimulateOptions, withSimulateOptions } from '../../src/cli/simulate/options.ts';
import { progressText } from '../../src/cli/simulate/progress.ts';
import { simulateCommand } from '../../src/cli/simulate.ts';
import { replayCommand } from '../../src/simulator/replay.ts';

function parse(line: string): SimulateOptions {
  const command = withSimulateOptions(new Command('simulate')).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  const options = command.parse(line.split(' ').slice(2), { from: 'user' }).opts<SimulateOptions>();
  checkTogether(options);
  return options;
}

describe('the options of wdrip simulate', () => {
  const page = readFileSync(new URL('../../docs/simulate.md', import.meta.url), 'utf8');
  const commands = [...page.matchAll(/^ +(?:run it again: )?(wdrip simulate.*?)(?: {2,}.*)?$/gm)].map(
    ([, command = '']) => command,
  );

  test('every command of the page is understood', () => {
    expect(commands.length).toBeGreaterThan(4);
    for (const command of commands) expect({ command, seed: parse(command).seed }).toMatchObject({ command });
  });

  test('the page lists exactly the options that there are, with their defaults', () => {
    const told = [...page.matchAll(/^\| `--([\w-]+)` \|.*\| *(.*?) *\|$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    const there = simulateCommand().options.map(({ long, defaultValue }) => [
      long?.slice(2),
      typeof defaultValue === 'number' && long !== '--jobs' ? String(defaultValue) : expect.any(String),
    ]);
    expect(told).toEqual(there);
  });

  test('the command that runs a history again asks for exactly that history', () => {
    const options = {
      seed: 17,
      nodes: 5,
      masters: 3,
      hours: 2,
      zones: 1,
      faults: ['blip', 'needsReboot'],
      only: [3, 7],
    } as const;
    expect(parse(replayCommand(options))).toMatchObject(options);
    expect(parse(replayCommand({ ...options, only: [] }))).toMatchObject({ only: [] });
    const { faults: _, only: __, ...rest } = options;
    expect(parse(replayCommand({ ...rest, masters: 0 }))).not.toHaveProperty('only');
  });
});

test('the line of progress', () => {
  expect(progressText(0, 1_000, 0, 0)).toBe('0 of 1000 seeds, 0.0 a second, no violation');
  expect(progressText(37, 1_000, 12_000, 0)).toBe('37 of 1000 seeds, 3.1 a second, 5m12s left, no violation');
  expect(progressText(1_000, 1_000, 500_000, 2)).toBe('1000 of 1000 seeds, 2.0 a second, 0ms left, 2 FAILED');
});
