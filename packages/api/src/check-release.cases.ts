import type { Acceptance, EmptyTexts, Refusal } from './check.cases.ts';
import type { JsonObject } from './object.ts';

// The cases of HelmReleases; check.cases.ts says what they are for.

const CHART_REF = { kind: 'OCIRepository', name: 'cart' };
export const leastRelease: JsonObject = { interval: '10m', chartRef: CHART_REF };
const chart: JsonObject = { chart: 'cart', sourceRef: { kind: 'HelmRepository', name: 'shop' } };

export const KUBECONFIG_RULE =
  'exactly one of spec.kubeConfig.configMapRef or spec.kubeConfig.secretRef must be specified';
export const DURATION = '^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$';

function releaseCase(name: string, change: JsonObject, path: string, message: string): Refusal {
  return { name, kind: 'HelmRelease', spec: { ...leastRelease, ...change }, path: `spec${path}`, message };
}

function chartCase(name: string, change: JsonObject, path: string, message: string): Refusal {
  const spec = { interval: '10m', chart: { spec: { ...chart, ...change } } };
  return { name, kind: 'HelmRelease', spec, path: `spec.chart.spec${path}`, message };
}

const EITHER = 'either chart or chartRef must be set';

export const releaseRefusals: readonly Refusal[] = [
  releaseCase('no interval of a release', { interval: null }, '.interval', 'Required value'),
  releaseCase('neither chart nor chartRef', { chartRef: null }, '', EITHER),
  releaseCase('both chart and chartRef', { chart: { spec: chart } }, '', EITHER),
  chartCase('a chart without a name', { chart: null }, '.chart', 'Required value'),
  chartCase('a chart with an empty name', { chart: '' }, '.chart', 'at least 1 chars'),
  chartCase('a chart without a source', { sourceRef: null }, '.sourceRef', 'Required value'),
  chartCase(
    'a chart of a source of another kind',
    { sourceRef: { kind: 'OCIRepository', name: 'shop' } },
    '.sourceRef.kind',
    'Unsupported value',
  ),
  chartCase('a chart interval in days', { interval: '1d' }, '.interval', DURATION),
  chartCase(
    'an unknown strategy for new charts',
    { reconcileStrategy: 'Always' },
    '.reconcileStrategy',
    'Unsupported value',
  ),
  chartCase('a chart signed by another tool', { verify: { provider: 'gpg' } }, '.verify.provider', 'Unsupported value'),
  releaseCase(
    'a reference to a chart of another kind',
    { chartRef: { kind: 'GitRepository', name: 'shop' } },
    '.chartRef.kind',
    'Unsupported value',
  ),
  releaseCase('a reference without a name', { chartRef: { kind: 'HelmChart' } }, '.chartRef.name', 'Required value'),
  releaseCase('a release name that is too long', { releaseName: 'x'.repeat(54) }, '.releaseName', 'more than 53'),
  releaseCase('an empty release name', { releaseName: '' }, '.releaseName', 'at least 1 chars'),
  releaseCase(
    'a storage namespace that is too long',
    { storageNamespace: 'x'.repeat(64) },
    '.storageNamespace',
    'more than 63',
  ),
  releaseCase('an empty account of a release', { serviceAccountName: '' }, '.serviceAccountName', 'at least 1 chars'),
  releaseCase('a history that is no number', { maxHistory: '5' }, '.maxHistory', 'must be of type integer'),
  releaseCase('an unknown drift mode', { driftDetection: { mode: 'correct' } }, '.driftDetection.mode', 'Unsupported'),
  releaseCase(
    'drift ignored nowhere',
    { driftDetection: { ignore: [{}] } },
    '.driftDetection.ignore[0].paths',
    'Required',
  ),
  releaseCase('an unknown policy for definitions', { install: { crds: 'Keep' } }, '.install.crds', 'Unsupported value'),
  releaseCase('a strategy without a name', { install: { strategy: {} } }, '.install.strategy.name', 'Required value'),
  releaseCase(
    'a retry interval for installs that are remedied',
    { install: { strategy: { name: 'RemediateOnFailure', retryInterval: '1m' } } },
    '.install.strategy',
    ".retryInterval cannot be set when .name is 'RemediateOnFailure'",
  ),
  releaseCase(
    'a retry interval for upgrades that are remedied',
    { upgrade: { strategy: { name: 'RemediateOnFailure', retryInterval: '1m' } } },
    '.upgrade.strategy',
    ".retryInterval can only be set when .name is 'RetryOnFailure'",
  ),
  releaseCase(
    'retries that are no whole number',
    { install: { remediation: { retries: 1.5 } } },
    '.install.remediation.retries',
    'must be of type integer',
  ),
  releaseCase(
    'an unknown remedy',
    { upgrade: { remediation: { strategy: 'retry' } } },
    '.upgrade.remediation.strategy',
    'Unsupported value',
  ),
  releaseCase(
    'an unknown way to change charts',
    { upgrade: { chartNameChangeStrategy: 'Rename' } },
    '.upgrade.chartNameChangeStrategy',
    'Unsupported value',
  ),
  releaseCase('an upgrade timeout with a sign', { upgrade: { timeout: '-1m' } }, '.upgrade.timeout', DURATION),
  releaseCase(
    'server-side apply of upgrades as a flag',
    { upgrade: { serverSideApply: 'true' } },
    '.upgrade.serverSideApply',
    'Unsupported value',
  ),
  releaseCase(
    'server-side apply of installs as a word',
    { install: { serverSideApply: 'enabled' } },
    '.install.serverSideApply',
    'must be of type boolean',
  ),
  releaseCase(
    'an unknown propagation',
    { uninstall: { deletionPropagation: 'Background' } },
    '.uninstall.deletionPropagation',
    'Unsupported value',
  ),
  releaseCase('a test without a name', { test: { filters: [{ name: '' }] } }, '.test.filters[0].name', 'at least 1'),
  releaseCase(
    'an unknown way to wait',
    { waitStrategy: { name: 'watcher' } },
    '.waitStrategy.name',
    'Unsupported value',
  ),
  releaseCase('a way to wait without a name', { waitStrategy: {} }, '.waitStrategy.name', 'Required value'),
  releaseCase(
    'values from another kind',
    { valuesFrom: [{ kind: 'HelmRelease', name: 'x' }] },
    '.valuesFrom[0].kind',
    'Unsupported value',
  ),
  releaseCase(
    'values at no path',
    { valuesFrom: [{ kind: 'Secret', name: 'x', targetPath: 'a b' }] },
    '.valuesFrom[0].targetPath',
    'should match',
  ),
  releaseCase(
    'values under no key',
    { valuesFrom: [{ kind: 'Secret', name: 'x', valuesKey: 'a/b' }] },
    '.valuesFrom[0].valuesKey',
    'should match',
  ),
  releaseCase(
    'a post-renderer with a patch that is none',
    { postRenderers: [{ kustomize: { patches: [{}] } }] },
    '.postRenderers[0].kustomize.patches[0].patch',
    'Required value',
  ),
  releaseCase('an unknown way to render hooks', { postRenderStrategy: 'hooks' }, '.postRenderStrategy', 'Unsupported'),
  releaseCase(
    'two kubeconfigs of a release',
    { kubeConfig: { secretRef: { name: 'a' }, configMapRef: { name: 'b' } } },
    '.kubeConfig',
    KUBECONFIG_RULE,
  ),
];

