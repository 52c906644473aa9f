import {
  DURATION,
  KUBECONFIG_RULE,
  leastRelease,
  releaseAcceptances,
  releaseEmptyTexts,
  releaseRefusals,
} from './check-release.cases.ts';
import type { JsonObject } from './object.ts';

type Kind = 'GitRepository' | 'Kustomization' | 'HelmRelease';

/**
 * Specs that the check at the border and a real API server with our CRDs must judge alike. `path` is the field that is
 * refused, `message` a part of what the API server says about it.
 */
export interface Refusal {
  name: string;
  kind: Kind;
  spec: JsonObject;
  path: string;
  message: string;
}

const git: JsonObject = { url: 'https://git.example/shop', interval: '1m' };
const unit: JsonObject = { interval: '10m', prune: true, sourceRef: { kind: 'GitRepository', name: 'shop' } };
const LEAST = { GitRepository: git, Kustomization: unit, HelmRelease: leastRelease } as const;

function without(spec: JsonObject, field: string): JsonObject {
  return Object.fromEntries(Object.entries(spec).filter(([name]) => name !== field));
}

function gitCase(name: string, change: JsonObject, path: string, message: string): Refusal {
  return { name, kind: 'GitRepository', spec: { ...git, ...change }, path, message };
}

function unitCase(name: string, change: JsonObject, path: string, message: string): Refusal {
  return { name, kind: 'Kustomization', spec: { ...unit, ...change }, path, message };
}

const PROVIDER_RULE = "serviceAccountName can only be set when provider is 'azure' or 'aws'";

export const refusals: readonly Refusal[] = [
  { name: 'no url', kind: 'GitRepository', spec: without(git, 'url'), path: 'spec.url', message: 'Required value' },
  {
    name: 'no git interval',
    kind: 'GitRepository',
    spec: without(git, 'interval'),
    path: 'spec.interval',
    message: 'Required value',
  },
  gitCase('a url of another scheme', { url: 'git@git.example:shop' }, 'spec.url', '^(http|https|ssh)://.*$'),
  gitCase('a git interval without a unit', { interval: '60' }, 'spec.interval', DURATION),
  gitCase('a git timeout in hours', { timeout: '1h' }, 'spec.timeout', '^([0-9]+(\\.[0-9]+)?(ms|s|m))+$'),
  gitCase('an unknown provider', { provider: 'gcp' }, 'spec.provider', 'Unsupported value'),
  gitCase('a service account without a provider', { serviceAccountName: 'git' }, 'spec', PROVIDER_RULE),
  gitCase(
    'a service account with another provider',
    { serviceAccountName: 'git', provider: 'github' },
    'spec',
    PROVIDER_RULE,
  ),
  gitCase('a secret reference without a name', { secretRef: {} }, 'spec.secretRef.name', 'Required value'),
  gitCase('verification without keys', { verify: {} }, 'spec.verify.secretRef', 'Required value'),
  gitCase(
    'an unknown verification mode',
    { verify: { mode: 'tag', secretRef: { name: 'keys' } } },
    'spec.verify.mode',
    'Unsupported value',
  ),
  gitCase(
    'an include without a repository',
    { include: [{ toPath: 'x' }] },
    'spec.include[0].repository',
    'Required value',
  ),
  gitCase(
    'a sparse folder that is no text',
    { sparseCheckout: [1] },
    'spec.sparseCheckout[0]',
    'must be of type string',
  ),
  {
    name: 'no source',
    kind: 'Kustomization',
    spec: without(unit, 'sourceRef'),
    path: 'spec.sourceRef',
    message: 'Required value',
  },
  {
    name: 'no prune',
    kind: 'Kustomization',
    spec: without(unit, 'prune'),
    path: 'spec.prune',
    message: 'Required value',
  },
  unitCase('an interval in days', { interval: '1d' }, 'spec.interval', DURATION),
  unitCase('a retry interval with a sign', { retryInterval: '-1m' }, 'spec.retryInterval', DURATION),
  unitCase('an empty timeout', { timeout: '' }, 'spec.timeout', DURATION),
  unitCase('prune as text', { prune: 'true' }, 'spec.prune', 'must be of type boolean'),
  unitCase(
    'a source of another kind',
    { sourceRef: { kind: 'HelmChart', name: 'x' } },
    'spec.sourceRef.kind',
    'Unsupported value',
  ),
  unitCase('a source without a name', { sourceRef: { kind: 'Bucket' } }, 'spec.sourceRef.name', 'Required value'),
  unitCase('an unknown deletion policy', { deletionPolicy: 'Keep' }, 'spec.deletionPolicy', 'Unsupported value'),
  unitCase(
    'a dependency without a name',
    { dependsOn: [{ namespace: 'a' }] },
    'spec.dependsOn[0].name',
    'Required value',
  ),
  unitCase(
    'another decryption',
    { decryption: { provider: 'vault' } },
    'spec.decryption.provider',
    'Unsupported value',
  ),
  unitCase('an empty prefix', { namePrefix: '' }, 'spec.namePrefix', 'at least 1 chars'),
  unitCase('a suffix that is too long', { nameSuffix: 'x'.repeat(201) }, 'spec.nameSuffix', 'may not be more than 200'),
  unitCase('an empty target namespace', { targetNamespace: '' }, 'spec.targetNamespace', 'at least 1 chars'),
  unitCase(
    'a target namespace that is too long',
    { targetNamespace: 'x'.repeat(64) },
    'spec.targetNamespace',
    'may not be more than 63',
  ),
  unitCase('a patch without a patch', { patches: [{ target: {} }] }, 'spec.patches[0].patch', 'Required value'),
  unitCase('an image without a name', { images: [{ newTag: '1' }] }, 'spec.images[0].name', 'Required value'),
  unitCase(
    'a health check without a kind',
    { healthChecks: [{ name: 'x' }] },
    'spec.healthChecks[0].kind',
    'Required value',
  ),
  unitCase(
    'a dependency of another kind',
    { dependsOn: [{ kind: 'Deployment', name: 'x' }] },
    'spec.dependsOn[0].kind',
    'Unsupported value',
  ),
  unitCase(
    'a health expression without current',
    { healthCheckExprs: [{ apiVersion: 'v1' }] },
    'spec.healthCheckExprs[0].current',
    'Required value',
  ),
  unitCase('an ignore rule without paths', { ignore: [{}] }, 'spec.ignore[0].paths', 'Required value'),
  unitCase('unknown build metadata', { buildMetadata: ['origin'] }, 'spec.buildMetadata[0]', 'Unsupported value'),
  unitCase(
    'variables from another kind',
    { postBuild: { substituteFrom: [{ kind: 'Pod', name: 'x' }] } },
    'spec.postBuild.substituteFrom[0].kind',
    'Unsupported value',
  ),
  unitCase(
    'variables from no name',
    { postBuild: { substituteFrom: [{ kind: 'Secret', name: '' }] } },
    'spec.postBuild.substituteFrom[0].name',
    'at least 1 chars',
  ),
  unitCase(
    'an unknown substitution strategy',
    { postBuild: { substituteStrategy: 'Never' } },
    'spec.postBuild.substituteStrategy',
    'Unsupported value',
  ),
  unitCase(
    'a label that is no text',
    { commonMetadata: { labels: { a: 1 } } },
    'spec.commonMetadata.labels.a',
    'must be of type string',
  ),
  unitCase('an empty kubeconfig', { kubeConfig: {} }, 'spec.kubeConfig', KUBECONFIG_RULE),
  unitCase(
    'two kubeconfigs',
    { kubeConfig: { secretRef: { name: 'a' }, configMapRef: { name: 'b' } } },
    'spec.kubeConfig',
    KUBECONFIG_RULE,
  ),
  ...releaseRefusals,
];

