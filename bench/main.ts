import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, release, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bareApplies } from './bare.ts';
import type { Measurement } from './cases.ts';
import * as cases from './cases.ts';
import { largeFiles, unitFiles, unitList } from './content.ts';
import { secondsByPlace } from './profile.ts';
import { gatesCases } from './gates.ts';
import { releasesCases } from './releases.ts';
import { guardedSecrets, judgeSecrets, plainSecrets, secretsCases } from './secrets.ts';
import { Stage } from './stage.ts';

const USAGE = `npm run bench -- [--suite units,large,commits,idle,secrets,releases,gates,profile] [--units 300] [--runs 3] [--trials 5] [--rest 60] [--objects 5000] [--commits 1000]

Starts a control plane of its own for each run, measures, prints a table and keeps the measurements under bench-results/.
  --suite    which cases: units (first sync, one of N changes, a commit elsewhere, drift, at rest,
             restart, and a bare script's applies of as many objects, the yardstick of the hour), large (one Kustomization of many objects),
             commits (many commits in a row), idle (memory of an agent without work), secrets (units with an encrypted
             Secret and variables beside the same without), releases (HelmReleases of a chart of four objects: as many
             as --units says), gates (a commit that changes all units, without policies and under twenty of them, and a
             lockdown amid it), profile (where the agent's CPU seconds go in a first sync).
             Default: units
  --units    Kustomizations of four objects each
  --runs     how often all of it is repeated
  --trials   changes of one directory in each run
  --drifts   drift trials in each run
  --rest     seconds at rest
  --interval spec.interval of the units
  --objects  objects of the large Kustomization
  --commits  commits in a row
  --leases   with leader election, as an installed agent has it
`;

