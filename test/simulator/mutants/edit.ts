import type { Edit } from './mutant.ts';

/** The text with the edit made. Throws unless the old text stands in it exactly once: a mutant must not go out of date in silence. */
export function edited(text: string, { file, old, new: replacement }: Edit): string {
  const times = text.split(old).length - 1;
  if (times !== 1)
    throw new Error(`${file} holds ${times} times, and not once, what a mutant changes: ${old}`);
  return text.replace(old, () => replacement);
}
