import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import axe from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { type EmbeddedHandle, startEmbedded } from '../../../src/simulator/embedded/start.ts';
import { launchChromium } from './chromium.ts';

/** A browser on a busy machine. */
jest.setTimeout(90_000);
const shownWithinMs = 30_000;

let dir = '';
let running: EmbeddedHandle;
let browser: Browser;
/** What a browser complains of: errors of the page, and violations of its policy. None may be there. */
let complaints: string[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'wdrip-page-'));
  running = await startEmbedded({ dir, speed: 1 });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await running?.stop();
  await rm(dir, { recursive: true, force: true });
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  expect(complaints).toEqual([]);
});

async function open(options: BrowserContextOptions = {}, url = link()): Promise<Page> {
  complaints = [];
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(shownWithinMs);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  await page.goto(url);
  return page;
}
const link = () => `${running.url}/#token=${running.token}`;
const tile = (page: Page, slot: string) => page.getByRole('radio', { name: new RegExp(`^${slot}\\b`) });
const speed = (page: Page, factor: number) =>
  page.getByRole('button', { name: `${factor}×`, exact: true }).click();

/** Waits until the tile of a node says so. */
const says = (page: Page, slot: string, word: string) => tile(page, slot).filter({ hasText: word }).waitFor();

async function judge(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    // Runs in the page, where axe has put itself.
    () => (globalThis as unknown as { axe: typeof axe }).axe.run(),
  );
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}

describe('the page in a real browser', () => {
  test('shows the fleet, and keeps the token out of the address bar', async () => {
    const page = await open();
    await page.getByText('All 15 nodes are healthy').waitFor();
    expect(await page.getByRole('radio').count()).toBe(15);
    expect(page.url()).toBe(`${running.url}/`);
    expect(await page.title()).toBe('demo · wdrip');
    await page.reload();
    await page.getByText('All 15 nodes are healthy').waitFor();
  });

  test('a kubelet is stopped with the button: suspected, restarted, healthy, with a countdown and a story', async () => {
    const page = await open();
    await tile(page, 'workers-0').click();
    // At 60 it is suspect for a third of a second, which a busy machine's browser may not see.
    await speed(page, 10);
    await page.getByRole('button', { name: /^Stop the kubelet/ }).click();
    await says(page, 'workers-0', 'suspect');
    await speed(page, 1);
    const count = page.locator('.due-count');
    const first = (await count.textContent()) ?? '';
    await count.filter({ hasNotText: first }).waitFor();
    expect(await page.title()).toMatch(/^\(1\) /);
    await speed(page, 60);
    const stories = page.getByRole('list', { name: 'The story of this node' });
    await stories.getByText('goes on to restart its kubelet').waitFor();
    await says(page, 'workers-0', 'healthy');
    for (const line of [
      'you stopped its kubelet',
      'suspected, and nothing is done for 20 s',
      'cloud: RunCommand',
    ])
      await stories.getByText(line).waitFor();
    await speed(page, 1);
  });

  test('the ladder shows where it stands and what comes next', async () => {
    const page = await open();
    await tile(page, 'workers-1').click();
    await speed(page, 10);
    await page.getByRole('button', { name: /^Hang the container runtime/ }).click();
    await says(page, 'workers-1', 'rebooting');
    await speed(page, 1);
    const steps = page.getByRole('list', { name: 'The repair ladder' }).getByRole('listitem');
    await steps.and(page.locator('[aria-current="step"]')).getByText('Reboot the instance').waitFor();
    expect(await steps.filter({ hasText: 'next, if it is still NotReady' }).textContent()).toMatch(
      /^Give it a new system disk/,
    );
    await speed(page, 60);
    await says(page, 'workers-1', 'healthy');
    await speed(page, 1);
  });

  test('a storm, a pause and a killed supervisor are told, and pass', async () => {
    const page = await open();
    await page.getByRole('button', { name: 'Pause repairs', exact: true }).click();
    await page.getByText('Repairs of the whole cluster are paused.').waitFor();
    await page.getByRole('button', { name: 'Resume repairs', exact: true }).click();
    await page.getByRole('button', { name: /^Kill the supervisor/ }).click();
    await page.getByText('The supervisor was killed; it is coming back.').waitFor();
    await page.getByText('supervisor at work').waitFor();
    await speed(page, 60);
    await page
      .getByRole('button', { name: /^Cut off half of the workers/ })
      .first()
      .click();
    await page.getByText(/^Storm in pool workers: \d of 12 nodes NotReady at once/).waitFor();
    await page.getByText('All 15 nodes are healthy').waitFor();
    await speed(page, 1);
  });

  test('etcd at a glance; a member’s data and then all masters are lost with a button, and come back', async () => {
    const page = await open();
    const etcd = page.getByRole('region', { name: 'etcd and its backups' });
    await etcd.getByText('etcd whole').waitFor();
    await etcd.getByText('3 of 3 voters are healthy').waitFor();
    expect(await etcd.getByText('voter, leads').count()).toBe(1);
    await etcd
      .getByText(/old, restored in a rehearsal; in cn-simulated and cn-elsewhere; the next at/)
      .waitFor();
    await tile(page, 'control-plane-2').click();
    await speed(page, 60);
    await page.getByRole('button', { name: /^Delete its etcd data/ }).click();
    await page.getByText('Delete its etcd data: done to control-plane-2.').waitFor();
    const story = page.getByRole('list', { name: 'What happened in the cluster' });
    await story.getByText('etcd: joins as a learner').waitFor();
    await story.getByText('etcd: every master has a healthy voting member again').waitFor();
    await speed(page, 10);
    await page
      .getByRole('button', { name: /^Delete all masters/ })
      .first()
      .click();
    const way = page.getByRole('list', { name: 'The way back' }).getByRole('listitem');
    await way.and(page.locator('[aria-current="step"]')).getByText('Confirm the loss').waitFor();
    await page.getByText('etcd has no quorum, so the Kubernetes API is away').waitFor();
    expect(await way.count()).toBe(12);
    expect(await judge(page)).toEqual([]);
    await speed(page, 60);
    await story.getByText(/^recovery: begins, from the backup backup-\d+ in cn-simulated$/).waitFor();
    await etcd.getByText('etcd whole').waitFor();
    await page.getByText('All 15 nodes are healthy').waitFor();
    expect(await way.count()).toBe(0);
    await speed(page, 1);
  });

  test('works by keyboard alone: from tile to tile with arrows, and on to the buttons', async () => {
    const page = await open();
    await page.getByText('All 15 nodes are healthy').waitFor();
    await page.getByRole('button', { name: 'Pause repairs', exact: true }).focus();
    await page.keyboard.press('Tab');
    const focused = () => page.locator(':focus').textContent();
    expect(await focused()).toMatch(/^control-plane-0/);
    await page.keyboard.press('ArrowRight');
    expect(await focused()).toMatch(/^control-plane-2/);
    expect(await tile(page, 'control-plane-2').getAttribute('aria-checked')).toBe('true');
    await page.keyboard.press('End');
    expect(await focused()).toMatch(/^workers-11/);
    await page.getByRole('heading', { name: 'workers-11', level: 2 }).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused()).toMatch(/^Stop the kubelet/);
  });

  test.each([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['narrow', { viewport: { width: 390, height: 844 } }],
  ] as const)('has no fault in accessibility, %s: labels, roles, contrast', async (_what, options) => {
    const page = await open({ reducedMotion: 'reduce', ...options });
    await tile(page, 'workers-4').waitFor();
    expect(await judge(page)).toEqual([]);
    await tile(page, 'workers-4').click();
    await page.getByRole('button', { name: /^Break it beyond repair/ }).click();
    await page.getByRole('button', { name: /^Make the API unreachable/ }).click();
    await speed(page, 10);
    await page.getByText(/^Out of sight/).waitFor();
    await speed(page, 1);
    expect(await judge(page)).toEqual([]);
    expect(await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
    await page.getByRole('button', { name: 'End it now' }).first().click();
    await page.getByText('API in sight').waitFor();
  });
});

