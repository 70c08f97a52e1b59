import { chmod, mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { goCommand } from '../../../src/sandbox/host/go-build.ts';
import { preparePrograms } from '../../../src/sandbox/host/programs.ts';
import { clock, until } from './machine.ts';

/** A `go` that builds a program which says its package's name, and writes down what it was asked for. */
const fakeGo = (build: string) => `#!/bin/sh
if [ "$1" = env ]; then echo "\${FAKE_GO_VERSION:-go1.26.1}"; exit; fi
for word; do
  [ "$last" = -o ] && out=$word
  last=$word
done
echo "$last CGO_ENABLED=$CGO_ENABLED" >> "$FAKE_GO_LOG"
${build}
`;
const succeeds = 'printf "#!/bin/sh\\necho $last\\n" > "$out"; chmod +x "$out"';

const environment = { ...process.env };
let folder = '';
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'wdrip-programs-')));
  await mkdir(join(folder, 'bin'));
  process.env.XDG_CACHE_HOME = join(folder, 'cache');
  process.env.FAKE_GO_LOG = join(folder, 'log');
  process.env.PATH = `${join(folder, 'bin')}${delimiter}/usr/bin${delimiter}/bin`;
  await program('go', fakeGo(succeeds));
});
afterEach(async () => {
  process.env = { ...environment };
  await rm(folder, { recursive: true });
});

async function program(name: string, text = '#!/bin/sh\n'): Promise<string> {
  const path = join(folder, 'bin', name);
  await writeFile(path, text);
  await chmod(path, 0o755);
  return path;
}
const builds = async () =>
  (await readFile(join(folder, 'log'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');

test('what is nowhere is compiled, one after the other, once', async () => {
  const steps: string[] = [];
  const prepare = () =>
    preparePrograms({
      names: ['etcd', 'kubelet', 'systemctl'],
      clock,
      onProgress: (step) => steps.push(step),
    });
  const { tools, path } = await prepare();
  expect(await builds()).toEqual([
    'go.etcd.io/etcd/server/v3 CGO_ENABLED=0',
    './cmd/hollow-kubelet CGO_ENABLED=0',
    './cmd/systemctl CGO_ENABLED=0',
  ]);
  expect(steps).toEqual([
    'compiling etcd (1 of 3)',
    'compiling kubelet (2 of 3)',
    'compiling systemctl (3 of 3)',
  ]);
  expect(await readFile(path('kubelet'), 'utf8')).toContain('echo ./cmd/hollow-kubelet');
  expect((await readdir(tools)).sort()).toEqual(['etcd', 'kubelet', 'systemctl']);
  expect((await prepare()).tools).toBe(tools);
  expect((await builds()).length).toBe(3);
});

test("etcd and Kubernetes are taken from PATH or from the user's folder; a kubelet never is, for a real one would touch the machine", async () => {
  const etcd = await program('etcd');
  await program('kubelet');
  const names = ['etcd', 'etcdctl', 'kubelet'] as const;
  const fromPath = await preparePrograms({ names, clock });
  expect(await realpath(fromPath.path('etcd'))).toBe(etcd);
  expect(await builds()).toEqual([
    'go.etcd.io/etcd/etcdctl/v3 CGO_ENABLED=0',
    './cmd/hollow-kubelet CGO_ENABLED=0',
  ]);
  const own = join(folder, 'own');
  await mkdir(own);
  await expect(preparePrograms({ names, folder: own, clock })).rejects.toMatchObject({
    code: 'ProgramMissing',
  });
  await writeFile(join(own, 'etcdctl'), '', { mode: 0o755 });
  await writeFile(join(own, 'etcd'), 'not executable');
  const fromFolder = await preparePrograms({ names, folder: own, clock });
  expect(await realpath(fromFolder.path('etcdctl'))).toBe(join(own, 'etcdctl'));
  expect(await readFile(fromFolder.path('etcd'), 'utf8')).toContain('echo go.etcd.io/etcd/server/v3');
});

test('of two at once one compiles, and the other waits and finds it done', async () => {
  await program('go', fakeGo(`sleep 0.3; ${succeeds}`));
  const names = ['etcd', 'systemctl'] as const;
  const steps: string[] = [];
  const first = preparePrograms({ names, clock });
  await until('the first build', async () => (await builds()).length > 0);
  const second = preparePrograms({ names, clock, onProgress: (step) => steps.push(step) });
  expect((await second).tools).toBe((await first).tools);
  expect((await builds()).length).toBe(2);
  expect(steps).toEqual(['waiting for another process that compiles the programs']);
});

test('one that is called off leaves nothing half, and the next goes on where it was', async () => {
  await program(
    'go',
    fakeGo(`case $last in *etcd*) ;; *) echo half > "$out"; exec sleep 600;; esac; ${succeeds}`),
  );
  const abort = new AbortController();
  const names = ['etcd', 'systemctl'] as const;
  const building = preparePrograms({ names, clock, signal: abort.signal });
  await until('the second build', async () => (await builds()).length === 2);
  abort.abort(new Error('Ctrl-C'));
  await expect(building).rejects.toThrow('Ctrl-C');
  const files = (await readdir(join(folder, 'cache'), { recursive: true })).filter((name) =>
    /\/(etcd|systemctl)/.test(name),
  );
  expect(files.length).toBe(1);
  await program('go', fakeGo(succeeds));
  await preparePrograms({ names, clock });
  expect((await builds()).slice(2)).toEqual(['./cmd/systemctl CGO_ENABLED=0']);
});

test('a compiler that fails is quoted', async () => {
  await program('go', fakeGo('echo "undefined: kubelet" >&2; exit 1'));
  await expect(preparePrograms({ names: ['kubelet'], clock })).rejects.toMatchObject({
    code: 'BuildFailed',
    message: expect.stringContaining('undefined: kubelet'),
  });
});

test('Go that is missing or too old is named, with what helps', async () => {
  await expect(goCommand([join(folder, 'no-go')])).rejects.toMatchObject({
    code: 'GoMissing',
    message: expect.stringContaining('--programs'),
  });
  process.env.FAKE_GO_VERSION = 'go1.25.9';
  await expect(preparePrograms({ names: ['etcd'], clock })).rejects.toMatchObject({
    code: 'GoTooOld',
    message: expect.stringContaining('go1.25.9'),
  });
  process.env.FAKE_GO_VERSION = 'go2.0';
  await preparePrograms({ names: ['etcd'], clock });
});

test('the version that the programs say they are is the one that go.mod pins', async () => {
  const read = (path: string) =>
    readFile(fileURLToPath(new URL(`../../../src/sandbox/${path}`, import.meta.url)), 'utf8');
  const pinned = /k8s\.io\/kubernetes (v\S+)/.exec(await read('programs/go.mod'))?.[1];
  expect(await read('host/go-build.ts')).toContain(`kubernetesVersion = '${pinned}'`);
});
