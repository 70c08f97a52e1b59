import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';

/** Names under which distributions install it. */
const names = ['chromium', 'chromium-browser', 'google-chrome'];

/** The browser of this machine. Without one the test fails, and says what to install: a page that no browser has seen is not tested. */
export function launchChromium(): Promise<Browser> {
  const executablePath = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .find(isExecutable);
  if (executablePath === undefined)
    throw new Error('no chromium on PATH: install it, on Debian with `apt-get install chromium`');
  // As root, which containers often are, chromium runs only without its own sandbox. It sees no page but ours.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
