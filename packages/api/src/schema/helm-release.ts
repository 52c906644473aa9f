import * as Type from 'typebox';
import type { Json } from '../object.ts';
import { choice, count, duration, flag, list, object, text, textMap, time, withRules, type Rule } from './build.ts';
import { commonStatus, localReference, objectMeta } from './common.ts';
import { COMMON_COLUMNS, STATUS_DEFAULT, type KindDefinition } from './kind.ts';
import { kubeConfig } from './kube-config.ts';
import { commonMetadata, dependencies, healthCheckExprs, ignoreRules, images, inventory, patches } from './unit.ts';

const identity = object('A keyless signature that is trusted.', {
  issuer: text('Regular expression of the OIDC issuer.'),
  subject: text('Regular expression of the subject.'),
});

const verify = object('How the chart must be signed.', {
  matchOIDCIdentity: Type.Optional(list('Keyless signatures that are trusted; one must match.', identity)),
  provider: choice('The tool it was signed with.', ['cosign', 'notation'], { default: 'cosign' }),
  secretRef: Type.Optional(localReference('Secret with the public keys that are trusted.')),
});

const chartSource = object('Where the chart comes from.', {
  apiVersion: Type.Optional(text('Its API version.')),
  kind: choice('Its kind.', ['HelmRepository', 'GitRepository', 'Bucket']),
  name: text('Its name.', { minLength: 1, maxLength: 253 }),
  namespace: Type.Optional(text('Its namespace. By default that of this object.', { minLength: 1, maxLength: 63 })),
});

const chartSpec = object('The HelmChart to make.', {
  chart: text('Name of the chart, or its path in the source.', { minLength: 1, maxLength: 2048 }),
  ignoreMissingValuesFiles: Type.Optional(flag('Leave out values files that the source does not hold.')),
  interval: Type.Optional(duration('How often the source is asked for a new version. By default the interval.')),
  reconcileStrategy: Type.Optional(
    choice(
      'What makes a new artifact: a new version of the chart, or any new revision of its source.',
      ['ChartVersion', 'Revision'],
      { default: 'ChartVersion' },
    ),
  ),
  sourceRef: chartSource,
  valuesFiles: Type.Optional(
    list("Values files of the source to take for the chart's own; later ones win.", Type.String()),
  ),
  verify: Type.Optional(verify),
  version: Type.Optional(text('Version or range of versions; only for a HelmRepository.', { default: '*' })),
});

const chartTemplate = object('The HelmChart to make for this release.', {
  metadata: Type.Optional(
    object('What its metadata is to hold.', {
      annotations: Type.Optional(textMap('Annotations to set.')),
      labels: Type.Optional(textMap('Labels to set.')),
    }),
  ),
  spec: chartSpec,
});

const chartRef = object('The object whose artifact is the chart.', {
  apiVersion: Type.Optional(text('Its API version.')),
  kind: choice('Its kind.', ['OCIRepository', 'HelmChart', 'ExternalArtifact']),
  name: text('Its name.', { minLength: 1, maxLength: 253 }),
  namespace: Type.Optional(text('Its namespace. By default that of this object.', { minLength: 1, maxLength: 63 })),
});

const driftDetection = object('What is done about changes by others.', {
  ignore: Type.Optional(ignoreRules('Fields whose changes count as no drift.', 'HelmRelease')),
  mode: Type.Optional(
    choice('Put right, told and left, or not looked for. By default disabled.', ['enabled', 'warn', 'disabled']),
  ),
});

const valuesReference = object('An object whose data are values.', {
  kind: choice('Its kind.', ['Secret', 'ConfigMap']),
  literal: Type.Optional(flag('With targetPath: the value stays the text that it is.')),
  name: text('Its name, in the namespace of this object.', { minLength: 1, maxLength: 253 }),
  optional: Type.Optional(flag('Go on without it when it, or its key, does not exist.')),
  targetPath: Type.Optional(
    text('Where to put the value, as helm --set has it. By default the values are a file of values.', {
      maxLength: 250,
      pattern: '^([a-zA-Z0-9_\\-.\\\\\\/]|\\[[0-9]{1,5}\\])+$',
    }),
  ),
  valuesKey: Type.Optional(
    text('Key that the values are under. By default values.yaml.', {
      maxLength: 253,
      pattern: '^[\\-._a-zA-Z0-9]+$',
    }),
  ),
});

const postRenderer = object('A change to make to what the chart renders.', {
  kustomize: Type.Optional(
    object('A change by kustomize.', { images: Type.Optional(images), patches: Type.Optional(patches) }),
  ),
});

