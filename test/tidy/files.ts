import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the project, by its path from the root, with `/` between folders. */
export interface ProjectFile {
  readonly path: string;
  readonly text: string;
}

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What is not ours, is made anew, or is no text. */
const left = ['node_modules', 'coverage', 'dist', '.git', 'go.sum', 'package-lock.json'];
const isText = /\.(ts|js|mjs|json|md|txt|yml|yaml|go|mod|mmd|sh)$|^(?:LICENSE|run)$/;

/** All text files of the project below the given folders or files. */
export function projectFiles(...below: readonly string[]): readonly ProjectFile[] {
  return below.flatMap((each) => walk(each)).sort((a, b) => (a.path < b.path ? -1 : 1));
}

function walk(path: string): readonly ProjectFile[] {
  if (!statSync(join(root, path)).isDirectory())
    return isText.test(posix.basename(path)) ? [{ path, text: readFileSync(join(root, path), 'utf8') }] : [];
  return readdirSync(join(root, path))
    .filter((name) => !left.includes(name))
    .flatMap((name) => walk(path === '.' ? name : `${path}/${name}`));
}

const commentOrText = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g;

/** The code of a TypeScript text: comments blanked, plain strings emptied, lines kept. What a template holds stays. */
export function codeOf(text: string): string {
  return text.replace(commentOrText, (found) => {
    if (found.startsWith('/')) return found.replace(/[^\n]/g, ' ');
    return found[0] + (found[0] ?? '');
  });
}

const notImport = new RegExp(`${commentOrText.source}|\`(?:\\\\.|[^\`\\\\])*\``, 'g');

/** What a TypeScript text imports, as written: of every `import`, `export … from` and dynamic `import()`. */
export function importsOf(text: string): readonly string[] {
  const code = text.replace(notImport, (found) =>
    found.startsWith('/') || found.startsWith('`') ? '' : found,
  );
  const found = code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g);
  return [...found].flatMap((match) => match[1] ?? []);
}

/** The project's file that a relative import names. */
export function resolveImport(from: string, specifier: string): string {
  return posix.normalize(posix.join(posix.dirname(from), specifier));
}
