import { get } from 'node:https';
import { loadKubeconfig } from '../../../src/kubernetes/kubeconfig.ts';
import { sleep } from '../../../src/runtime/clock.ts';
import { changesCluster } from '../cloud-busy.ts';
import { createChecks, type ScenarioResult } from '../scenario.ts';
import type { Stage } from '../stage.ts';
import { until } from '../until.ts';

/** The issue's own figure, in ms. */
const downMs = 300_000;
/** From the API server's end to blindness, in ms: the watch's own, plus staleMs, and a little. */
const blindWithinMs = 30_000;
/** From its start to the last node's Ready, in ms. */
const backWithinMs = 120_000;
const lookMs = 5_000;
const master = 'control-plane-0';

/**
 * Stopping the unit is not enough: the controller manager ends without its API server, is started again, and wants that with it, as under
 * systemd. So its program fails for as long as a file lies in /run.
 */
const keepDown = [
  'touch "$WDRIP_ROOT/run/api-server-down"',
  `cat > "$WDRIP_ROOT/usr/local/bin/kube-apiserver" <<'END'`,
  '#!/bin/sh',
  '[ -e "$WDRIP_ROOT/run/api-server-down" ] && exit 1',
  'PATH=$(printf %s "$PATH" | sed "s|^$WDRIP_ROOT/usr/local/bin:||")',
  'exec kube-apiserver "$@"',
  'END',
  'chmod 755 "$WDRIP_ROOT/usr/local/bin/kube-apiserver"',
  'systemctl stop kube-apiserver',
].join('\n');
const letUp =
  'rm "$WDRIP_ROOT/run/api-server-down" "$WDRIP_ROOT/usr/local/bin/kube-apiserver"\nsystemctl restart kube-apiserver';

/** Scenario 8: the API server stops for five minutes while the nodes are fine. Nothing at all may be done. */
export const apiServerDown = {
  name: 'api-server-down',
  fault: `kube-apiserver stopped for ${downMs / 60_000} minutes while the nodes are fine`,
  smoke: false,
  async run(stage: Stage, group: string): Promise<ScenarioResult> {
    const { clock, signal } = stage;
    const checks = createChecks();
    const server = new URL(loadKubeconfig(stage.sandbox.kubeconfig).server);
    const faultAt = clock.now();
    await stage.shell(master, keepDown);
    const says = (message: string) =>
      stage.supervisor.lines(faultAt).find((line) => line.message.startsWith(message));
    const blind = await until(
      stage,
      'the supervisor to be blind',
      blindWithinMs,
      () => says('sight of the cluster is lost') ?? null,
    );

    const states = new Set<string>();
    let answered = 0;
    while (clock.now() < faultAt + downMs) {
      if (await answers(server.hostname, Number(server.port))) answered += 1;
      for (const state of (await stage.states()).values()) states.add(state);
      await sleep(clock, Math.min(lookMs, Math.max(1, faultAt + downMs - clock.now())), signal);
    }
    checks.that(
      'while blind, nodes are healthy or blind',
      [...states].every((each) => /^(healthy|blind)$/.test(each)),
      [...states],
    );

    checks.equal('how often somebody answered at the API server’s address meanwhile', answered, 0);
    const startedAt = clock.now();
    await stage.shell(master, letUp);
    const seenAgain = () =>
      stage.supervisor.lines(startedAt).find(({ message }) => message === 'the cluster is seen') ?? null;
    const seen = await until(stage, 'the supervisor to see the cluster again', backWithinMs, seenAgain);
    await stage.restore(backWithinMs);

    const changes = stage
      .changes(faultAt)
      .filter(({ actor }) => !actor.startsWith('storm/') && actor !== 'supervisor');
    const beyond = changes.filter(({ to }) => /^(repairing|throttled|held)/.test(to));
    checks.equal(
      'states of repair',
      beyond.map(({ actor, to }) => [actor, to]),
      [],
    );
    const calls = await stage.calls(faultAt);
    const acted = calls.filter(changesCluster);
    checks.equal(
      'calls that changed something',
      acted.map(({ action, parameters }) => [action, parameters]),
      [],
    );
    return {
      group,
      scenario: apiServerDown.name,
      ok: checks.failures.length === 0,
      fault: apiServerDown.fault,
      faultToReadyMs: null,
      ownMs: null,
      rungs: [],
      measured: {
        downMs: startedAt - faultAt,
        blindAfterMs: blind.at - faultAt,
        seenAgainAfterMs: seen.at - startedAt,
        suspectsAfterwards: changes.filter(({ to }) => to === 'suspect').length,
        callsMeanwhile: calls.length,
      },
      failures: checks.failures,
    };
  },
} as const;

/** Whether an API server answers there: the balancer in front of it takes connections, and has nobody to give them to. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((settle) => {
    const asked = get(
      { host, port, path: '/livez', rejectUnauthorized: false, timeout: lookMs },
      (response) => {
        response.resume();
        settle(true);
      },
    );
    asked.once('timeout', () => asked.destroy());
    asked.once('error', () => settle(false));
  });
}
