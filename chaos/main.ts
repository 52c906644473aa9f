import { parseArgs } from 'node:util';
import { OwnPlane } from '../test/support/own-plane.ts';
import { awayRound } from './away.ts';
import { Chance } from './chance.ts';
import { clockJumps } from './clock.ts';
import { drawnRound } from './drawn.ts';
import { hostileRound } from './hostile/round.ts';
import { kills } from './kill.ts';
import { proxyRound } from './proxy.ts';
import { replicasRound } from './replicas.ts';
import { releasesRound } from './releases/round.ts';
import type { Counts, Round } from './round.ts';
import { runRound } from './round.ts';
import { setBackRound } from './set-back.ts';
import type { Want } from './want.ts';
import { wants } from './want.ts';

const USAGE = `npm run chaos -- [--case kills] [--seed N] ...

Makes trouble for an agent, a process of its own on a control plane of its own, by chance that a seed repeats. After each round the cluster must
equal Git and the inventories the cluster; the rules of each case are held besides.

  --case kills      (default) agent and engine are killed at random moments while commits land, objects drift and Kustomizations come and go:
                    nothing unmanaged may be touched, and no event may tell more than happened
    --kills 500     how many in all
    --round 20      how many in each round
  --case releases   the same while HelmReleases come, go, move, fail and drift: at the moments of install, upgrade, hook, test, rollback,
                    uninstall and drift correction. Each must end deployed as declared, with nothing locked and nothing left behind; --kills and --round as above
  --case api-away   the API server is gone while commits land: told once, nothing fetched, no stampede, no write but what the commits changed
    --seconds 120   for how long
    --rounds 1      how often; so for all cases but kills
  --case clock      the clocks of two replicas are set an hour forward and back: drift, intervals, budgets and leases go on as before
    --jumps 20      how often in a round
  --case proxy      everything goes wrong between agent and API server while things change; it takes no more requests than before, when the same went on
    --seconds 30    for how long, before it and in it
  --case replicas   replicas are killed, stopped for longer than a lease and cut off; by the audit log none changes what it does not own. The
                    time of a round is that of its slowest takeover, which may take 20 s
    --replicas N    how many there are. Default: 2 or 3, as the seed has it
    --times 4       how often in a round; so for the next four
  --case etcd       etcd is set back to a state that commits have changed since
  --case disk       the agent has no room on its disk for a while
  --case descriptors  it has no file descriptor free
  --case memory     its engine may have no more memory than it has
  --case differential  no trouble, but many cases: trees, kustomizations and specs by chance come out as kustomize and Flux have them
    --runs 2000     how many of each
  --case properties  each test of a rule that draws its cases, from another seed than the last time; more --rounds draw more
  --case hostile    no trouble either, but hostile input: manifests and kustomizations that are flipped, cut, spliced, deepened and blown up, and
                    repositories with odd trees, names, symlinks and submodules, fetched from a server. Each gives objects or is refused in one
                    message, within bounds; right after it a good neighbour is fetched and built as before
    --runs 2000     how many of them
    --draw N        only this one of them, which a failure names
  --case all        each of them once: all rounds of kills, and one of every other
  --seed N          of the first round; each further round takes the next number. Default: any
  --minutes N       ends after the round in which they are over
`;

const { values } = parseArgs({
  options: {
    case: { type: 'string', default: 'kills' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    kills: { type: 'string', default: '500' },
    round: { type: 'string', default: '20' },
    seconds: { type: 'string' },
    times: { type: 'string', default: '4' },
    replicas: { type: 'string' },
    runs: { type: 'string', default: '2000' },
    draw: { type: 'string' },
    jumps: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '1440' },
    help: { type: 'boolean', default: false },
  },
});

type WholeNumber = Exclude<keyof typeof values, 'case' | 'help'>;

