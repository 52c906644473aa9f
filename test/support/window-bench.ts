import type { Change, JsonObject } from '@plumb/api';
import { changeOf, inPhase, policy } from './gates.ts';
import { configMap } from './manifests.ts';
import { OtherTime } from './other-time.ts';
import { configMapKey, World } from './world.ts';

export const SECOND = 1_000;
export const MINUTE = 60_000;
/** So long before a window opens the agent is told: it has to look at the clock of the API server first, which it does every five seconds. */
export const SHORTLY = 12 * SECOND;

/** A unit under one policy, in a time of its own. */
export class WindowBench {
  readonly world: World;
  readonly time: OtherTime;
  #count = 0;

  private constructor(world: World, time: OtherTime) {
    this.world = world;
    this.time = time;
  }

  /** @param dir for what the agent needs on disk */
  static async start(dir: string): Promise<WindowBench> {
    const world = await World.start({ agent: false });
    const time = await OtherTime.start(world, dir);
    await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
    await world.gitRepository();
    const bench = new WindowBench(world, time);
    const revision = await bench.declare();
    await world.kustomization('apps', { retryInterval: '1h' });
    await world.applied('apps', revision);
    return bench;
  }

  /** Something new, which is held where nothing lets it pass. @returns its revision */
  declare(): Promise<string> {
    this.#count += 1;
    const settings = configMap(this.world.target, 'settings', { a: String(this.#count) });
    return this.world.push({ 'apps/settings.yaml': settings });
  }

  policy(spec: JsonObject): Promise<unknown> {
    return policy(this.world, 'when', spec);
  }

  /** Waits until the change to a revision is held with just these words. */
  held(revision: string, words: string | RegExp): Promise<Change> {
    return changeOf(this.world, 'apps', `say: ${String(words)}`, ({ spec, status }) => {
      if (spec.revision !== revision || status?.endedAt !== undefined) return false;
      const { message = '' } = status ?? {};
      return typeof words === 'string' ? message === words : words.test(message);
    });
  }

  /** Waits until the change to a revision is applied. @returns when the gate opened, in milliseconds since the epoch */
  async opened(revision: string): Promise<number> {
    await this.world.applied('apps', revision);
    const done = await changeOf(this.world, 'apps', 'be applied', (one) => {
      return one.spec.revision === revision && inPhase('Applied')(one);
    });
    return Date.parse(done.status?.decidedAt ?? '');
  }

  /** What runs. */
  async value(): Promise<string> {
    const object = await this.world.get(configMapKey(this.world.target, 'settings'));
    return String((object?.['data'] as { a?: string } | undefined)?.a);
  }

  async close(): Promise<void> {
    const problems = await this.world.problems();
    await this.time.close();
    await this.world.close();
    if (problems.length > 0) throw new Error(problems.join('\n'));
  }
}
