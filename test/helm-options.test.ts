import type { ChartFiles } from '@plumb/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordIn } from './support/helm.ts';
import {
  configMapTemplate,
  deploymentTemplate,
  eventsOf,
  failuresOf,
  historyOf,
  hook,
  messageOf,
  podTemplate,
  recordsOf,
  REFUSED_SERVICE,
  says,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';

// What actions are told by the spec, where no other scenario is about it.

let releases: Releases;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true });
});
afterAll(async () => {
  await releases.close();
});

const colour = '{{ .Values.colour | default "green" }}';
const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour }) };
const BAD = { 'templates/bad.yaml': `{{ if .Values.bad }}\n${REFUSED_SERVICE}{{ end }}\n` };
const hookMap = (suffix: string, events: string): string => {
  const lines = Object.entries(hook(events)).map(([key, text]) => `    ${key}: "${text}"\n`);
  return configMapTemplate(suffix, { a: 'b' }, `  annotations:\n${lines.join('')}`);
};
const isThere = async (name: string, kind = 'ConfigMap', group = ''): Promise<boolean> =>
  (await releases.object(kind, name, group)) !== null;
const isStalled = (name: string): ReturnType<Releases['until']> =>
  releases.until(name, 'be stalled', (seen) => says(seen, 'Stalled') !== undefined);
async function installed(name: string, files: ChartFiles, spec: Record<string, unknown> = {}): Promise<void> {
  await releases.chart(name, files);
  await releases.release(name, spec);
  await releases.ready(name);
}
const gone = async (name: string): Promise<void> => {
  await releases.world.cluster.delete(releases.key(name));
  await releases.world.until(releases.key(name), 'be gone', (object) => object === null);
};

describe('maxHistory', () => {
  test.each([
    ['5 by default', undefined, 5],
    ['as many as it says', 2, 2],
    ['all with 0', 0, 7],
  ])('keeps %s', async (_what, maxHistory, kept) => {
    const name = `kept-${maxHistory ?? 'default'}`;
    const spec = maxHistory === undefined ? {} : { maxHistory };
    await installed(name, MAIN, spec);
    for (let turn = 2; turn <= 7; turn += 1) {
      await releases.release(name, { ...spec, values: { colour: `"${turn}"` } });
      await releases.until(name, `be at v${turn}`, (seen) => historyOf(seen)[0] === `v${turn} deployed upgrade`);
    }
    expect(await recordsOf(releases, name)).toHaveLength(kept);
  });
});

describe('disableSchemaValidation', () => {
  const SCHEMA = { ...MAIN, 'values.schema.json': '{"properties": {"colour": {"enum": ["green", "red"]}}}' };

  test('lets an install go on with values that the schema refuses', async () => {
    await releases.chart('schema', SCHEMA);
    await releases.release('schema', { values: { colour: 'blue' } });
    const failed = await releases.until('schema', 'fail', (seen) => says(seen, 'Ready') === 'False InstallFailed');
    expect(messageOf(failed, 'Ready')).toMatch(/colour/);
    await releases.release('schema', { values: { colour: 'blue' }, install: { disableSchemaValidation: true } });
    await releases.ready('schema');
  });

  test('and an upgrade, each for itself', async () => {
    const install = { disableSchemaValidation: true };
    await releases.release('schema', { values: { colour: 'white' }, install });
    await releases.until('schema', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
    await releases.release('schema', { values: { colour: 'white' }, upgrade: { disableSchemaValidation: true } });
    expect(historyOf(await releases.ready('schema'))[0]).toBe('v2 deployed upgrade');
  });
});

test('upgrade.disableTakeOwnership refuses what is there and belongs to nobody', async () => {
  const { namespace } = releases.world;
  await installed('owner', MAIN);
  const metadata = { name: 'owner-more', namespace };
  await releases.world.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { colour: 'theirs' } });
  const more = { ...MAIN, 'templates/more.yaml': configMapTemplate('more', { colour }) };
  await releases.release('owner', { upgrade: { disableTakeOwnership: true } });
  await releases.ready('owner');
  await releases.chart('owner', more, '2.0.0');
  const failed = await releases.until('owner', 'fail', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  expect(messageOf(failed, 'Ready')).toContain(
    `unable to continue with upgrade: ConfigMap/${namespace}/owner-more exists and cannot be imported`,
  );
  expect((await releases.object('ConfigMap', 'owner-more'))?.['data']).toEqual({ colour: 'theirs' });
  await releases.release('owner');
  await releases.ready('owner');
  expect((await releases.object('ConfigMap', 'owner-more'))?.['data']).toEqual({ colour: 'green' });
});

