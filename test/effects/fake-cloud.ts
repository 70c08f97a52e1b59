import type { Asking, Cloud, CommandResult, Instance, InstanceSpec } from '../../src/cloud/port.ts';
import { Failure } from '../../src/failure.ts';

/**
 * A cloud of a few instances in memory, for the effects' tests: what matters is what took effect, and that any call can lose its answer
 * after its effect. The real adapter's contract is tested elsewhere, against the sandbox.
 */
export class FakeCloud implements Cloud {
  readonly region = 'cn-test';
  readonly instances = new Map<string, Instance>();
  readonly securityGroups = new Set<string>();
  /** Every call that changed something, in order: `reboot i-1`. */
  readonly effects: string[] = [];
  /** By action: what to throw before the effect, or after it. Each is used once. */
  readonly failBefore = new Map<string, Failure>();
  readonly failAfter = new Map<string, Failure>();
  /** By action: what happens right after its effect. */
  readonly after = new Map<string, () => void>();
  readonly noStock = new Set<string>();
  /** What the agent answers, by a part of the script. */
  agent: (id: string, script: string) => CommandResult = (id) => ({
    outcome: 'exited',
    exitCode: 0,
    output: `${this.boots.get(id) ?? 0}\n`,
  });
  readonly boots = new Map<string, number>();
  now: () => number = () => 1;
  readonly #byToken = new Map<string, { readonly spec: string; readonly id: string }>();
  #next = 1;

  add(over: Partial<Instance> = {}): Instance {
    const instance: Instance = {
      id: `i-${this.#next++}`,
      status: 'Running',
      zone: 'a',
      privateIp: `127.0.2.${this.#next}`,
      tags: { 'wdrip.io/cluster': 'test' },
      locks: [],
      startedAt: '2026-11-24T13:00Z',
      systemDiskId: `d-${this.#next}`,
      imageId: 'm-1',
      instanceType: 't',
      ...over,
    };
    this.instances.set(instance.id, instance);
    return instance;
  }

  change(id: string, over: Partial<Instance>): void {
    const instance = this.instances.get(id);
    if (instance === undefined)
      throw new Failure({ kind: 'notFound', code: 'InvalidInstanceId.NotFound', message: id });
    this.instances.set(id, { ...instance, ...over });
  }

  async #act(
    action: string,
    id: string,
    needs: readonly Instance['status'][],
    asking: Asking | undefined,
    effect: () => void,
  ): Promise<void> {
    await asking?.before?.();
    const before = this.failBefore.get(action);
    this.failBefore.delete(action);
    if (before) throw before;
    const instance = this.instances.get(id);
    if (instance === undefined)
      throw new Failure({ kind: 'notFound', code: 'InvalidInstanceId.NotFound', message: id });
    if (!needs.includes(instance.status))
      throw new Failure({
        kind: 'rejected',
        code: 'IncorrectInstanceStatus',
        message: `${action} ${instance.status}`,
      });
    this.effects.push(`${action} ${id}`);
    effect();
    this.after.get(action)?.();
    const after = this.failAfter.get(action);
    this.failAfter.delete(action);
    if (after) throw after;
  }

  #boot(id: string): void {
    this.boots.set(id, (this.boots.get(id) ?? 0) + 1);
    this.change(id, { status: 'Running' });
  }

  async listInstances() {
    return { instances: [...this.instances.values()], askedAt: this.now() };
  }
  async findInstance(id: string) {
    return this.instances.get(id) ?? null;
  }
  async hasSecurityGroup(id: string) {
    return this.securityGroups.has(id);
  }
  async executingSystemEvents() {
    return new Set<string>();
  }
  async reboot(id: string, asking: Asking & { readonly force: boolean }) {
    await this.#act(asking.force ? 'forceReboot' : 'reboot', id, ['Running'], asking, () => this.#boot(id));
  }
  async start(id: string, asking?: Asking) {
    await this.#act('start', id, ['Stopped'], asking, () => this.#boot(id));
  }
  async stop(id: string, asking?: Asking) {
    await this.#act('stop', id, ['Running'], asking, () => this.change(id, { status: 'Stopped' }));
  }
  async setUserData(id: string, userData: string, asking?: Asking) {
    await this.#act('setUserData', id, ['Stopped'], asking, () => void userData);
  }
  async replaceSystemDisk(id: string, _image: string, attempt: string, asking?: Asking) {
    const known = this.#byToken.get(attempt);
    if (known) return known.id;
    const disk = `d-new-${attempt}`;
    await this.#act('replaceSystemDisk', id, ['Stopped'], asking, () => {
      this.#byToken.set(attempt, { spec: id, id: disk });
      this.change(id, { systemDiskId: disk });
    });
    return disk;
  }
  async deleteInstance(id: string, asking?: Asking) {
    if (!this.instances.has(id)) return;
    await this.#act('delete', id, ['Pending', 'Starting', 'Running', 'Stopping', 'Stopped'], asking, () => {
      this.instances.delete(id);
    });
  }
  async runInstance(spec: InstanceSpec, attempt: string) {
    const text = JSON.stringify(spec);
    const known = this.#byToken.get(attempt);
    if (known && known.spec !== text)
      throw new Failure({ kind: 'rejected', code: 'IdempotentParameterMismatch', message: attempt });
    if (known) return known.id;
    if (this.noStock.has(spec.zone))
      throw new Failure({ kind: 'rejected', code: 'OutOfStock', message: spec.zone });
    const { id } = this.add({ zone: spec.zone, tags: spec.tags });
    this.#byToken.set(attempt, { spec: text, id });
    this.effects.push(`run ${spec.zone}`);
    const after = this.failAfter.get('run');
    this.failAfter.delete('run');
    if (after) throw after;
    return id;
  }
  async runCommand(id: string, script: string, asking?: Asking) {
    await asking?.before?.();
    return this.agent(id, script);
  }
}

/** No answer came: the call may or may not have taken effect. */
export const noAnswer = () =>
  new Failure({ kind: 'retryable', code: 'NoAnswer', message: 'no answer in time' });
