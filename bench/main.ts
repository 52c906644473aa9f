import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Measurement } from './cases.ts';
import { firstSync, oneChange } from './cases.ts';
import { Stage } from './stage.ts';

const USAGE = `npm run bench -- [--units 300] [--runs 3] [--trials 5]

Starts a control plane of its own for each run, measures, prints a table and keeps the measurements under bench-results/.
  --units   Kustomizations of four objects each
  --runs    how often all of it is repeated
  --trials  changes of one directory in each run
`;

const { values } = parseArgs({
  options: {
    units: { type: 'string', default: '300' },
    runs: { type: 'string', default: '3' },
    trials: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(USAGE);
else await bench(Number(values.units), Number(values.runs), Number(values.trials));

async function bench(units: number, runs: number, trials: number): Promise<void> {
  const all: Measurement[] = [];
  for (let run = 1; run <= runs; run++) {
    process.stdout.write(`run ${run} of ${runs}: ${units} units\n`);
    const stage = await Stage.start(units);
    try {
      keep(all, await firstSync(stage, units));
      for (let trial = 0; trial < trials; trial++) keep(all, await oneChange(stage, units, trial));
    } finally {
      await stage.stop();
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

function keep(all: Measurement[], measurement: Measurement): void {
  all.push(measurement);
  const times = Object.entries(measurement.seconds).map(([name, seconds]) => `${name} ${seconds} s`);
  const verbs = Object.entries(measurement.requestsByVerb).map(([verb, count]) => `${verb} ${count}`);
  const { cpuSeconds, agentCpuSeconds, childrenCpuSeconds, peakRssMiB, requests } = measurement;
  process.stdout.write(
    `  ${measurement.case.padEnd(11)} ${times.join(', ')}; CPU ${cpuSeconds} s (agent ${agentCpuSeconds}, engine and git ${childrenCpuSeconds}); ` +
      `${requests} requests (${verbs.join(', ')}); peak ${peakRssMiB} MiB\n`,
  );
}

/** Median, with the spread behind it. */
function summarise(all: readonly Measurement[]): void {
  process.stdout.write('\nmedian (least to most)\n');
  for (const [name, group] of Map.groupBy(all, (measurement) => measurement.case)) {
    const rows: [string, number[]][] = [
      ...Object.keys(group[0]?.seconds ?? {}).map((time): [string, number[]] => [
        `${time} s`,
        group.map(({ seconds }) => seconds[time] ?? 0),
      ]),
      ['CPU s', group.map(({ cpuSeconds }) => cpuSeconds)],
      ['requests', group.map(({ requests }) => requests)],
      ['requests a unit', group.map(({ requests, units }) => Math.round((requests / units) * 100) / 100)],
      ['peak MiB', group.map(({ peakRssMiB }) => peakRssMiB)],
    ];
    for (const [what, numbers] of rows)
      process.stdout.write(`  ${name.padEnd(11)} ${what.padEnd(16)} ${spread(numbers)}\n`);
  }
}

function spread(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return `${middle} (${sorted[0] ?? 0} to ${sorted.at(-1) ?? 0})`;
}
