import type { KubeObject } from '@plumb/api';
import { HELM_RELEASE } from '@plumb/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMap } from './support/manifests.ts';
import {
  configMapTemplate,
  deploymentTemplate,
  eventsOf,
  failuresOf,
  historyOf,
  messageOf,
  recordsOf,
  REFUSED_SERVICE,
  says,
  TOLD_WITHIN,
} from './support/release-facts.ts';
import { Releases } from './support/releases.ts';
import { condition } from './support/world.ts';

/** Longer than any test: what wakes a release is the change, and nothing else. */
const NEVER = 10 * 60_000;

let releases: Releases;
let home: string;
beforeAll(async () => {
  releases = await Releases.start({ nodes: true, agent: { dependencyInterval: NEVER } });
  home = releases.world.namespace;
  await releases.world.gitRepository();
});
afterAll(async () => {
  await releases.close();
});

const MAIN = { 'templates/main.yaml': configMapTemplate('main', { colour: '{{ .Values.colour | default "green" }}' }) };
const WEB = {
  'templates/web.yaml': deploymentTemplate('web', { behaviour: '{{ if not .Values.fixed }}never-ready{{ end }}' }),
};
const waits = (name: string, message: string): ReturnType<Releases['until']> =>
  releases.until(name, `wait: ${message}`, (seen) => messageOf(seen, 'Ready') === message);

test('a dependency that is not there is waited for, and its release when it is; then the dependent starts at once', async () => {
  await releases.chart('above', MAIN);
  await releases.release('above', { dependsOn: [{ name: 'below' }] });
  const waiting = await waits('above', `unable to get '${home}/below' dependency: not found`);
  expect(says(waiting, 'Ready')).toBe('False DependencyNotReady');
  expect(await recordsOf(releases, 'above')).toEqual([]);
  await releases.chart('below', { ...MAIN, ...WEB });
  await releases.release('below', { install: { timeout: '10m' } });
  await waits('above', `dependency '${home}/below' is not ready`);
  await releases.release('below', { values: { fixed: true } });
  await releases.ready('below');
  await releases.ready('above');
  const told = await eventsOf(releases, 'above');
  expect(told.filter((text) => text.startsWith('DependencyNotReady'))).toHaveLength(2);
});

test('one that is being upgraded holds up a new version of what depends on it', async () => {
  await releases.release('below', { values: { fixed: false }, upgrade: { timeout: '10m' } });
  await releases.until('below', 'be under way', (seen) => says(seen, 'Reconciling') !== undefined);
  await releases.release('above', { dependsOn: [{ name: 'below' }], values: { colour: 'red' } });
  await waits('above', `dependency '${home}/below' is not ready`);
  expect(await recordsOf(releases, 'above')).toEqual(['v1 deployed']);
  await releases.release('below', { values: { fixed: true, colour: 'red' } });
  expect(historyOf(await releases.ready('above'))[0]).toBe('v2 deployed upgrade');
});

test('a Kustomization is waited for, and wakes what depends on it', async () => {
  const { world } = releases;
  const namespace = 'apiVersion: v1\nkind: Namespace\nmetadata:\n';
  await world.repository.commit({
    'infra/namespace.yaml': `${namespace}  name: ${world.target}\n`,
    'infra/map.yaml': configMap(world.target, 'infra', { a: '1' }),
  });
  await world.requestSource();
  await releases.chart('app', MAIN);
  const dependsOn = [{ kind: 'Kustomization', name: 'infra' }];
  await releases.release('app', { dependsOn, targetNamespace: world.target, releaseName: 'app' });
  await waits('app', `unable to get '${home}/infra' dependency: not found`);
  await world.kustomization('infra');
  await world.conditionIs(world.unitKey('infra'), 'Ready', 'True');
  expect(historyOf(await releases.ready('app'))).toEqual(['v1 deployed install']);
});

test('one of another namespace is named with it', async () => {
  const metadata = { name: 'abroad', namespace: releases.world.target };
  await releases.chart('local', MAIN);
  await releases.release('local', { dependsOn: [{ name: 'abroad', namespace: releases.world.target }] });
  await waits('local', `unable to get '${releases.world.target}/abroad' dependency: not found`);
  // The agent looks at one namespace alone: it stays out of view.
  expect(await releases.world.get({ ...HELM_RELEASE, ...metadata })).toBeNull();
});

