import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, KubeObject, ObjectKey } from '@plumb/api';
import { DRIFT_ANNOTATION, HELM_OWNER_NAME_LABEL } from '@plumb/api';
import type { ChartFiles } from '@plumb/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Helm, recordsOf } from './support/helm.ts';
import { HELM_RUNS } from './support/paths.ts';
import { Releases } from './support/releases.ts';
import { Requests } from './support/requests.ts';
import { condition, configMapKey, deploymentKey } from './support/world.ts';

const requests = new Requests();
let releases: Releases;
let helm: Helm;
let dir: string;
const start = ({ records = true } = {}): Promise<void> =>
  releases.startAgent({
    connect: { counter: requests },
    ...(records ? { records: { dir, maker: 'this build' } } : {}),
  });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-records-'));
  releases = await Releases.start({ agent: false });
  helm = await Helm.at(releases.plane.kubeconfig);
  await start();
});
afterAll(async () => {
  await helm.close();
  await releases.close();
  await rm(dir, { recursive: true, force: true });
});

const map = (name: string, annotations = ''): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-${name}\n${annotations}data:\n  colour: {{ .Values.colour }}\n`;
const mark = (name: string, value: string): string => `  annotations:\n    ${name}: ${value}\n`;

const SHOP: ChartFiles = {
  'values.yaml': 'colour: green\nreplicas: 1\n',
  'templates/settings.yaml': map('settings'),
  'templates/spare.yaml': map('spare'),
  'templates/free.yaml': map('free', mark('helm.toolkit.fluxcd.io/driftDetection', 'disabled')),
  'templates/told.yaml': map('told', mark(DRIFT_ANNOTATION, 'warn')),
  'templates/web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "web:1"}]}
`,
};

/** Installs the chart under a name, drift being looked at as told; nothing runs, so that nothing is waited for. */
async function install(name: string, spec: JsonObject = {}): Promise<void> {
  await releases.chart(name, SHOP);
  await declare(name, spec);
  await releases.ready(name);
}

const declare = (name: string, spec: JsonObject): Promise<KubeObject> =>
  releases.release(name, { install: { disableWait: true }, upgrade: { disableWait: true }, ...spec });
const key = (name: string, object: string): ObjectKey => configMapKey(releases.world.namespace, `${name}-${object}`);
const web = (name: string): ObjectKey => deploymentKey(releases.world.namespace, `${name}-web`);
const colour = (object: KubeObject | null): unknown => (object?.['data'] as JsonObject | undefined)?.['colour'];
const replicas = (object: KubeObject | null): unknown => (object?.['spec'] as JsonObject | undefined)?.['replicas'];
const paint = (name: string, object: string, value = 'red'): Promise<KubeObject> =>
  releases.world.edit(key(name, object), { data: { colour: value } });
const isGreen = (name: string, object: string): Promise<KubeObject | null> =>
  releases.world.until(key(name, object), 'be green again', (live) => colour(live) === 'green');
const told = (name: string, reason: string, holds?: (text: string) => boolean): Promise<string> =>
  releases.world.event(releases.key(name), reason, holds);
const reasons = async (name: string): Promise<string[]> =>
  (await releases.world.events(releases.key(name)))
    .map(({ reason }) => reason)
    .filter((reason) => reason.startsWith('Drift'));
const versions = async (name: string): Promise<number> =>
  (await recordsOf(releases.world.cluster, releases.world.namespace, name)).length;
const release = (name: string): string => `${releases.world.namespace}/${name}.v1`;
const drifted = async (name: string): Promise<ReturnType<typeof condition>> =>
  condition(await releases.world.get(releases.key(name)), 'Drifted');

test('a mode that nobody knows is told, on the release and on an object of it', async () => {
  const { namespace } = releases.world;
  const unknown = (object: string, value: string): string =>
    `${object}: ${DRIFT_ANNOTATION} is "${value}", which is none of correct, warn and ignore; its drift is corrected`;
  await releases.chart('odd', {
    'templates/odd.yaml': map('odd', mark(DRIFT_ANNOTATION, 'always')),
    'values.yaml': 'colour: green\n',
  });
  await declare('odd', { driftDetection: { mode: 'warn' } });
  await releases.ready('odd');
  expect(await told('odd', 'UnknownDriftMode')).toBe(unknown(`ConfigMap/${namespace}/odd-odd`, 'always'));
  await releases.world.edit(releases.key('odd'), { metadata: { annotations: { [DRIFT_ANNOTATION]: 'never' } } });
  const itself = unknown(`HelmRelease/${namespace}/odd`, 'never');
  expect(await told('odd', 'UnknownDriftMode', (text) => text === itself)).toBe(itself);
});

