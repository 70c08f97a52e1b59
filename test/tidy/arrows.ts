import { importsOf, type ProjectFile, resolveImport } from './files.ts';

/**
 * Who may import whom (design.md section 2): `cli → supervisor → runtime → machines`, `supervisor → effects → ports`. Every folder of
 * `src/` stands here; a new one is entered with what it may see.
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  machines: [],
  'src/failure.ts': [],
  'src/root.ts': [],
  'src/log.ts': ['src/failure.ts', 'src/runtime'],
  'src/runtime': ['machines', 'src/failure.ts'],
  'src/store': ['src/runtime', 'src/failure.ts'],
  // Adapters: none sees another.
  'src/kubernetes': ['src/runtime', 'src/failure.ts', 'src/log.ts'],
  'src/cloud': ['src/runtime', 'src/failure.ts', 'src/log.ts'],
  'src/etcd': ['src/runtime', 'src/failure.ts', 'src/log.ts'],
  'src/bootstrap': ['src/cloud', 'src/kubernetes', 'src/etcd', 'src/runtime', 'src/failure.ts', 'src/log.ts'],
  'src/backup': ['src/etcd', 'src/kubernetes', 'src/runtime', 'src/failure.ts', 'src/log.ts'],
  'src/effects': [
    'machines',
    'src/cloud',
    'src/kubernetes',
    'src/etcd',
    'src/backup',
    'src/runtime',
    'src/failure.ts',
    'src/log.ts',
  ],
  'src/dashboard': ['src/runtime', 'src/root.ts', 'src/failure.ts', 'src/log.ts'],
  'src/visualizations': ['machines'],
  'src/supervisor': [
    'machines',
    'src/runtime',
    'src/store',
    'src/effects',
    'src/cloud',
    'src/kubernetes',
    'src/etcd',
    'src/backup',
    'src/bootstrap',
    'src/dashboard',
    'src/root.ts',
    'src/failure.ts',
    'src/log.ts',
  ],
  'src/sandbox': [
    'src/backup',
    'src/bootstrap',
    'src/cloud',
    'src/kubernetes',
    'src/etcd',
    'src/runtime',
    'src/root.ts',
    'src/failure.ts',
    'src/log.ts',
  ],
  'src/simulator': [
    'machines',
    // The simulated agent does what the commands for a master's etcd say.
    'src/bootstrap',
    // The embedded cluster serves the supervisor's own page.
    'src/dashboard',
    'src/supervisor',
    'src/effects',
    'src/cloud',
    'src/kubernetes',
    'src/etcd',
    'src/backup',
    'src/runtime',
    'src/store',
    'src/root.ts',
    'src/failure.ts',
    'src/log.ts',
  ],
  'src/cli': [
    'machines',
    'src/supervisor',
    'src/runtime',
    'src/cloud',
    'src/kubernetes',
    'src/backup',
    'src/bootstrap',
    'src/dashboard',
    'src/sandbox',
    'src/simulator',
    'src/visualizations',
    'src/root.ts',
    'src/failure.ts',
    'src/log.ts',
  ],
};

/** Of these only the port is seen from outside, but by the files that put everything together. */
const ports = ['src/cloud', 'src/kubernetes', 'src/etcd'];
const wiring: Readonly<Record<string, string>> = {
  'src/sandbox/control-plane-status.ts': 'a command that looks at the members by itself',
  'src/supervisor/control-plane-wiring.ts': 'its part for masters, quorum and backups',
  'src/supervisor/wiring.ts': 'the one file that puts the supervisor together',
  'src/sandbox/up.ts': 'puts a cluster into the sandbox with the product’s own adapters',
  'src/bootstrap/kubernetes-cluster-api.ts':
    'what only the creation of a cluster asks of its API, on the same connection',
};

/** Packages that only their own folder may import. Packages that stand in no line are free, but not for the machines. */
const owners: Readonly<Record<string, readonly string[]>> = {
  xstate: ['machines', 'src/runtime'],
  '@kubernetes/client-node': ['src/kubernetes', 'src/bootstrap'],
  '@alicloud/': ['src/cloud'],
  'ali-oss': ['src/backup'],
  etcd3: ['src/etcd'],
  lmdb: ['src/store'],
  winston: ['src/log.ts'],
  commander: ['src/cli'],
  '@peculiar/x509': ['src/bootstrap'],
  'node-cron': ['src/supervisor', 'src/backup'],
};

/** The part of the layout that a file belongs to: `machines`, `src/runtime`, or a file directly in `src/`. */
export function partOf(path: string): string {
  const [first = '', second, third] = path.split('/');
  if (first !== 'src') return first;
  return third === undefined ? path : `${first}/${second}`;
}

/** Imports that point the wrong way. */
export function wrongArrows(file: ProjectFile): readonly string[] {
  const part = partOf(file.path);
  const allowed = mayImport[part];
  if (allowed === undefined) return [`${file.path}: ${part} has no line in test/tidy/arrows.ts`];
  return importsOf(file.text).flatMap((specifier) => {
    if (specifier.startsWith('node:'))
      return part === 'machines' ? [`${file.path} imports ${specifier}`] : [];
    if (!specifier.startsWith('.')) return wrongPackage(file.path, part, specifier);
    const target = resolveImport(file.path, specifier);
    const to = partOf(target);
    if (to === part || target === 'package.json') return [];
    if (!allowed.includes(to)) return [`${file.path} imports ${target}`];
    // The balancers are a port of their own: only who creates a cluster or a master's body needs them.
    const isPort = target === `${to}/port.ts` || target === 'src/cloud/load-balancers.ts';
    return ports.includes(to) && !isPort && wiring[file.path] === undefined
      ? [`${file.path} imports ${target}, and not the port`]
      : [];
  });
}

function wrongPackage(path: string, part: string, specifier: string): readonly string[] {
  const owner = Object.keys(owners).find((name) =>
    name.endsWith('/') ? specifier.startsWith(name) : specifier === name || specifier.startsWith(`${name}/`),
  );
  const may = owner === undefined ? part !== 'machines' : owners[owner]?.includes(part);
  return may ? [] : [`${path} imports ${specifier}`];
}

/** Files that nothing leads to from the given entries. */
export function deadFiles(files: readonly ProjectFile[], entries: readonly string[]): readonly string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const alive = new Set<string>();
  const visit = (path: string): void => {
    const file = byPath.get(path);
    if (file === undefined || alive.has(path)) return;
    alive.add(path);
    for (const specifier of importsOf(file.text))
      if (specifier.startsWith('.')) visit(resolveImport(path, specifier));
  };
  for (const entry of entries) visit(entry);
  return files.map(({ path }) => path).filter((path) => !alive.has(path));
}
