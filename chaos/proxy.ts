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
/** Milliseconds after the storm in which what waited is done; things go on changing. */
const AFTER = 10_000;
/** Milliseconds until an event is missed that a watch never brought, where nothing interrupts it: five minutes, and what they are spread by. */
const MISSED_WITHIN = 340_000;
/** By how much the most requests within a second of the storm may outdo those before: what changes in a second is drawn. */
const AT_ONCE = 1.5;
/** By how much the most requests within a second may outdo those before, once the storm is over: what waited comes beside what is new. */
const CATCHING_UP = 3;

/**
 * A round in which everything goes wrong between agent and API server while things change, as they did before. Even seeds speak HTTP/1.1. It takes
 * no more requests than before (I12).
 */
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
        settlesWithin: MISSED_WITHIN,
        layout: { agentKubeconfig: () => proxy.kubeconfig },
        async make({ field, mutator }) {
          const rests = new Chance(seed + 1);
          let changes = 0;
          const loadOf = async (ms: number): Promise<Load> => {
            const from = performance.now();
            for (; performance.now() < from + ms; changes += 1) {
              await mutator.step();
              await sleep(rests.below(LONGEST_REST));
            }
            const all = proxy.arrivals.filter((at) => at >= from).length;
            return { mean: (all * 1_000) / (performance.now() - from), peak: proxy.peakRate(from) };
          };
          field.startAgents();
          await field.agent.started();
          const before = await loadOf(seconds * 1_000);
          proxy.set(STORM);
          const during = await loadOf(seconds * 1_000);
          proxy.set({});
          const after = await loadOf(AFTER);
          const faults = [...proxy.happened.values()].reduce((sum, count) => sum + count, 0);
          field.say(`storm over: ${JSON.stringify(Object.fromEntries(proxy.happened))}`);
          field.say(`requests before, in and after it: ${JSON.stringify([before, during, after])}`);
          const problems = loadProblems({ before, during, after });
          return { counts: { faults, 'kinds of fault': proxy.happened.size, changes }, problems };
        },
      },
    });
  } finally {
    await proxy.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Requests a second: on the whole, and the most within any one. */
export interface Load {
  mean: number;
  peak: number;
}

/** Before a storm, in it and after it. */
export interface Loads {
  before: Load;
  during: Load;
  after: Load;
}

export function loadProblems({ before, during, after }: Loads): string[] {
  const rows = [
    { what: 'requests a second in the storm', is: during.mean, most: before.mean },
    { what: 'requests within one second of the storm', is: during.peak, most: AT_ONCE * before.peak },
    { what: 'requests within one second after the storm', is: after.peak, most: CATCHING_UP * before.peak },
  ];
  return rows.flatMap(({ what, is, most }) =>
    is <= most ? [] : [`${Math.round(is)} ${what}, and no more than ${Math.round(most)} may be (I12)`],
  );
}