test('enabled: what somebody changes is put right at once, and told', async () => {
  await install('on', { driftDetection: { mode: 'enabled' } });
  expect(await drifted('on')).toMatchObject({
    status: 'False',
    reason: 'NoDriftDetected',
    message: `No drift detected for release ${release('on')}`,
  });
  await paint('on', 'settings');
  await isGreen('on', 'settings');
  const { namespace } = releases.world;
  expect(await told('on', 'DriftDetected')).toBe(
    `Cluster state of release ${release('on')} has drifted from the desired state:\n` +
      `ConfigMap/${namespace}/on-settings changed (data.colour by kubectl-edit)`,
  );
  expect(await told('on', 'DriftCorrected')).toBe(
    `Cluster state of release ${release('on')} has been corrected:\nConfigMap/${namespace}/on-settings configured`,
  );
  await releases.answered('on');
  expect(condition(await releases.world.get(releases.key('on')), 'Ready')?.status).toBe('True');
  expect((await drifted('on'))?.reason).toBe('NoDriftDetected');
  expect(await versions('on')).toBe(1);
});

test('enabled: what somebody deletes is made again, and told', async () => {
  const { namespace } = releases.world;
  await releases.world.cluster.delete(key('on', 'spare'));
  await isGreen('on', 'spare');
  expect(await told('on', 'DriftDetected', (text) => text.includes('spare'))).toMatch(
    new RegExp(`state:\nConfigMap/${namespace}/on-spare removed$`),
  );
  expect(await told('on', 'DriftCorrected', (text) => text.includes('spare'))).toMatch(
    new RegExp(`corrected:\nConfigMap/${namespace}/on-spare created$`),
  );
});

test('what objects say of themselves goes before it: one is left without a word, one is told', async () => {
  const { namespace } = releases.world;
  await paint('on', 'free');
  await paint('on', 'told');
  const unit = await releases.world.conditionIs(releases.key('on'), 'Drifted', 'True', 'DriftDetected');
  expect(condition(unit, 'Drifted')?.message).toBe(
    `Cluster state of release ${release('on')} has drifted from the desired state:\nConfigMap/${namespace}/on-told`,
  );
  expect(await told('on', 'DriftDetected', (text) => text.includes('told'))).toMatch(
    new RegExp(`state:\nConfigMap/${namespace}/on-told changed \\(data.colour by kubectl-edit\\)$`),
  );
  await paint('on', 'settings');
  await isGreen('on', 'settings');
  await releases.answered('on');
  expect(colour(await releases.world.get(key('on', 'free')))).toBe('red');
  expect(colour(await releases.world.get(key('on', 'told')))).toBe('red');
  await paint('on', 'told', 'green');
  await releases.world.conditionIs(releases.key('on'), 'Drifted', 'False', 'NoDriftDetected');
});

test('disabled, the default: drift is left without a word, and costs no request', async () => {
  await install('off');
  expect(await drifted('off')).toBeUndefined();
  // What is still written of the install.
  await sleep(500);
  requests.take();
  await paint('off', 'settings');
  await releases.world.cluster.delete(key('off', 'spare'));
  await releases.world.edit(web('off'), { spec: { replicas: 3 } });
  // By now the agent has seen it: it has put right what was changed later.
  await paint('on', 'settings', 'blue');
  await isGreen('on', 'settings');
  await told('on', 'DriftCorrected', (text) => text.includes('settings'));
  const sent = requests.take().filter((request) => !/events|helmreleases/.test(request));
  expect(sent.filter((request) => !/^(apply|get) configmaps/.test(request))).toEqual([]);
  expect(sent.filter((request) => request.startsWith('apply'))).toHaveLength(1);
  await releases.answered('off');
  expect(colour(await releases.world.get(key('off', 'settings')))).toBe('red');
  expect(await releases.world.get(key('off', 'spare'))).toBeNull();
  expect(await reasons('off')).toEqual([]);
  expect(await drifted('off')).toBeUndefined();
});

test('an upgrade puts all of it right', async () => {
  await declare('off', { values: { any: 'thing' } });
  await releases.ready('off');
  expect(colour(await releases.world.get(key('off', 'settings')))).toBe('green');
  expect(colour(await releases.world.get(key('off', 'spare')))).toBe('green');
  expect(replicas(await releases.world.get(web('off')))).toBe(1);
  expect(await versions('off')).toBe(2);
});

