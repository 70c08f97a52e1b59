/** Between two looks: short, since a test waits for it. */
const LOOK_MS = 20;

/** Waits until `condition` gives something true, and gives that. Rejects after `ms`, saying what was waited for and what failed last. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  ms = 10_000,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = Date.now() + ms;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>;
      }
      last = undefined;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  const failed = last instanceof Error ? `; the last look failed: ${last.message}` : '';
  throw new Error(`waited ${ms} ms in vain until ${what}${failed}`);
}