const crds = choice("What becomes of the chart's own definitions (its folder crds).", [
  'Skip',
  'Create',
  'CreateReplace',
]);

const remediation = {
  ignoreTestFailures: Type.Optional(flag('Go on as if tests had passed. By default as test.ignoreFailures says.')),
  retries: Type.Optional(Type.Integer({ description: 'Tries after a failure; -1 means without end.' })),
};

function strategy(what: string, rule: Pick<Rule<unknown>, 'rule' | 'message'>) {
  const named = object(`What follows a failed ${what}.`, {
    name: choice('Remedy it and try again as often as retries says, or just try again.', [
      'RemediateOnFailure',
      'RetryOnFailure',
    ]),
    retryInterval: Type.Optional(duration('With RetryOnFailure: time between tries. By default 5m.')),
  });
  return withRules(named, [
    { ...rule, holds: (self) => self.retryInterval === undefined || self.name === 'RetryOnFailure' },
  ]);
}

// Flux says the same in two ways (helm-controller api/v2, InstallStrategy and UpgradeStrategy).
const installStrategy = strategy('install', {
  rule: "!has(self.retryInterval) || self.name != 'RemediateOnFailure'",
  message: ".retryInterval cannot be set when .name is 'RemediateOnFailure'",
});
const upgradeStrategy = strategy('upgrade', {
  rule: "!has(self.retryInterval) || self.name == 'RetryOnFailure'",
  message: ".retryInterval can only be set when .name is 'RetryOnFailure'",
});

const actionOptions = {
  disableHooks: Type.Optional(flag('Leave hooks out.')),
  disableWait: Type.Optional(flag('Do not wait until the objects are ready.')),
  timeout: Type.Optional(duration('How long each step may take. By default spec.timeout.')),
};

const releaseOptions = {
  ...actionOptions,
  crds: Type.Optional(crds),
  disableOpenAPIValidation: Type.Optional(flag('Without meaning here: the API server itself checks every object.')),
  disableSchemaValidation: Type.Optional(flag('Do not check values against the schema of the chart.')),
  disableTakeOwnership: Type.Optional(flag('Refuse objects that belong to another release, or to none.')),
  disableWaitForJobs: Type.Optional(flag('Do not wait until Jobs have ended.')),
};

const serverSide = ['enabled', 'disabled', 'auto'] as const;

const install = object('How the release is installed.', {
  ...releaseOptions,
  createNamespace: Type.Optional(flag('Create the target namespace where it does not exist.')),
  remediation: Type.Optional(
    object('What follows a failure.', {
      ...remediation,
      remediateLastFailure: Type.Optional(flag('Uninstall after the last try too. By default it is left as it is.')),
    }),
  ),
  replace: Type.Optional(
    flag(
      'Without meaning here: the name of a release that was uninstalled is free, whether its records were kept or not.',
    ),
  ),
  serverSideApply: Type.Optional(flag('Recorded with the release: how helm is to apply it. By default true.')),
  skipCRDs: Type.Optional(flag('Deprecated: crds says it.')),
  strategy: Type.Optional(installStrategy),
});

const upgrade = object('How the release is upgraded.', {
  ...releaseOptions,
  chartNameChangeStrategy: Type.Optional(
    choice('What a chart of another name does to the release. By default Reinstall.', ['Reinstall', 'InPlaceUpdate']),
  ),
  cleanupOnFail: Type.Optional(flag('Delete what a failed upgrade created.')),
  force: Type.Optional(flag('Delete and create anew an object that cannot be changed.')),
  preserveValues: Type.Optional(flag('Keep the values of the last release under the new ones.')),
  remediation: Type.Optional(
    object('What follows a failure.', {
      ...remediation,
      remediateLastFailure: Type.Optional(
        flag('Remedy the last failure too. By default where retries is more than 0.'),
      ),
      strategy: Type.Optional(choice('How a failure is remedied. By default rollback.', ['rollback', 'uninstall'])),
    }),
  ),
  serverSideApply: Type.Optional(
    choice('Recorded with the release: how helm is to apply it. By default as before.', serverSide),
  ),
  strategy: Type.Optional(upgradeStrategy),
});

const rollback = object('How the release is rolled back.', {
  ...actionOptions,
  cleanupOnFail: Type.Optional(flag('Delete what a failed rollback created.')),
  disableWaitForJobs: Type.Optional(flag('Do not wait until Jobs have ended.')),
  force: Type.Optional(flag('Delete and create anew an object that cannot be changed.')),
  recreate: Type.Optional(flag('Without meaning, as in Flux.')),
  serverSideApply: Type.Optional(
    choice('Recorded with the release: how helm is to apply it. By default as before.', serverSide),
  ),
});