describe('serverSideApply is noted for helm', () => {
  const methodOf = async (name: string, version: number): Promise<unknown> =>
    recordIn(await releases.world.get(releases.recordKey(name, version)))['apply_method'];

  test.each([
    [undefined, 'ssa'],
    [true, 'ssa'],
    [false, 'csa'],
  ])('install: %s', async (serverSideApply, expected) => {
    const name = `ssa-${String(serverSideApply)}`;
    await installed(name, MAIN, serverSideApply === undefined ? {} : { install: { serverSideApply } });
    expect(await methodOf(name, 1)).toBe(expected);
  });

  test.each([
    ['ssa-true', 'auto', 'ssa'],
    ['ssa-false', 'auto', 'csa'],
    ['ssa-undefined', 'disabled', 'csa'],
  ])('upgrade of %s: %s', async (name, serverSideApply, expected) => {
    await releases.release(name, { upgrade: { serverSideApply }, values: { colour: 'red' } });
    await releases.ready(name);
    expect(await methodOf(name, 2)).toBe(expected);
  });

  test.each([
    ['auto', 'csa'],
    ['enabled', 'ssa'],
    ['disabled', 'csa'],
  ])('rollback: %s', async (serverSideApply, expected) => {
    const name = `ssa-back-${serverSideApply}`;
    const upgrade = { remediation: { retries: 0, remediateLastFailure: true } };
    const spec = { install: { serverSideApply: false }, upgrade, rollback: { serverSideApply } };
    await installed(name, { ...MAIN, ...BAD }, spec);
    await releases.release(name, { ...spec, values: { bad: true } });
    await isStalled(name);
    expect(await methodOf(name, 3)).toBe(expected);
  });
});

test('skipCRDs is the old word for crds: Skip, and crds goes before it', async () => {
  const definition = (plural: string): string =>
    `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: ${plural}.shop.example.com}
spec:
  group: shop.example.com
  scope: Namespaced
  names: {kind: ${plural}, plural: ${plural}}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`;
  const there = async (plural: string): Promise<boolean> => {
    const key = { group: 'apiextensions.k8s.io', version: 'v1', kind: 'CustomResourceDefinition', namespace: '' };
    return (await releases.world.get({ ...key, name: `${plural}.shop.example.com` })) !== null;
  };
  await installed('skipped', { ...MAIN, 'crds/a.yaml': definition('skips') }, { install: { skipCRDs: true } });
  expect(await there('skips')).toBe(false);
  const install = { skipCRDs: true, crds: 'Create' };
  await installed('created', { ...MAIN, 'crds/a.yaml': definition('makes') }, { install });
  expect(await there('makes')).toBe(true);
});

test('upgrade.disableHooks leaves hooks out of upgrades alone', async () => {
  const upgrade = { disableHooks: true };
  const hooks = {
    'templates/in.yaml': hookMap('in', 'pre-install'),
    'templates/up.yaml': hookMap('up', 'post-upgrade'),
  };
  await installed('quiet', { ...MAIN, ...hooks }, { upgrade });
  expect(await isThere('quiet-in')).toBe(true);
  await releases.release('quiet', { upgrade, values: { colour: 'red' } });
  expect(historyOf(await releases.ready('quiet'))[0]).toBe('v2 deployed upgrade');
  expect(await isThere('quiet-up')).toBe(false);
  await releases.release('quiet', { values: { colour: 'blue' } });
  await releases.ready('quiet');
  expect(await isThere('quiet-up')).toBe(true);
});

describe('a rollback', () => {
  const upgrade = { timeout: '1s', remediation: { retries: 0, remediateLastFailure: true } };

  test('leaves hooks out with disableHooks', async () => {
    const files = { ...MAIN, ...BAD, 'templates/hook.yaml': hookMap('hook', 'pre-rollback,post-rollback') };
    for (const disableHooks of [false, true]) {
      const name = `back-hooks-${String(disableHooks)}`;
      const spec = { upgrade, rollback: { disableHooks } };
      await installed(name, files, spec);
      await releases.release(name, { ...spec, values: { bad: true } });
      expect(says(await isStalled(name), 'Remediated')).toBe('True RollbackSucceeded');
      expect(await isThere(`${name}-hook`)).toBe(!disableHooks);
    }
  });

  test('makes anew what cannot be changed back with force only', async () => {
    const job = `apiVersion: batch/v1
kind: Job
metadata: {name: "{{ .Release.Name }}-job"}
spec:
  suspend: true
  template:
    spec: {restartPolicy: Never, containers: [{name: main, image: "shop/cart:{{ .Values.tag | default "1" }}"}]}
`;
    const web = `{{ if .Values.web }}\n${deploymentTemplate('web', { behaviour: 'never-ready' })}{{ end }}\n`;
    for (const force of [false, true]) {
      const name = `back-force-${String(force)}`;
      const spec = { install: { disableWait: true }, upgrade: { ...upgrade, force: true } };
      const rollback = { force, disableWait: true };
      await installed(name, { 'templates/job.yaml': job, 'templates/web.yaml': web }, { ...spec, rollback });
      await releases.release(name, { ...spec, rollback, values: { tag: '2', web: true } });
      const expected = force ? 'True RollbackSucceeded' : 'False RollbackFailed';
      await releases.until(name, `say ${expected}`, (seen) => says(seen, 'Remediated') === expected);
    }
  });

  test('deletes what it made when it fails with cleanupOnFail only, unless that is in force', async () => {
    const more = `{{ if not .Values.less }}\n${configMapTemplate('more', { colour })}{{ end }}\n`;
    const web = deploymentTemplate('web', { behaviour: 'never-ready' });
    for (const cleanupOnFail of [false, true]) {
      const name = `back-clean-${String(cleanupOnFail)}`;
      const spec = { install: { disableWait: true }, upgrade: { disableWait: true } };
      await installed(name, { ...MAIN, ...BAD, 'templates/more.yaml': more, 'templates/web.yaml': web }, spec);
      await releases.release(name, { ...spec, values: { less: true } });
      await releases.ready(name);
      expect(await isThere(`${name}-more`)).toBe(false);
      // Somebody deletes the record of what is in force: the rollback goes to the one before it.
      await releases.release(name, { ...spec, values: { less: true, bad: true } });
      await isStalled(name);
      await releases.world.cluster.delete(releases.recordKey(name, 2));
      const rollback = { timeout: '1s', cleanupOnFail };
      await releases.release(name, { ...spec, upgrade, rollback, values: { less: true, bad: true, colour: 'red' } });
      const failed = await releases.until(name, 'fail', (seen) => says(seen, 'Remediated') === 'False RollbackFailed');
      expect(await isThere(`${name}-more`)).toBe(!cleanupOnFail);
      expect(JSON.stringify(failed.status?.inventory).includes(`${name}-more`)).toBe(!cleanupOnFail);
    }
  });
});

