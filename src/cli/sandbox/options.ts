import { InvalidArgumentError, Option } from 'commander';
import { defaultSandboxDir } from '../../sandbox/dir.ts';

/** `--dir`, which every command of the sandbox takes. */
export function dirOption(): Option {
  return new Option('--dir <folder>', "the sandbox's folder").default(
    defaultSandboxDir(),
    '~/.wdrip/sandbox',
  );
}

/** Reads a whole number of at least `least`, for commander. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}