function whole(name: WholeNumber, otherwise?: number): number {
  const value = Number(values[name] ?? otherwise);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} '${values[name]}' is not a whole number from 1`);
  return value;
}

/** One case: its rounds, and how one of them is run again. */
interface Case<Place = OwnPlane> {
  /** How much each round does. */
  rounds: readonly number[];
  run: (plane: Place, seed: number, amount: number) => Promise<Round>;
  again: (amount: number) => string;
}

const CASES: Readonly<Record<string, () => Case>> = {
  kills: () => ({
    rounds: inParts(whole('kills'), whole('round')),
    run: ({ kubeconfig }, seed, amount) => runRound({ kubeconfig, seed, trouble: kills(amount) }),
    again: (amount) => `--kills ${amount} --round ${amount}`,
  }),
  releases: () => ({
    rounds: inParts(whole('kills'), whole('round')),
    run: ({ kubeconfig }, seed, times) => releasesRound({ kubeconfig, seed, times }),
    again: (times) => `--kills ${times} --round ${times}`,
  }),
  'api-away': () => ({
    rounds: repeated(whole('seconds', 120)),
    run: (plane, seed, seconds) => awayRound(plane, { seed, seconds }),
    again: (seconds) => `--seconds ${seconds}`,
  }),
  clock: () => ({
    rounds: repeated(whole('jumps')),
    run: ({ kubeconfig }, seed, jumps) => runRound({ kubeconfig, seed, trouble: clockJumps(jumps) }),
    again: (jumps) => `--jumps ${jumps}`,
  }),
  proxy: () => ({
    rounds: repeated(whole('seconds', 30)),
    run: ({ kubeconfig }, seed, seconds) => proxyRound(kubeconfig, { seed, seconds }),
    again: (seconds) => `--seconds ${seconds}`,
  }),
  replicas: () => ({
    rounds: repeated(whole('times')),
    run: (plane, seed, times) =>
      replicasRound(plane, { seed, replicas: whole('replicas', 2 + new Chance(seed).below(2)), times }),
    again: (times) => `${values.replicas === undefined ? '' : `--replicas ${values.replicas} `}--times ${times}`,
  }),
  etcd: () => ({
    rounds: repeated(whole('times')),
    run: (plane, seed, times) => setBackRound(plane, { seed, times }),
    again: (times) => `--times ${times}`,
  }),
  disk: () => shortOf('disk'),
  descriptors: () => shortOf('descriptors'),
  memory: () => shortOf('memory'),
};

/** Those that need no control plane. */
const WITHOUT_PLANE: Readonly<Record<string, () => Case<null>>> = {
  differential: () => ({
    rounds: repeated(whole('runs')),
    run: (_none, seed, numRuns) => drawnRound('differential', { seed, numRuns }),
    again: (numRuns) => `--runs ${numRuns}`,
  }),
  properties: () => ({
    rounds: repeated(1),
    run: (_none, seed) => drawnRound('properties', { seed }),
    again: () => '',
  }),
  hostile: () => ({
    rounds: repeated(whole('runs')),
    run: (_none, seed, draws) =>
      hostileRound({ seed, draws, only: values.draw === undefined ? undefined : whole('draw') }),
    again: (draws) => `--runs ${draws}`,
  }),
};

function shortOf(want: Want): Case {
  return {
    rounds: repeated(whole('times')),
    run: ({ kubeconfig }, seed, times) => runRound({ kubeconfig, seed, trouble: wants(want, times) }),
    again: (times) => `--times ${times}`,
  };
}

function repeated(amount: number): number[] {
  return Array.from({ length: whole('rounds') }, () => amount);
}

function inParts(all: number, most: number): number[] {
  return Array.from({ length: Math.ceil(all / most) }, (_, index) => Math.min(most, all - index * most));
}

/** @returns whether all was well */
async function chaos(): Promise<boolean> {
  const names = values.case === 'all' ? NAMES : [values.case];
  const until = performance.now() + whole('minutes') * 60_000;
  let isWell = true;
  for (const name of names) isWell = (await runCase(name, until)) && isWell;
  return isWell;
}

async function runCase(name: string, until: number): Promise<boolean> {
  const [withPlane, without] = [CASES[name]?.(), WITHOUT_PLANE[name]?.()];
  if (without !== undefined) return runRounds(name, until, { ...without, place: null });
  if (withPlane === undefined) throw new Error(`--case '${name}' is none of ${NAMES.join(', ')}, all`);
  const plane = await OwnPlane.start({ audit: AUDITED.has(name) });
  try {
    return await runRounds(name, until, { ...withPlane, place: plane });
  } finally {
    await plane.close();
  }
}

async function runRounds<Place>(name: string, until: number, chosen: Case<Place> & { place: Place }): Promise<boolean> {
  const done: Round[] = [];
  for (const [index, amount] of chosen.rounds.entries()) {
    if (performance.now() > until) break;
    const seed = whole('seed') + index;
    const round = await chosen.run(chosen.place, seed, amount);
    done.push(round);
    tell(round, `npm run chaos -- --case ${name} --seed ${seed} ${chosen.again(amount)}`);
  }
  const failed = done.filter(({ problems }) => problems.length > 0);
  print(`${name}: ${inWords(sumOf(done))} in ${done.length} rounds; ${failed.length} rounds failed`);
  return failed.length === 0;
}

const NAMES = [...Object.keys(CASES), ...Object.keys(WITHOUT_PLANE)];
const AUDITED: ReadonlySet<string> = new Set(['api-away', 'replicas']);

function tell({ seed, counts, settled, settledWord = 'settled in', problems, dir }: Round, again: string): void {
  const what = `${inWords(counts)}, ${settledWord} ${(settled / 1_000).toFixed(1)} s`;
  print(`seed ${seed}: ${what}: ${problems.length === 0 ? 'ok' : 'FAILED'}`);
  if (problems.length === 0) return;
  for (const problem of problems) print(`  ${problem}`);
  if (dir !== '') print(`  logs: ${dir}`);
  print(`  again: ${again}`);
}

function sumOf(rounds: readonly Round[]): Counts {
  const sum: Record<string, number> = {};
  for (const [what, count] of rounds.flatMap(({ counts }) => Object.entries(counts)))
    sum[what] = (sum[what] ?? 0) + count;
  return sum;
}

function inWords(counts: Counts): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

if (values.help) process.stdout.write(USAGE);
else if (!(await chaos())) process.exitCode = 1;