const everyAction: JsonObject = { timeout: '1h', disableHooks: true, disableWait: true };
const everyRelease: JsonObject = {
  ...everyAction,
  crds: 'CreateReplace',
  disableOpenAPIValidation: true,
  disableSchemaValidation: true,
  disableTakeOwnership: true,
  disableWaitForJobs: true,
  strategy: { name: 'RetryOnFailure', retryInterval: '30s' },
};

const everyReleaseField: JsonObject = {
  interval: '10m',
  chart: {
    metadata: { labels: { team: 'shop' }, annotations: { note: 'x' } },
    spec: {
      ...chart,
      sourceRef: {
        ...(chart['sourceRef'] as JsonObject),
        namespace: 'charts',
        apiVersion: 'source.toolkit.fluxcd.io/v1',
      },
      version: '1.x',
      interval: '5m',
      reconcileStrategy: 'Revision',
      valuesFiles: ['values-eu.yaml'],
      ignoreMissingValuesFiles: true,
      verify: {
        provider: 'notation',
        secretRef: { name: 'keys' },
        matchOIDCIdentity: [{ issuer: '^https://issuer$', subject: '.*' }],
      },
    },
  },
  releaseName: 'cart',
  targetNamespace: 'shop',
  storageNamespace: 'helm',
  timeout: '5m',
  suspend: true,
  maxHistory: 0,
  persistentClient: false,
  serviceAccountName: 'deployer',
  kubeConfig: { configMapRef: { name: 'cluster' } },
  commonMetadata: { labels: { team: 'shop' }, annotations: { note: 'x' } },
  dependsOn: [{ kind: 'Kustomization', name: 'infrastructure', namespace: 'flux-system', readyExpr: 'true' }],
  driftDetection: { mode: 'warn', ignore: [{ paths: ['/spec/replicas'], target: { kind: 'Deployment' } }] },
  healthCheckExprs: [{ apiVersion: 'a/v1', kind: 'B', current: 'true', inProgress: 'false', failed: 'false' }],
  install: {
    ...everyRelease,
    createNamespace: true,
    replace: true,
    serverSideApply: false,
    skipCRDs: true,
    remediation: { retries: -1, ignoreTestFailures: true, remediateLastFailure: true },
  },
  upgrade: {
    ...everyRelease,
    chartNameChangeStrategy: 'InPlaceUpdate',
    cleanupOnFail: true,
    force: true,
    preserveValues: true,
    serverSideApply: 'auto',
    remediation: { retries: 3, ignoreTestFailures: false, remediateLastFailure: false, strategy: 'uninstall' },
  },
  rollback: {
    ...everyAction,
    cleanupOnFail: true,
    disableWaitForJobs: true,
    force: true,
    recreate: true,
    serverSideApply: 'disabled',
  },
  uninstall: { ...everyAction, deletionPropagation: 'orphan', keepHistory: true },
  test: { enable: true, ignoreFailures: true, timeout: '1m', filters: [{ name: 'cart-test', exclude: true }] },
  waitStrategy: { name: 'legacy' },
  postRenderStrategy: 'separate',
  postRenderers: [{ kustomize: { images: [{ name: 'cart', newTag: '2' }], patches: [{ patch: '- op: remove' }] } }],
  values: { replicas: 2, image: { tag: null }, hosts: ['a', { b: [1.5] }] },
  valuesFrom: [
    {
      kind: 'Secret',
      name: 'cart',
      valuesKey: 'token.txt',
      targetPath: 'config.app\\.yml[0].token',
      optional: true,
      literal: true,
    },
  ],
};