describe('what the page does not take', () => {
  test('a wrong token: it says what is missing, and shows nothing', async () => {
    const page = await open({}, `${running.url}/#token=${'0'.repeat(48)}`);
    await page.getByText('This page needs its whole link').waitFor();
    expect(await page.getByRole('radio').count()).toBe(0);
    // The browser itself reports the refused request.
    complaints = complaints.filter((text) => !text.includes('401'));
  });

  test('a page of another origin can neither ask nor act, even with the token', async () => {
    const foreign = createServer((_, response) => response.end('<!doctype html><title>x</title>'));
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
    const address = foreign.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const page = await open({}, `http://127.0.0.1:${port}/`);
    const before = running.cluster.clock.speed();
    const tried = await page.evaluate(
      async ([url, token]) => {
        const outcomes: string[] = [];
        const attempts: [string, RequestInit][] = [
          ['/api/nodes', { headers: { authorization: `Bearer ${token}` } }],
          [
            '/api/lab/speed',
            {
              method: 'POST',
              body: '{"speed":60}',
              headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            },
          ],
          ['/api/lab/speed', { method: 'POST', body: '{"speed":60}', mode: 'no-cors' }],
        ];
        for (const [path, init] of attempts)
          outcomes.push(
            await fetch(`${url}${path}`, init).then(
              (response) => response.type,
              () => 'refused',
            ),
          );
        return outcomes;
      },
      [running.url, running.token] as const,
    );
    await new Promise((resolve) => {
      foreign.close(resolve);
      foreign.closeAllConnections();
    });
    expect(tried).toEqual(['refused', 'refused', 'refused']);
    expect(running.cluster.clock.speed()).toBe(before);
    // The browser itself reports each of them.
    expect(complaints.length).toBeGreaterThanOrEqual(tried.length);
    complaints = [];
  });
});

test('when wdrip ends, the page says that the connection is lost', async () => {
  const other = await startEmbedded({ dir: join(dir, 'other'), speed: 1 });
  const page = await open({}, `${other.url}/#token=${other.token}`);
  await page.getByText('All 15 nodes are healthy').waitFor();
  await other.stop();
  await page.getByText('The connection to wdrip is lost').waitFor();
  // The browser itself reports that nobody answers.
  complaints = complaints.filter(
    (text) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY/.test(text),
  );
});