test('a readyExpr decides in place of the usual rule, at each change of the dependency', async () => {
  await releases.chart('judge', MAIN);
  const readyExpr =
    "dep.status.history[0].version >= 1 && dep.metadata.labels['stage'] == self.metadata.labels['stage']";
  await releases.release('judge', { dependsOn: [{ name: 'below', readyExpr }] });
  await releases.world.edit(releases.key('judge'), { metadata: { labels: { stage: 'two' } } });
  await releases.world.edit(releases.key('below'), { metadata: { labels: { stage: 'one' } } });
  await waits('judge', `dependency '${home}/below' is not ready according to readyExpr eval`);
  await releases.world.edit(releases.key('below'), { metadata: { labels: { stage: 'two' } } });
  expect(historyOf(await releases.ready('judge'))).toEqual(['v1 deployed install']);
});

test('it lets a dependency be that is not ready', async () => {
  await releases.chart('never', WEB);
  await releases.release('never', { install: { timeout: '10m' } });
  await releases.until('never', 'be under way', (seen) => says(seen, 'Reconciling') !== undefined);
  await releases.chart('early', MAIN);
  await releases.release('early', { dependsOn: [{ name: 'never', readyExpr: "dep.metadata.name == 'never'" }] });
  await releases.ready('early');
  const never = await releases.world.get(releases.key('never'));
  expect(condition(never as KubeObject, 'Ready')?.status).toBe('Unknown');
});

test('one that cannot be evaluated is told, and one that is none is refused', async () => {
  await releases.chart('wrong', MAIN);
  await releases.release('wrong', { dependsOn: [{ name: 'below', readyExpr: 'dep.status.nothing.there == 1' }] });
  const told = await releases.until('wrong', 'tell', (seen) => says(seen, 'Ready') === 'False DependencyNotReady');
  expect(messageOf(told, 'Ready')).toMatch(
    /^failed to evaluate the CEL expression 'dep\.status\.nothing\.there == 1': /,
  );
  await releases.release('wrong', { dependsOn: [{ name: 'below', readyExpr: 'dep.' }] });
  const refused = await releases.until('wrong', 'be refused', (seen) => says(seen, 'Stalled') !== undefined);
  expect(says(refused, 'Stalled')).toBe('True InvalidCELExpression');
  expect(await recordsOf(releases, 'wrong')).toEqual([]);
});

test('a cycle is named, also across kinds', async () => {
  await releases.chart('hen', MAIN);
  await releases.release('hen', { dependsOn: [{ kind: 'Kustomization', name: 'egg' }] });
  await releases.world.kustomization('egg', { path: './infra', dependsOn: [{ kind: 'HelmRelease', name: 'hen' }] });
  const id = `HelmRelease/${home}/hen`;
  const waiting = await waits('hen', `dependency cycle: ${id} -> ${home}/egg -> ${id}`);
  expect(says(waiting, 'Ready')).toBe('False DependencyNotReady');
});

test('what was given up is tried again as soon as a Kustomization that it depends on turns Ready, and that is told', async () => {
  const { world } = releases;
  await releases.chart('resumed', {
    'templates/far.yaml':
      '{{- if not (lookup "v1" "ConfigMap" .Release.Namespace "needed") }}\n' + REFUSED_SERVICE + '{{- end }}\n',
    ...MAIN,
  });
  await releases.release('resumed', { dependsOn: [{ kind: 'Kustomization', name: 'infra' }] });
  await releases.until('resumed', 'be stalled', (seen) => says(seen, 'Stalled') === 'True RetriesExceeded');
  await world.push({ 'infra/needed.yaml': configMap(home, 'needed', { a: '1' }) });
  await world.until(
    { group: '', version: 'v1', kind: 'ConfigMap', namespace: home, name: 'needed' },
    'be there',
    (object) => object !== null,
  );
  // That it was ready all along is no turn; that it waits and then is, is one.
  await world.kustomization('infra', { wait: true });
  const release = await releases.ready('resumed');
  expect(failuresOf(release)).toEqual([0, 0, 0]);
  await expect
    .poll(() => eventsOf(releases, 'resumed'), TOLD_WITHIN)
    .toContain(
      'ReleaseRecovery: going on with upgrade: what the release depends on changed since its retries were spent',
    );
  expect(await releases.problems()).toEqual([]);
});