const uninstall = object('How the release is uninstalled.', {
  ...actionOptions,
  deletionPropagation: Type.Optional(
    choice('What becomes of what the objects made.', ['background', 'foreground', 'orphan'], {
      default: 'background',
    }),
  ),
  keepHistory: Type.Optional(flag('Keep the records of the release.')),
});

const test = object('How the release is tested.', {
  enable: Type.Optional(flag("Run the chart's tests after each install and upgrade.")),
  filters: Type.Optional(
    list(
      'Which tests to run.',
      object('A test by its name.', {
        exclude: Type.Optional(flag('Leave it out, instead of running it.')),
        name: text('Name of the test.', { minLength: 1, maxLength: 253 }),
      }),
    ),
  ),
  ignoreFailures: Type.Optional(flag('Count failed tests as no failure of the release.')),
  timeout: Type.Optional(duration('How long each test may take. By default spec.timeout.')),
});

const EITHER = 'either chart or chartRef must be set';

const fields = object('Which chart belongs in the cluster, with which values, and how it is kept there.', {
  chart: Type.Optional(chartTemplate),
  chartRef: Type.Optional(chartRef),
  commonMetadata: Type.Optional(commonMetadata),
  dependsOn: Type.Optional(dependencies('HelmRelease')),
  driftDetection: Type.Optional(driftDetection),
  healthCheckExprs: Type.Optional(healthCheckExprs('Health of custom kinds of the chart.')),
  install: Type.Optional(install),
  interval: duration('How often this HelmRelease is reconciled when nothing else asks for it.'),
  kubeConfig: Type.Optional(kubeConfig),
  maxHistory: Type.Optional(
    Type.Integer({ description: 'Records of the release to keep; 0 keeps all. By default 5.' }),
  ),
  persistentClient: Type.Optional(flag('Without meaning here: there is one connection to each cluster.')),
  postRenderStrategy: Type.Optional(
    choice('Whether hooks are changed by postRenderers: not, together with the rest, or apart. By default combined.', [
      'nohooks',
      'combined',
      'separate',
    ]),
  ),
  postRenderers: Type.Optional(list('Changes to make to what the chart renders, one after the other.', postRenderer)),
  releaseName: Type.Optional(
    text('Name of the release. By default [targetNamespace-]name.', { minLength: 1, maxLength: 53 }),
  ),
  rollback: Type.Optional(rollback),
  serviceAccountName: Type.Optional(
    text('ServiceAccount to act as towards the API server.', { minLength: 1, maxLength: 253 }),
  ),
  storageNamespace: Type.Optional(
    text('Namespace of the records. By default that of this object.', { minLength: 1, maxLength: 63 }),
  ),
  suspend: Type.Optional(flag('Leave the release alone until this is unset.')),
  targetNamespace: Type.Optional(
    text('Namespace of the release. By default that of this object.', { minLength: 1, maxLength: 63 }),
  ),
  test: Type.Optional(test),
  timeout: Type.Optional(duration('How long each step of an action may take. By default 5m.')),
  uninstall: Type.Optional(uninstall),
  upgrade: Type.Optional(upgrade),
  values: Type.Optional(
    Type.Unsafe<Json>(
      Type.Any({
        description: 'Values for the chart; they go over those of valuesFrom.',
        'x-kubernetes-preserve-unknown-fields': true,
      }),
    ),
  ),
  valuesFrom: Type.Optional(list('Objects to read values from; later ones win.', valuesReference)),
  waitStrategy: Type.Optional(
    object('How it is found out that objects are ready.', {
      name: choice('By their status as kstatus reads it, or as Helm 3 did.', ['poller', 'legacy']),
    }),
  ),
});

const spec = withRules(fields, [
  {
    rule: '(has(self.chart) && !has(self.chartRef)) || (!has(self.chart) && has(self.chartRef))',
    message: EITHER,
    holds: (self) => (self.chart === undefined) !== (self.chartRef === undefined),
  },
]);

const testHook = object('The last run of a test.', {
  lastCompleted: Type.Optional(time('When it ended.')),
  lastStarted: Type.Optional(time('When it began.')),
  phase: Type.Optional(text('How it ended.')),
});

