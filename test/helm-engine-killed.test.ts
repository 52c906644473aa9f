import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createEngine, type Engine, type HelmTemplateRequest } from '@plumb/engine';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ENGINE_PATH } from './support/paths.ts';
import { configMapTemplate, eventsOf, failuresOf, historyOf, recordsOf, says } from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

// The helper that renders a chart is killed while it does.

let releases: Releases;
let engine: Engine;
/** How each render ended. */
const renders: string[] = [];
beforeAll(async () => {
  engine = createEngine({ path: ENGINE_PATH });
  const helmTemplate = async (request: HelmTemplateRequest): ReturnType<Engine['helmTemplate']> => {
    const at = renders.push('under way') - 1;
    try {
      const rendered = await engine.helmTemplate(request);
      renders[at] = 'rendered';
      return rendered;
    } catch (thrown) {
      renders[at] = (thrown as Error).message;
      throw thrown;
    }
  };
  releases = await Releases.start({ agent: { engine: { ...engine, helmTemplate } } });
});
afterAll(async () => {
  await releases.close();
  await engine.close();
});

/** Busy for a while, and then done. */
const BUSY = '{{ range until 3000 }}{{ range until 1000 }}{{ end }}{{ end }}';
const CHART = {
  'values.yaml': 'colour: green\n',
  'templates/settings.yaml': `${BUSY}${configMapTemplate('settings', { colour: '{{ .Values.colour }}' })}`,
};

/** Processor time of the helpers that this process has started, in ticks, by their process ids. */
function helpers(): Map<number, number> {
  const lines = execFileSync('ps', ['-o', 'pid=,args=', '--ppid', String(process.pid)], { encoding: 'utf8' });
  const pids = lines
    .split('\n')
    .filter((line) => line.includes(ENGINE_PATH))
    .map((line) => Number.parseInt(line, 10));
  const ticksOf = (pid: number): number => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[11]);
  };
  return new Map(pids.map((pid) => [pid, ticksOf(pid)]));
}

/** Waits until a helper is at work on a render, and kills it. */
async function killInMidRender(): Promise<void> {
  while (!renders.includes('under way')) await sleep(2);
  const before = helpers();
  for (;;) {
    await sleep(10);
    const busy = [...helpers()].find(([pid, ticks]) => ticks > (before.get(pid) ?? 0) + 5);
    if (busy === undefined) continue;
    process.kill(busy[0], 'SIGKILL');
    return;
  }
}

const colourOf = async (name: string): Promise<unknown> =>
  ((await releases.object('ConfigMap', `${name}-settings`))?.['data'] as { colour?: string } | undefined)?.colour;

test('the engine killed in mid-render of an install costs one more render, and no retry of the release', async () => {
  await releases.chart('cart', CHART);
  renders.splice(0);
  const killed = killInMidRender();
  await releases.release('cart', { install: { remediation: { retries: 0 } } });
  await killed;
  const release = await releases.ready('cart');
  expect(renders).toEqual(['the helper ended (SIGKILL)', 'rendered']);
  expect(await recordsOf(releases, 'cart')).toEqual(['v1 deployed']);
  expect(historyOf(release)).toEqual(['v1 deployed install']);
  expect(says(release, 'Ready')).toBe('True InstallSucceeded');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
});

test('so it is in an upgrade, and no record is lost', async () => {
  renders.splice(0);
  const killed = killInMidRender();
  await releases.release('cart', { upgrade: { remediation: { retries: 0 } }, values: { colour: 'red' } });
  await killed;
  const release = await releases.ready('cart');
  expect(renders).toEqual(['the helper ended (SIGKILL)', 'rendered']);
  expect(await recordsOf(releases, 'cart')).toEqual(['v2 deployed', 'v1 superseded']);
  expect(historyOf(release)).toEqual(['v2 deployed upgrade', 'v1 superseded install']);
  expect(await colourOf('cart')).toBe('red');
  const { namespace } = releases.world;
  const upgrade = `Helm upgrade failed for release ${namespace}/cart with chart cart@1.0.0`;
  const told = (await eventsOf(releases, 'cart')).filter((event) => /UpgradeFailed|RetriesExceeded/.test(event));
  expect(told).toEqual([`UpgradeFailed: ${upgrade}: the rendering of the chart failed: the helper ended (SIGKILL)`]);
  expect(await releases.problems()).toEqual([]);
});