/** Specs that must be accepted, with what reading them back gives once defaults are filled in. */
export interface Acceptance {
  name: string;
  kind: Kind;
  spec: JsonObject;
  filled: JsonObject;
}

const everyGitField: JsonObject = {
  ...git,
  timeout: '1m30s',
  provider: 'azure',
  serviceAccountName: 'git',
  secretRef: { name: 'credentials' },
  proxySecretRef: { name: 'proxy' },
  ref: { branch: 'main', tag: 'v1', semver: '>=1', name: 'refs/heads/main', commit: 'abc' },
  verify: { mode: 'TagAndHEAD', secretRef: { name: 'keys' } },
  ignore: '/*\n!/apps',
  sparseCheckout: ['apps'],
  recurseSubmodules: true,
  include: [{ repository: { name: 'other' }, fromPath: 'a', toPath: 'b' }],
  suspend: true,
};

const everyUnitField: JsonObject = {
  ...unit,
  sourceRef: {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'OCIRepository',
    name: 'shop',
    namespace: 'flux-system',
  },
  path: './apps',
  components: ['../base'],
  ignoreMissingComponents: true,
  targetNamespace: 'shop',
  namePrefix: 'a-',
  nameSuffix: '-b',
  patches: [
    {
      patch: '- op: remove',
      target: {
        group: 'apps',
        version: 'v1',
        kind: 'Deployment',
        name: 'c.*',
        namespace: 'shop',
        labelSelector: 'a=b',
        annotationSelector: 'c=d',
      },
    },
  ],
  images: [{ name: 'cart', newName: 'shop/cart', newTag: '2', digest: 'sha256:00' }],
  commonMetadata: { labels: { team: 'shop' }, annotations: { note: 'x' } },
  buildMetadata: ['originAnnotations', 'transformerAnnotations'],
  postBuild: {
    substitute: { region: 'eu' },
    substituteFrom: [{ kind: 'ConfigMap', name: 'vars', optional: true }],
    substituteStrategy: 'Always',
  },
  decryption: { provider: 'sops', secretRef: { name: 'age' }, serviceAccountName: 'kms' },
  retryInterval: '1h2m3.5s',
  timeout: '500ms',
  suspend: true,
  dependsOn: [{ kind: 'HelmRelease', name: 'infrastructure', namespace: 'flux-system', readyExpr: 'true' }],
  force: true,
  deletionPolicy: 'WaitForTermination',
  ignore: [{ paths: ['/spec/replicas'], target: { kind: 'Deployment' } }],
  serviceAccountName: 'deployer',
  kubeConfig: { secretRef: { name: 'cluster', key: 'value' } },
  wait: true,
  healthChecks: [{ apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', namespace: 'shop' }],
  healthCheckExprs: [{ apiVersion: 'a/v1', kind: 'B', current: 'true', inProgress: 'false', failed: 'false' }],
};

export const acceptances: readonly Acceptance[] = [
  { name: 'the least GitRepository', kind: 'GitRepository', spec: git, filled: { ...git, timeout: '60s' } },
  { name: 'every field of a GitRepository', kind: 'GitRepository', spec: everyGitField, filled: everyGitField },
  {
    name: 'the default verification mode',
    kind: 'GitRepository',
    spec: { ...git, verify: { secretRef: { name: 'keys' } } },
    filled: { ...git, timeout: '60s', verify: { mode: 'HEAD', secretRef: { name: 'keys' } } },
  },
  {
    name: 'a null where a default is',
    kind: 'GitRepository',
    spec: { ...git, timeout: null, ignore: null },
    filled: { ...git, timeout: '60s' },
  },
  { name: 'the least Kustomization', kind: 'Kustomization', spec: unit, filled: { ...unit, force: false } },
  { name: 'every field of a Kustomization', kind: 'Kustomization', spec: everyUnitField, filled: everyUnitField },
  {
    name: 'variables that must be there by default',
    kind: 'Kustomization',
    spec: { ...unit, postBuild: { substituteFrom: [{ kind: 'Secret', name: 'vars' }] } },
    filled: {
      ...unit,
      force: false,
      postBuild: { substituteFrom: [{ kind: 'Secret', name: 'vars', optional: false }] },
    },
  },
  {
    name: 'a kubeconfig from a ConfigMap',
    kind: 'Kustomization',
    spec: { ...unit, kubeConfig: { configMapRef: { name: 'cluster' } } },
    filled: { ...unit, force: false, kubeConfig: { configMapRef: { name: 'cluster' } } },
  },
  ...releaseAcceptances,
];

/** Specs with empty texts, which the API server accepts and keeps, as they are read: `read` is what becomes of the part that is given. */
export interface EmptyTexts {
  name: string;
  kind: Kind;
  given: JsonObject;
  read: JsonObject;
}

export const emptyTexts: readonly EmptyTexts[] = [
  { name: 'an account', kind: 'Kustomization', given: { serviceAccountName: '' }, read: {} },
  {
    name: "a dependency's namespace and expression",
    kind: 'Kustomization',
    given: { dependsOn: [{ name: 'db', namespace: '', readyExpr: '' }] },
    read: { dependsOn: [{ name: 'db' }] },
  },
  {
    name: "a source's namespace and version",
    kind: 'Kustomization',
    given: { sourceRef: { kind: 'GitRepository', name: 'shop', namespace: '', apiVersion: '' } },
    read: { sourceRef: { kind: 'GitRepository', name: 'shop' } },
  },
  {
    name: "a health check's namespace and version",
    kind: 'Kustomization',
    given: { healthChecks: [{ kind: 'Deployment', name: 'cart', namespace: '', apiVersion: '' }] },
    read: { healthChecks: [{ kind: 'Deployment', name: 'cart' }] },
  },
  {
    name: 'an account for decryption',
    kind: 'Kustomization',
    given: { decryption: { provider: 'sops', serviceAccountName: '' } },
    read: { decryption: { provider: 'sops' } },
  },
  {
    name: 'texts that are no field: they stay',
    kind: 'Kustomization',
    given: { postBuild: { substitute: { region: '' } }, components: [''] },
    read: { postBuild: { substitute: { region: '' } }, components: [''] },
  },
  {
    name: 'a required name: it stays',
    kind: 'Kustomization',
    given: { images: [{ name: '', newTag: '' }] },
    read: { images: [{ name: '' }] },
  },
  {
    name: 'a ref, and an ignore that says something',
    kind: 'GitRepository',
    given: { ref: { branch: '', tag: 'v1' }, ignore: '' },
    read: { ref: { tag: 'v1' }, ignore: '' },
  },
  ...releaseEmptyTexts,
];

/** An empty text case as an object to check. */
export function withEmptyTexts({ kind, given }: EmptyTexts): JsonObject {
  return objectOf({ kind, spec: { ...LEAST[kind], ...given } }, 'a');
}

const API_VERSIONS = {
  GitRepository: 'source.toolkit.fluxcd.io/v1',
  Kustomization: 'kustomize.toolkit.fluxcd.io/v1',
  HelmRelease: 'helm.toolkit.fluxcd.io/v2',
} as const;

/** A case as an object to check or send. */
export function objectOf(entry: Pick<Refusal, 'kind' | 'spec'>, name: string): JsonObject {
  const metadata = { name, namespace: 'default' };
  return { apiVersion: API_VERSIONS[entry.kind], kind: entry.kind, metadata, spec: entry.spec };
}