test('warn: drift is told and left, until it is gone or is to be put right', async () => {
  await install('warned', { driftDetection: { mode: 'warn' } });
  const { namespace } = releases.world;
  await paint('warned', 'settings');
  await releases.world.cluster.delete(key('warned', 'spare'));
  await told('warned', 'DriftDetected', (text) => text.endsWith(`ConfigMap/${namespace}/warned-spare removed`));
  await releases.world.until(releases.key('warned'), 'name both', (unit) =>
    /warned-settings[^]*warned-spare|warned-spare[^]*warned-settings/.test(condition(unit, 'Drifted')?.message ?? ''),
  );
  expect(condition((await releases.answered('warned')) as unknown as KubeObject, 'Ready')).toMatchObject({
    status: 'True',
    reason: 'InstallSucceeded',
  });
  expect(colour(await releases.world.get(key('warned', 'settings')))).toBe('red');
  expect((await reasons('warned')).filter((reason) => reason === 'DriftCorrected')).toEqual([]);
  await paint('warned', 'settings', 'green');
  await releases.world.until(releases.key('warned'), 'name one', (unit) => {
    const message = condition(unit, 'Drifted')?.message ?? '';
    return message.includes('warned-spare') && !message.includes('warned-settings');
  });
  await declare('warned', { driftDetection: { mode: 'enabled' } });
  await isGreen('warned', 'spare');
  await releases.world.conditionIs(releases.key('warned'), 'Drifted', 'False', 'NoDriftDetected');
  expect(await versions('warned')).toBe(1);
});

test(`${DRIFT_ANNOTATION} on the HelmRelease goes before its mode`, async () => {
  await install('marked', { driftDetection: { mode: 'enabled' } });
  const annotate = (value: string | null): Promise<KubeObject> =>
    releases.world.edit(releases.key('marked'), { metadata: { annotations: { [DRIFT_ANNOTATION]: value } } });
  await annotate('ignore');
  await releases.answered('marked');
  await paint('marked', 'settings');
  await releases.answered('marked');
  expect(colour(await releases.world.get(key('marked', 'settings')))).toBe('red');
  expect(await drifted('marked')).toBeUndefined();
  await annotate('warn');
  await releases.world.conditionIs(releases.key('marked'), 'Drifted', 'True');
  await annotate('correct');
  await isGreen('marked', 'settings');
  await releases.world.conditionIs(releases.key('marked'), 'Drifted', 'False', 'NoDriftDetected');
});

const RULE = { paths: ['/spec/replicas'], target: { kind: 'Deployment' } };

test('ignored fields are left to others; the rest of the object is not', async () => {
  await install('scaled', { driftDetection: { mode: 'enabled', ignore: [RULE] } });
  await releases.world.edit(web('scaled'), { spec: { replicas: 5 } }, 'autoscaler');
  await releases.world.edit(web('scaled'), { spec: { template: { spec: { priority: 1, schedulerName: 'mine' } } } });
  await paint('scaled', 'settings');
  await isGreen('scaled', 'settings');
  const image = { spec: { template: { spec: { containers: [{ name: 'web', image: 'web:2' }] } } } };
  await releases.world.edit(web('scaled'), image);
  const live = await releases.world.until(web('scaled'), 'have its image again', (object) =>
    JSON.stringify(object?.['spec']).includes('web:1'),
  );
  expect(replicas(live)).toBe(5);
  expect((await reasons('scaled')).length).toBeGreaterThan(0);
  const events = await releases.world.events(releases.key('scaled'));
  expect(events.filter(({ message }) => message.includes('replicas'))).toEqual([]);
});

test('an upgrade that changes nothing but an ignored field applies it', async () => {
  await declare('scaled', { values: { replicas: 7 }, driftDetection: { mode: 'enabled', ignore: [RULE] } });
  await releases.ready('scaled');
  expect(replicas(await releases.world.get(web('scaled')))).toBe(7);
  await releases.world.edit(web('scaled'), { spec: { replicas: 3 } }, 'autoscaler');
  await releases.answered('scaled');
  expect(replicas(await releases.world.get(web('scaled')))).toBe(3);
});

test('it does so too where nobody knows any more what was applied before', async () => {
  await releases.world.stopAgent();
  await declare('scaled', { values: { replicas: 8 }, driftDetection: { mode: 'enabled', ignore: [RULE] } });
  await start({ records: false });
  await releases.until('scaled', 'be upgraded', ({ status }) => status?.history?.[0]?.version === 3);
  await releases.ready('scaled');
  expect(replicas(await releases.world.get(web('scaled')))).toBe(8);
  await releases.world.stopAgent();
  await start();
});