export const releaseAcceptances: readonly Acceptance[] = [
  { name: 'the least HelmRelease', kind: 'HelmRelease', spec: leastRelease, filled: leastRelease },
  { name: 'every field of a HelmRelease', kind: 'HelmRelease', spec: everyReleaseField, filled: everyReleaseField },
  {
    name: 'a chart to make',
    kind: 'HelmRelease',
    spec: { interval: '10m', chart: { spec: { ...chart, verify: {} } } },
    filled: {
      interval: '10m',
      chart: { spec: { ...chart, version: '*', reconcileStrategy: 'ChartVersion', verify: { provider: 'cosign' } } },
    },
  },
  {
    name: 'actions that say nothing',
    kind: 'HelmRelease',
    spec: { ...leastRelease, driftDetection: {}, install: {}, upgrade: {}, rollback: {}, test: {}, uninstall: {} },
    filled: {
      ...leastRelease,
      driftDetection: {},
      install: {},
      upgrade: {},
      rollback: {},
      test: {},
      uninstall: { deletionPropagation: 'background' },
    },
  },
  {
    name: 'a strategy that remedies',
    kind: 'HelmRelease',
    spec: { ...leastRelease, install: { strategy: { name: 'RemediateOnFailure' } } },
    filled: { ...leastRelease, install: { strategy: { name: 'RemediateOnFailure' } } },
  },
];

export const releaseEmptyTexts: readonly EmptyTexts[] = [
  {
    name: "a dependency's namespace and kind, and the key of values: nothing is said",
    kind: 'HelmRelease',
    given: { dependsOn: [{ name: 'db', namespace: '', readyExpr: '' }], chartRef: { ...CHART_REF, apiVersion: '' } },
    read: { dependsOn: [{ name: 'db' }], chartRef: CHART_REF },
  },
  {
    name: "values: they are nobody's to read but the chart's",
    kind: 'HelmRelease',
    given: { values: { suffix: '', list: [''], nested: { name: '' } } },
    read: { values: { suffix: '', list: [''], nested: { name: '' } } },
  },
];
