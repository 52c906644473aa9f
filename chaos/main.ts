import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { crds } from '@plumb/api';
import { connect } from '@plumb/kube';
import { startControlPlane } from '@plumb/sandbox';
import type { Round } from './round.ts';
import { runRound } from './round.ts';

const USAGE = `npm run chaos -- [--seed N] [--kills 500] [--round 20] [--minutes N]

Kills the agent and its engine at random moments while commits land, objects drift and Kustomizations come and go, on a control plane of its
own. After each round the cluster must equal Git, the inventories the cluster; nothing unmanaged may be touched, and no event may claim what
did not happen.
  --seed     of the first round; each further round takes the next number. Default: any
  --kills    how many in all
  --round    how many in each round
  --minutes  ends after the round in which they are over
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kills: { type: 'string', default: '500' },
    round: { type: 'string', default: '20' },
    minutes: { type: 'string', default: '1440' },
    help: { type: 'boolean', default: false },
  },
});

function whole(name: 'seed' | 'kills' | 'round' | 'minutes'): number {
  const value = Number(values[name]);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} '${values[name]}' is not a whole number from 1`);
  return value;
}

async function chaos(): Promise<boolean> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-chaos-'));
  const plane = await startControlPlane({ clusterPath: join(import.meta.dirname, '../build/cluster'), dir });
  try {
    const cluster = await connect({ kubeconfig: plane.kubeconfig, userAgent: 'plumb-chaos' });
    for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'chaos', force: true });
    await cluster.close();
    return await rounds(plane.kubeconfig);
  } finally {
    await plane.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** @returns whether all was well */
async function rounds(kubeconfig: string): Promise<boolean> {
  const until = Date.now() + whole('minutes') * 60_000;
  let left = whole('kills');
  let seed = whole('seed');
  const done: Round[] = [];
  for (; left > 0 && Date.now() < until; seed++) {
    const kills = Math.min(left, whole('round'));
    const round = await runRound({ kubeconfig, seed, kills });
    done.push(round);
    left -= kills;
    tell(round, kills);
  }
  const failed = done.filter(({ problems }) => problems.length > 0);
  const sum = (of: (round: Round) => number): number => done.reduce((total, round) => total + of(round), 0);
  const kills = `${sum((round) => round.kills.agent)} kills of the agent, ${sum((round) => round.kills.engine)} of the engine`;
  process.stdout.write(
    `${kills}, ${sum((round) => round.steps)} changes in ${done.length} rounds; ${failed.length} rounds failed\n`,
  );
  return failed.length === 0;
}

function tell({ seed, kills, steps, settled, problems, dir }: Round, asked: number): void {
  const what = `${kills.agent} + ${kills.engine} kills, ${steps} changes, settled in ${(settled / 1_000).toFixed(1)} s`;
  process.stdout.write(`seed ${seed}: ${what}: ${problems.length === 0 ? 'ok' : 'FAILED'}\n`);
  if (problems.length === 0) return;
  const again = `npm run chaos -- --seed ${seed} --kills ${asked} --round ${asked}`;
  process.stdout.write(`${problems.map((problem) => `  ${problem}\n`).join('')}  logs: ${dir}\n  again: ${again}\n`);
}

if (values.help) process.stdout.write(USAGE);
else if (!(await chaos())) process.exitCode = 1;