test('rules that come and go hold at once, without an upgrade', async () => {
  const count = await versions('scaled');
  const values = { replicas: 8 };
  await releases.world.edit(web('scaled'), { spec: { replicas: 2 } }, 'autoscaler');
  await declare('scaled', { values, driftDetection: { mode: 'enabled', ignore: [] } });
  await releases.world.until(web('scaled'), 'be scaled as declared', (live) => replicas(live) === 8);
  await declare('scaled', { values, driftDetection: { mode: 'enabled', ignore: [RULE] } });
  await releases.ready('scaled');
  await releases.world.edit(web('scaled'), { spec: { replicas: 2 } }, 'autoscaler');
  await paint('scaled', 'settings');
  await isGreen('scaled', 'settings');
  await releases.answered('scaled');
  expect(replicas(await releases.world.get(web('scaled')))).toBe(2);
  expect(await versions('scaled')).toBe(count);
});

test('while it is suspended nothing is done; what happened meanwhile is put right when it is resumed', async () => {
  await declare('on', { suspend: true, driftDetection: { mode: 'enabled' } });
  // What comes later of the same kind is seen later.
  await releases.answered('scaled');
  await paint('on', 'settings', 'black');
  await paint('scaled', 'settings');
  await isGreen('scaled', 'settings');
  expect(colour(await releases.world.get(key('on', 'settings')))).toBe('black');
  await declare('on', { driftDetection: { mode: 'enabled' } });
  await isGreen('on', 'settings');
});

test.each(['with its records', 'without any'])(
  'what happened while no agent ran is put right after a restart %s, and told',
  async (how) => {
    const before = (await reasons('on')).length;
    await releases.world.stopAgent();
    await paint('on', 'settings', 'white');
    await releases.world.cluster.delete(key('on', 'spare'));
    if (how === 'without any') await rm(dir, { recursive: true, force: true });
    await start();
    await isGreen('on', 'settings');
    await isGreen('on', 'spare');
    await releases.answered('on');
    const events = (await releases.world.events(releases.key('on'))).filter(({ reason }) => reason.startsWith('Drift'));
    const fresh = events
      .slice(before)
      .map(({ message }) => message)
      .join('\n');
    expect(fresh).toContain('on-settings changed (data.colour by kubectl-edit)');
    expect(fresh).toContain('on-spare removed');
    expect(fresh).toContain('on-spare created');
    expect(await versions('on')).toBe(1);
  },
);

test('a restart without drift writes nothing', async () => {
  await releases.world.stopAgent();
  await rm(dir, { recursive: true, force: true });
  requests.take();
  await start();
  await releases.answered('on');
  const writes = requests.take().filter((request) => /^(apply|patch|create|update|delete) /.test(request));
  expect(writes.filter((request) => !/helmreleases|events/.test(request))).toEqual([]);
});

test('drift that cannot be put right is told, and stands in the status', async () => {
  await releases.world.edit(key('on', 'settings'), { immutable: true, data: { colour: 'red' } });
  const message = await told('on', 'DriftCorrectionFailed');
  expect(message).toContain(`Failed to correct cluster state of release ${release('on')}:\n`);
  expect(message).toContain('immutable');
  const unit = await releases.world.conditionIs(releases.key('on'), 'Drifted', 'True', 'DriftDetected');
  expect(condition(unit, 'Drifted')?.message).toContain('on-settings');
  await releases.world.cluster.delete(key('on', 'settings'));
  await isGreen('on', 'settings');
  await releases.world.conditionIs(releases.key('on'), 'Drifted', 'False', 'NoDriftDetected');
  expect(condition(await releases.world.get(releases.key('on')), 'Ready')?.status).toBe('True');
});

const driftDetection = { mode: 'enabled' };
/** What keeps a newer declaration from being brought in, and how that is told. */
const HINDRANCES: [what: string, name: string, spec: JsonObject, reason: string][] = [
  ['has values that are missing', 'unread', { valuesFrom: [{ kind: 'ConfigMap', name: 'none' }] }, 'ValuesError'],
  [
    'waits for a dependency',
    'later',
    { dependsOn: [{ name: 'none' }], values: { colour: 'red' } },
    'DependencyNotReady',
  ],
  ['waits for its source', 'lone', { chartRef: { kind: 'HelmChart', name: 'none' } }, 'ArtifactFailed'],
  ['cannot be rendered', 'bad', { values: { colour: 'red', refused: true } }, 'UpgradeFailed'],
];

