import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AgentOptions } from '@plumb/agent';
import { connect, type Cluster } from '@plumb/kube';
import { ChaosProxy } from '@plumb/testkit';
import { inject } from 'vitest';
import { namespaceKey, type World } from './world.ts';

/** The system's, in a time of day of its own. */
function clockOf(own: { shift: number }): NonNullable<AgentOptions['clock']> {
  const started = Date.now() - performance.now();
  return {
    now: () => Math.round(started + performance.now()),
    time: () => Date.now() + own.shift,
    after(ms, fn) {
      const timer = setTimeout(fn, Math.min(ms, 2 ** 31 - 1));
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
  };
}

/** An agent in a time of day that a test sets: its own clock, and what the API server's answers tell it of theirs. Both go on as time does. */
export class OtherTime {
  readonly #proxy: ChaosProxy;
  readonly #cluster: Cluster;
  readonly #world: World;
  readonly #own: { shift: number };

  private constructor(parts: { proxy: ChaosProxy; cluster: Cluster; world: World; own: { shift: number } }) {
    this.#proxy = parts.proxy;
    this.#cluster = parts.cluster;
    this.#world = parts.world;
    this.#own = parts.own;
  }

  /** Starts the agent of a world. @param dir for what it needs on disk */
  static async start(world: World, dir: string): Promise<OtherTime> {
    // Several of them share a folder, and the proxy names its kubeconfig after this.
    const seed = randomInt(2 ** 31);
    const proxy = await ChaosProxy.start({ kubeconfig: inject('kubeconfig'), dir, seed });
    const cluster = await connect({ kubeconfig: proxy.kubeconfig, userAgent: 'plumb-agent' });
    const own = { shift: 0 };
    await world.startAgent({ gates: true, cluster, clock: clockOf(own) });
    return new OtherTime({ proxy, cluster, world, own });
  }

  /** It is this moment now, for both; `apart`: the agent's own clock is so much later. Milliseconds. Resolves when the agent knows. */
  async set(moment: number, { apart = 0 } = {}): Promise<void> {
    const shift = moment - Date.now();
    this.#proxy.shift = shift;
    this.#own.shift = shift + apart;
    const isKnown = (): boolean =>
      Math.abs((this.#cluster.connection.time ?? 0) - (Date.now() + this.#proxy.shift)) < 2_500;
    while (!isKnown()) {
      await this.#cluster.get(namespaceKey(this.#world.namespace));
      await sleep(100);
    }
  }

  /** The agent looks at a unit again. */
  async wake(unit: string): Promise<void> {
    await this.#world.request(this.#world.unitKey(unit));
  }

  async close(): Promise<void> {
    await this.#world.stopAgent();
    await this.#cluster.close();
    await this.#proxy.close();
  }
}
