import * as Type from 'typebox';
import { choice, count, duration, flag, list, object, text, textMap, time } from './build.ts';
import { commonStatus, localReference, objectMeta } from './common.ts';
import { COMMON_COLUMNS, STATUS_DEFAULT, type KindDefinition } from './kind.ts';
import { kubeConfig } from './kube-config.ts';
import { commonMetadata, dependencies, healthCheckExprs, ignoreRules, images, inventory, patches } from './unit.ts';

const decryption = object('How encrypted files are decrypted.', {
  provider: choice('The tool they were encrypted with.', ['sops']),
  secretRef: Type.Optional(localReference('Secret with the private keys, or credentials of a key service.')),
  serviceAccountName: Type.Optional(
    text('ServiceAccount to identify as towards a key service where the Secret holds no credentials for it.'),
  ),
});

const healthCheck = object('An object to wait for.', {
  apiVersion: Type.Optional(text('Its API version.')),
  kind: text('Its kind.'),
  name: text('Its name.'),
  namespace: Type.Optional(text('Its namespace. By default that of this object.')),
});

const substituteReference = object('An object whose data are variables.', {
  kind: choice('Its kind.', ['Secret', 'ConfigMap']),
  name: text('Its name, in the namespace of this object.', { minLength: 1, maxLength: 253 }),
  optional: Type.Optional(flag('Go on without it when it does not exist.', { default: false })),
});

const postBuild = object('Substitution of variables in the built objects.', {
  substitute: Type.Optional(textMap('Variables by name. They go before those of substituteFrom.')),
  substituteFrom: Type.Optional(
    list('Objects to read more variables from; later ones go before earlier ones.', substituteReference),
  ),
  substituteStrategy: Type.Optional(
    choice('Whether substitution runs only when there is a variable, or always.', ['WithVariables', 'Always']),
  ),
});

const sourceReference = object('The source of the manifests.', {
  apiVersion: Type.Optional(text('Its API version.')),
  kind: choice('Its kind.', ['OCIRepository', 'GitRepository', 'Bucket', 'ExternalArtifact']),
  name: text('Its name.'),
  namespace: Type.Optional(text('Its namespace. By default that of this object.')),
});

const affix = { minLength: 1, maxLength: 200 };

const spec = object('Which objects belong in the cluster, and how they are kept there.', {
  buildMetadata: Type.Optional(
    list(
      'Annotations that say where each object came from.',
      choice('One sort of build annotation.', ['originAnnotations', 'transformerAnnotations']),
    ),
  ),
  commonMetadata: Type.Optional(commonMetadata),
  components: Type.Optional(list('Paths of kustomize components to add to the build.', Type.String())),
  decryption: Type.Optional(decryption),
  deletionPolicy: Type.Optional(
    choice('What becomes of the objects when this one is deleted. MirrorPrune, the default, follows prune.', [
      'MirrorPrune',
      'Delete',
      'WaitForTermination',
      'Orphan',
    ]),
  ),
  dependsOn: Type.Optional(dependencies('Kustomization')),
  force: Type.Optional(
    flag('Delete and create anew an object whose change the API server refuses as immutable.', { default: false }),
  ),
  healthCheckExprs: Type.Optional(healthCheckExprs('Health of custom kinds, for wait and healthChecks.')),
  healthChecks: Type.Optional(list('Objects to wait for. Not read when wait is set.', healthCheck)),
  ignore: Type.Optional(ignoreRules('Fields that are neither applied nor counted as drift.', 'Kustomization')),
  ignoreMissingComponents: Type.Optional(flag('Leave out components that the source does not hold.')),
  images: Type.Optional(images),
  interval: duration('How often this Kustomization is reconciled when nothing else asks for it.'),
  kubeConfig: Type.Optional(kubeConfig),
  namePrefix: Type.Optional(text('Put before the name of every object.', affix)),
  nameSuffix: Type.Optional(text('Put after the name of every object.', affix)),
  patches: Type.Optional(patches),
  path: Type.Optional(text('Folder of the source to build. Its root by default.')),
  postBuild: Type.Optional(postBuild),
  prune: flag('Delete objects that are no longer declared.'),
  retryInterval: Type.Optional(duration('How long to wait after a failure. By default the interval.')),
  serviceAccountName: Type.Optional(text('ServiceAccount to act as towards the API server.')),
  sourceRef: sourceReference,
  suspend: Type.Optional(flag('Leave the objects alone until this is unset.')),
  targetNamespace: Type.Optional(text('Namespace to place every object in.', { minLength: 1, maxLength: 63 })),
  timeout: Type.Optional(
    duration('How long build, apply and health checks may take. By default 30s below the interval.'),
  ),
  wait: Type.Optional(flag('Wait until every object is healthy.')),
});

const snapshot = object('Runs that built the same objects and ended the same way.', {
  digest: text('Digest of the built objects, as <algorithm>:<hex>.'),
  firstReconciled: time('End of the first such run.'),
  lastReconciled: time('End of the last such run.'),
  lastReconciledDuration: text('How long the last such run took.'),
  lastReconciledStatus: text('Reason of the Ready condition they ended with.'),
  metadata: Type.Optional(textMap('More about the last such run, such as its revision.')),
  totalReconciliations: count('How many such runs there were.'),
});

const status = object(
  'What was last done for this Kustomization.',
  {
    ...commonStatus,
    history: Type.Optional(list('The last runs, newest first.', snapshot)),
    inventory: Type.Optional(inventory),
    lastAppliedOriginRevision: Type.Optional(text('Revision of the origin the last applied artifact was made from.')),
    lastAppliedRevision: Type.Optional(text('Revision that was last applied in full.')),
    lastAttemptedRevision: Type.Optional(text('Revision of the last run.')),
  },
  { default: STATUS_DEFAULT },
);

/** A Kustomization as the API server gives it (Flux kustomize.toolkit.fluxcd.io/v1). */
export const kustomization = Type.Object({
  apiVersion: Type.Literal('kustomize.toolkit.fluxcd.io/v1'),
  kind: Type.Literal('Kustomization'),
  metadata: objectMeta,
  spec,
  status: Type.Optional(status),
});

export type Kustomization = Type.Static<typeof kustomization>;
export type KustomizationSpec = Type.Static<typeof spec>;
export type KustomizationStatus = Type.Static<typeof status>;
export type Decryption = Type.Static<typeof decryption>;
export type HealthCheck = Type.Static<typeof healthCheck>;
export type PostBuild = Type.Static<typeof postBuild>;
export type SourceReference = Type.Static<typeof sourceReference>;
export type HistorySnapshot = Type.Static<typeof snapshot>;

export const kustomizationKind = {
  group: 'kustomize.toolkit.fluxcd.io',
  version: 'v1',
  kind: 'Kustomization',
  plural: 'kustomizations',
  singular: 'kustomization',
  shortNames: ['ks'],
  categories: ['all', 'fluxcd', 'fluxcd-appliers'],
  columns: COMMON_COLUMNS,
  component: 'kustomize-controller',
  description: 'Objects of a source that belong in a cluster, applied and kept as declared.',
  spec,
  status,
} as const satisfies KindDefinition;