test.each(HINDRANCES)(
  'what is in force is put right while what is declared since %s',
  async (_what, name, spec, reason) => {
    await releases.chart(name, {
      ...SHOP,
      'templates/refused.yaml': '{{ if .Values.refused }}{{ fail "no" }}{{ end }}',
    });
    await declare(name, { driftDetection });
    await releases.ready(name);
    await declare(name, { driftDetection, ...spec });
    await releases.world.conditionIs(releases.key(name), 'Ready', 'False', reason);
    await paint(name, 'settings', 'blue');
    await isGreen(name, 'settings');
    expect(await told(name, 'DriftDetected')).toContain(`${name}-settings changed (data.colour by kubectl-edit)`);
    expect(await told(name, 'DriftCorrected')).toBe(
      `Cluster state of release ${release(name)} has been corrected:\nConfigMap/${releases.world.namespace}/${name}-settings configured`,
    );
    await releases.world.conditionIs(releases.key(name), 'Drifted', 'False', 'NoDriftDetected');
    expect(condition(await releases.world.get(releases.key(name)), 'Ready')?.reason).toBe(reason);
    expect(await versions(name)).toBe(1);
  },
);

test('and after a restart', async () => {
  await releases.world.stopAgent();
  for (const [, name] of HINDRANCES) await paint(name, 'settings', 'black');
  await start({ records: false });
  for (const [, name] of HINDRANCES) await isGreen(name, 'settings');
  await releases.world.stopAgent();
  await start();
  for (const [, name] of HINDRANCES) expect(await versions(name)).toBe(1);
});

test('where it is only to be told, it is told and left', async () => {
  const spec = HINDRANCES[0]?.[2] ?? {};
  await declare('unread', { driftDetection: { mode: 'warn' }, ...spec });
  await releases.until('unread', 'be seen', ({ status, metadata }) =>
    (status?.conditions ?? []).some((one) => one.type === 'Ready' && one.observedGeneration === metadata.generation),
  );
  await paint('unread', 'spare', 'blue');
  expect(await told('unread', 'DriftDetected', (text) => text.includes('spare'))).toContain('unread-spare changed');
  await releases.world.conditionIs(releases.key('unread'), 'Drifted', 'True', 'DriftDetected');
  expect(colour(await releases.world.get(key('unread', 'spare')))).toBe('blue');
});

test('who insists is named, and met ever more slowly', async () => {
  let isOver = false;
  const insisting = (async () => {
    while (!isOver) {
      await releases.world.edit(key('warned', 'settings'), { data: { colour: 'red' } }, 'paint-controller');
      await sleep(20);
    }
  })();
  const message = await told('warned', 'DriftLoop');
  isOver = true;
  await insisting;
  expect(message).toMatch(/warned-settings was put right 6 times within \S+ and paint-controller changed it again/);
  await isGreen('warned', 'settings');
});

test.runIf(HELM_RUNS)('what helm installed is watched from its adoption on', async () => {
  const { namespace } = releases.world;
  const archive = await releases.chart('helmed', SHOP);
  await helm.install(namespace, 'helmed', { archive });
  await declare('helmed', { driftDetection: { mode: 'enabled' } });
  await releases.ready('helmed');
  const live = await releases.world.until(
    key('helmed', 'settings'),
    'carry our label',
    (object) => object?.metadata.labels?.[HELM_OWNER_NAME_LABEL] === 'helmed',
  );
  expect(colour(live)).toBe('green');
  await releases.answered('helmed');
  expect(await reasons('helmed')).toEqual([]);
  await paint('helmed', 'settings');
  await isGreen('helmed', 'settings');
  expect(await versions('helmed')).toBe(1);
});

test.runIf(HELM_RUNS)('and where it is only told nothing is written, and what is found in a run is told', async () => {
  const { namespace } = releases.world;
  const archive = await releases.chart('seen', SHOP);
  await helm.install(namespace, 'seen', { archive });
  const before = (await releases.world.get(key('seen', 'settings')))?.metadata.resourceVersion;
  await declare('seen', { driftDetection: { mode: 'warn' } });
  await releases.ready('seen');
  await releases.answered('seen');
  expect((await releases.world.get(key('seen', 'settings')))?.metadata.resourceVersion).toBe(before);
  expect(await reasons('seen')).toEqual([]);
  expect((await drifted('seen'))?.reason).toBe('NoDriftDetected');
  await paint('seen', 'settings');
  await releases.answered('seen');
  await releases.world.conditionIs(releases.key('seen'), 'Drifted', 'True', 'DriftDetected');
  expect(colour(await releases.world.get(key('seen', 'settings')))).toBe('red');
  expect(await releases.world.problems()).toEqual([]);
});
