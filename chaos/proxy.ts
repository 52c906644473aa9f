import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChaosProxy } from '@plumb/testkit';
import { Chance } from './chance.ts';
import { STORM } from './faults.ts';
import type { Round } from './round.ts';
import { runRound } from './round.ts';

/** Milliseconds between two things that happen. */
const LONGEST_REST = 200;

/** A round in which everything goes wrong between agent and API server while things change. Even seeds speak HTTP/1.1. */
export async function proxyRound(
  kubeconfig: string,
  { seed, seconds }: { seed: number; seconds: number },
): Promise<Round> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-proxy-'));
  const proxy = await ChaosProxy.start({ kubeconfig, dir, seed, http1: seed % 2 === 0 });
  try {
    return await runRound({
      kubeconfig,
      seed,
      trouble: {
        layout: { agentKubeconfig: () => proxy.kubeconfig },
        async make({ field, mutator }) {
          const rests = new Chance(seed + 1);
          field.startAgents();
          await field.agent.started();
          proxy.set(STORM);
          let changes = 0;
          for (const until = performance.now() + seconds * 1_000; performance.now() < until; changes += 1) {
            await mutator.step();
            await sleep(rests.below(LONGEST_REST));
          }
          proxy.set({});
          const faults = [...proxy.happened.values()].reduce((sum, count) => sum + count, 0);
          field.say(`storm over: ${JSON.stringify(Object.fromEntries(proxy.happened))}`);
          return { counts: { faults, 'kinds of fault': proxy.happened.size, changes }, problems: [] };
        },
      },
    });
  } finally {
    await proxy.close();
    await rm(dir, { recursive: true, force: true });
  }
}