const { values } = parseArgs({
  options: {
    suite: { type: 'string', default: 'units' },
    units: { type: 'string', default: '300' },
    runs: { type: 'string', default: '3' },
    trials: { type: 'string', default: '5' },
    drifts: { type: 'string', default: '200' },
    rest: { type: 'string', default: '60' },
    interval: { type: 'string', default: '1m' },
    objects: { type: 'string', default: '5000' },
    commits: { type: 'string', default: '1000' },
    leases: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

type Suite = (keep: (measurement: Measurement) => void) => Promise<void>;

const number = (name: 'units' | 'runs' | 'trials' | 'drifts' | 'rest' | 'objects' | 'commits'): number =>
  Number(values[name]);

const suites: Record<string, Suite> = {
  units: async (keep) => {
    const units = number('units');
    await onStage(unitFiles(units), async (stage) => {
      const first = await cases.firstSync(stage, unitList(units, values.interval));
      keep(first);
      for (let trial = 0; trial < number('trials'); trial++) keep(await cases.oneChange(stage, units, trial));
      keep(await cases.idleRun(stage, units));
      if (number('drifts') > 0) keep(await cases.drift(stage, units, number('drifts')));
      if (number('drifts') > 0) keep(await cases.driftOfMany(stage, units));
      if (number('rest') > 0) keep(await cases.atRest(stage, units, number('rest')));
      keep(await cases.restart(stage, units, 'restart'));
      keep(await bareApplies(stage, first));
    });
  },
  large: async (keep) => {
    await onStage(largeFiles('large', number('objects')), async (stage) => {
      for (const measurement of await cases.large(stage, number('objects'))) keep(measurement);
      keep(await cases.idle(stage, `idle with ${number('objects')} objects`, 75));
      keep(await cases.restart(stage, 1, `restart with ${number('objects')} objects`));
    });
  },
  commits: async (keep) => {
    const units = Math.min(50, number('units'));
    await onStage(unitFiles(units), async (stage) => {
      keep(await cases.firstSync(stage, unitList(units, '10m')));
      keep(await cases.commits(stage, units, number('commits')));
    });
  },
  secrets: async (keep) => {
    const units = number('units');
    const plain = plainSecrets(units, values.interval);
    const measured: Measurement[] = [];
    const keepBoth = (measurement: Measurement): void => {
      measured.push(measurement);
      keep(measurement);
    };
    await onStage(plain.files, async (stage) => (await secretsCases(stage, 'plain', plain)).forEach(keepBoth));
    const guarded = guardedSecrets(units, values.interval);
    await onStage(guarded.files, async (stage) => (await secretsCases(stage, 'encrypted', guarded)).forEach(keepBoth));
    judgeSecrets(measured);
  },
  releases: async (keep) => {
    await onStage({ README: 'charts come from elsewhere' }, async (stage) => {
      for (const measurement of await releasesCases(stage, number('units'), number('trials'))) keep(measurement);
    });
  },
  gates: async (keep) => {
    const units = number('units');
    await onStage(unitFiles(units), async (stage) => {
      for (const measurement of await gatesCases(stage, units, values.interval)) keep(measurement);
    });
  },
  profile: async (keep) => {
    const units = number('units');
    const dir = await mkdtemp(join(tmpdir(), 'plumb-profile-'));
    const sync = (stage: Stage): Promise<void> => cases.firstSync(stage, unitList(units, values.interval)).then(keep);
    await onStage(unitFiles(units), sync, dir);
    for (const [place, seconds] of await secondsByPlace(dir))
      if (seconds >= 0.02) process.stdout.write(`  ${seconds.toFixed(2).padStart(6)} s  ${place}\n`);
    await rm(dir, { recursive: true });
  },
  idle: async (keep) => {
    await onStage({ README: 'nothing to apply' }, async (stage) => keep(await cases.idle(stage, 'idle agent', 30)));
  },
};

if (values.help) process.stdout.write(USAGE);
else await bench();

async function onStage(
  files: Readonly<Record<string, string>>,
  work: (stage: Stage) => Promise<void>,
  profile: string | null = null,
): Promise<void> {
  const stage = await Stage.start(files, { profile, leases: values.leases });
  try {
    await work(stage);
  } finally {
    await stage.stop();
  }
}

async function bench(): Promise<void> {
  const all: Measurement[] = [];
  const keep = (measurement: Measurement): void => {
    all.push(measurement);
    tell(measurement);
  };
  for (const name of values.suite.split(',')) {
    const suite = suites[name];
    if (suite === undefined) throw new Error(`no suite '${name}': there are ${Object.keys(suites).join(', ')}`);
    for (let run = 1; run <= number('runs'); run++) {
      process.stdout.write(`${name}, run ${run} of ${number('runs')}\n`);
      await suite(keep);
    }
  }
  summarise(all);
  const dir = join(import.meta.dirname, '..', 'bench-results');
  await mkdir(dir, { recursive: true });
  const file = join(dir, `${new Date().toISOString().replaceAll(':', '-')}.json`);
  const machine = {
    cpus: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
  await writeFile(file, `${JSON.stringify({ machine, measurements: all }, null, 2)}\n`);
  process.stdout.write(`kept in ${file}\n`);
}

function tell(measurement: Measurement): void {
  const { cpuSeconds, agentCpuSeconds, childrenCpuSeconds, requests, requestsByVerb, times } = measurement;
  const measured = Object.entries(times).map(([name, value]) => `${name} ${value}`);
  const verbs = Object.entries(requestsByVerb).map(([verb, count]) => `${verb} ${count}`);
  process.stdout.write(
    `  ${measurement.case.padEnd(18)} ${measured.join(', ')}; CPU ${cpuSeconds} s (agent ${agentCpuSeconds}, engine and git ${childrenCpuSeconds}); ` +
      `${requests} requests (${verbs.join(', ')}); peak ${measurement.peakRssMiB} MiB, engine and git ${measurement.childrenPeakRssMiB} MiB\n`,
  );
}

/** Median, with the spread behind it. */
function summarise(all: readonly Measurement[]): void {
  process.stdout.write('\nmedian (least to most)\n');
  for (const [name, group] of Map.groupBy(all, (measurement) => `${measurement.case}, N=${measurement.units}`)) {
    const rows: [string, number[]][] = [
      ...Object.keys(group[0]?.times ?? {}).map((time): [string, number[]] => [
        time,
        group.map(({ times }) => times[time] ?? 0),
      ]),
      ['CPU s', group.map(({ cpuSeconds }) => cpuSeconds)],
      ['requests', group.map(({ requests }) => requests)],
      ['peak MiB', group.map(({ peakRssMiB }) => peakRssMiB)],
      ['helpers peak MiB', group.map(({ childrenPeakRssMiB }) => childrenPeakRssMiB)],
    ];
    for (const [what, numbers] of rows)
      process.stdout.write(`  ${name.padEnd(28)} ${what.padEnd(18)} ${spread(numbers)}\n`);
  }
}

function spread(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return `${middle} (${sorted[0] ?? 0} to ${sorted.at(-1) ?? 0})`;
}
