import { rename, writeFile } from 'node:fs/promises';

/** Writes a file for its owner only. A crash leaves the old file or the new one, never half of one. */
export async function writePrivately(path: string, content: string): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, content, { mode: 0o600 });
  await rename(draft, path);
}