describe('an uninstall', () => {
  test('leaves hooks out with disableHooks', async () => {
    const files = { ...MAIN, 'templates/hook.yaml': hookMap('hook', 'pre-delete,post-delete') };
    for (const disableHooks of [false, true]) {
      const name = `gone-hooks-${String(disableHooks)}`;
      await installed(name, files, { uninstall: { disableHooks } });
      await gone(name);
      expect(await isThere(`${name}-hook`)).toBe(!disableHooks);
      expect(await isThere(`${name}-main`)).toBe(false);
    }
  });

  test('waits until all is gone, as long as its timeout says, but not with disableWait', async () => {
    const held = configMapTemplate('held', { colour }, '  finalizers: [shop.example/hold]\n');
    await installed('held', { ...MAIN, 'templates/held.yaml': held }, { uninstall: { timeout: '1s' } });
    await releases.world.cluster.delete(releases.key('held'));
    const told = await releases.world.event(releases.key('held'), 'UninstallFailed');
    expect(told).toMatch(/: still there after 1s: ConfigMap\/\S+\/held-held$/);
    await releases.world.edit(releases.key('held'), { spec: { uninstall: { disableWait: true } } });
    await releases.world.until(releases.key('held'), 'be gone', (object) => object === null);
    const key = { group: '', version: 'v1', kind: 'ConfigMap', namespace: releases.world.namespace, name: 'held-held' };
    expect(await releases.world.get(key)).not.toBeNull();
    await releases.world.edit(key, { metadata: { finalizers: null } });
  });
});

describe('ignoreTestFailures', () => {
  const failing = podTemplate('test', { behaviour: 'fail, run=100ms', annotations: hook('test') });

  const enable = true;
  const ignoring = (ignoreTestFailures: boolean): object => ({ remediation: { ignoreTestFailures } });

  test.each<[string, Record<string, unknown>, string, number]>([
    ['of nothing', { test: { enable } }, 'False TestFailed', 1],
    ['of the install', { test: { enable }, install: ignoring(true) }, 'False TestFailed', 0],
    ['of the tests', { test: { enable, ignoreFailures: true } }, 'True InstallSucceeded', 0],
    ['but of the install', { test: { enable, ignoreFailures: true }, install: ignoring(false) }, 'False TestFailed', 1],
  ])('%s', async (what, spec, ready, counted) => {
    const name = what.replaceAll(' ', '-');
    await releases.chart(name, { ...MAIN, 'templates/test.yaml': failing });
    await releases.release(name, spec);
    await releases.until(name, 'be tested', (seen) => says(seen, 'TestSuccess') === 'False TestFailed');
    const release = await releases.answered(name);
    expect(says(release, 'Ready')).toBe(ready);
    expect(failuresOf(release)[1]).toBe(counted);
    expect(says(release, 'Stalled')).toBe(counted === 1 ? 'True RetriesExceeded' : undefined);
  });
});

test('RetryOnFailure of upgrades tries again after its interval, and rolls nothing back', async () => {
  const upgrade = { strategy: { name: 'RetryOnFailure', retryInterval: '1s' }, remediation: { retries: 1 } };
  await installed('again', { ...MAIN, ...BAD }, { upgrade });
  await releases.release('again', { upgrade, values: { bad: true, colour: 'red' } });
  await releases.until('again', 'have failed twice', (seen) => historyOf(seen)[0] === 'v3 failed upgrade');
  const release = await releases.until('again', 'tell', (seen) => says(seen, 'Ready') === 'False UpgradeFailed');
  expect(says(release, 'Stalled')).toBeUndefined();
  expect((await eventsOf(releases, 'again')).filter((text) => text.startsWith('Rollback'))).toEqual([]);
  await releases.release('again', { upgrade, values: { colour: 'red' } });
  await releases.ready('again');
  expect(await releases.problems()).toEqual([]);
});