const snapshot = object('A release as it was last observed.', {
  action: Type.Optional(
    choice('What made it.', ['install', 'upgrade', 'rollback', 'uninstall', 'uninstall-remediation']),
  ),
  apiVersion: Type.Optional(text('How its digest is computed; v2: over the release as Helm 4 keeps it.')),
  appVersion: Type.Optional(text('Version of the application, as the chart says.')),
  chartName: text('Name of the chart.'),
  chartVersion: text('Version of the chart.'),
  configDigest: text('Digest of the values, as <algorithm>:<hex>.'),
  deleted: Type.Optional(time('When it was uninstalled.')),
  digest: text('Digest of the record of the release, as <algorithm>:<hex>.'),
  firstDeployed: time('When the release was first deployed.'),
  lastDeployed: time('When it was last deployed.'),
  name: text('Name of the release.'),
  namespace: text('Namespace of the release.'),
  ociDigest: Type.Optional(text('Digest of the artifact the chart came in.')),
  status: text("Status of the release, in Helm's words."),
  testHooks: Type.Optional(Type.Record(Type.String(), testHook, { description: 'The tests that were run, by name.' })),
  version: Type.Integer({ description: 'Number of the release.' }),
});

const status = object(
  'What was last done for this HelmRelease.',
  {
    ...commonStatus,
    failures: Type.Optional(count('Failures since the last success, or change of what is declared.')),
    helmChart: Type.Optional(text('The HelmChart made for this release, as namespace/name.')),
    history: Type.Optional(list('The releases, newest first, back to the last success before.', snapshot)),
    installFailures: Type.Optional(count('Failed installs among the failures.')),
    inventory: Type.Optional(inventory),
    lastAttemptedConfigDigest: Type.Optional(text('Digest of the values of the last try.')),
    lastAttemptedGeneration: Type.Optional(count('The metadata.generation of the last try.')),
    lastAttemptedReleaseAction: Type.Optional(choice('What was last tried.', ['install', 'upgrade'])),
    lastAttemptedReleaseActionDuration: Type.Optional(text('How long it took.')),
    lastAttemptedRevision: Type.Optional(text('Version of the chart of the last try.')),
    lastAttemptedRevisionDigest: Type.Optional(text('Digest of the artifact that chart came in.')),
    lastAttemptedValuesChecksum: Type.Optional(text('Deprecated: lastAttemptedConfigDigest says it.')),
    lastHandledForceAt: Type.Optional(text('The value of reconcile.fluxcd.io/forceAt that was last acted upon.')),
    lastHandledResetAt: Type.Optional(text('The value of reconcile.fluxcd.io/resetAt that was last acted upon.')),
    lastReleaseRevision: Type.Optional(Type.Integer({ description: 'Deprecated: history says it.' })),
    observedCommonMetadataDigest: Type.Optional(text('Digest of the commonMetadata of the last release.')),
    observedPostRenderersDigest: Type.Optional(text('Digest of the postRenderers of the last release.')),
    storageNamespace: Type.Optional(text('Namespace of the records.', { minLength: 1, maxLength: 63 })),
    upgradeFailures: Type.Optional(count('Failed upgrades among the failures.')),
  },
  { default: STATUS_DEFAULT },
);

/** A HelmRelease as the API server gives it (Flux helm.toolkit.fluxcd.io/v2). */
export const helmRelease = Type.Object({
  apiVersion: Type.Literal('helm.toolkit.fluxcd.io/v2'),
  kind: Type.Literal('HelmRelease'),
  metadata: objectMeta,
  spec,
  status: Type.Optional(status),
});

export type HelmRelease = Type.Static<typeof helmRelease>;
export type HelmReleaseSpec = Type.Static<typeof spec>;
export type HelmReleaseStatus = Type.Static<typeof status>;
export type ReleaseSnapshot = Type.Static<typeof snapshot>;
export type TestHookStatus = Type.Static<typeof testHook>;
export type ValuesReference = Type.Static<typeof valuesReference>;
export type PostRenderer = Type.Static<typeof postRenderer>;
export type ChartTemplate = Type.Static<typeof chartTemplate>;
export type CrdPolicy = Type.Static<typeof crds>;

export const helmReleaseKind = {
  group: 'helm.toolkit.fluxcd.io',
  version: 'v2',
  kind: 'HelmRelease',
  plural: 'helmreleases',
  singular: 'helmrelease',
  shortNames: ['hr'],
  categories: ['all', 'fluxcd', 'fluxcd-appliers'],
  columns: COMMON_COLUMNS,
  component: 'helm-controller',
  description: 'A chart that belongs in a cluster, installed as a Helm release and kept as declared.',
  spec,
  status,
} as const satisfies KindDefinition;
