import { displayKey, type ObjectKey } from '../object.ts';
import { formatDuration } from '../duration.ts';
import { message } from './message.ts';

const REVISION = 'main@sha1:5c1dbd1c6a6c4a2a5ba0a4f2e5d1d6f5b6c7d8e9';
const CART = { kind: 'Deployment', namespace: 'shop', name: 'cart' };

type Named = Pick<ObjectKey, 'kind' | 'namespace' | 'name'>;

/** What happened to an object, in Flux's words. */
export type ChangeAction = 'created' | 'configured' | 'unchanged' | 'deleted' | 'skipped';

interface Progress {
  revision: string;
  /** Milliseconds. */
  timeout: number;
}

interface Reference {
  kind: string;
  namespace?: string | undefined;
  name: string;
}

const PROGRESS: Progress = { revision: REVISION, timeout: 90_000 };

function during(step: string): (p: Progress) => string {
  return (p) => `${step} for revision ${p.revision} with a timeout of ${formatDuration(p.timeout)}`;
}

/** As spec.sourceRef has it: the namespace only where it is given. */
function reference(ref: Reference): string {
  return displayKey({ kind: ref.kind, namespace: ref.namespace ?? '', name: ref.name });
}

function healthPassed({ took }: { took: number }): string {
  return `Health check passed in ${formatDuration(took)}`;
}

/** What is said about a Kustomization, in Flux's texts (kustomize-controller, kustomization_controller.go). */
export const kustomizationMessages = {
  reconciling: message({
    id: 'kustomization-reconciling',
    level: 'info',
    reason: 'Progressing',
    channels: ['condition'],
    text: () => 'Reconciliation in progress',
    example: {},
  }),
  detecting: message({
    id: 'kustomization-detecting-drift',
    level: 'info',
    reason: 'Progressing',
    channels: ['condition'],
    text: during('Detecting drift'),
    example: PROGRESS,
  }),
  checkingHealth: message({
    id: 'kustomization-checking-health',
    level: 'info',
    reason: 'Progressing',
    channels: ['condition'],
    text: during('Running health checks'),
    example: PROGRESS,
  }),
  changed: message({
    id: 'kustomization-changed',
    level: 'info',
    reason: 'Progressing',
    channels: ['event', 'log'],
    text: (p: { changes: readonly { object: Named; action: ChangeAction }[] }) =>
      p.changes.map(({ object, action }) => `${displayKey(object)} ${action}`).join('\n'),
    example: {
      changes: [
        { object: { kind: 'Namespace', namespace: '', name: 'shop' }, action: 'created' },
        { object: CART, action: 'configured' },
      ],
    },
  }),
  healthPassed: message({
    id: 'kustomization-health-passed',
    level: 'info',
    reason: 'Succeeded',
    channels: ['condition'],
    text: healthPassed,
    example: { took: 5_012 },
  }),
  recovered: message({
    id: 'kustomization-recovered',
    level: 'info',
    reason: 'Progressing',
    channels: ['event', 'log'],
    text: healthPassed,
    example: { took: 5_012 },
  }),
  applied: message({
    id: 'kustomization-applied',
    level: 'info',
    reason: 'ReconciliationSucceeded',
    channels: ['condition'],
    text: (p: { revision: string }) => `Applied revision: ${p.revision}`,
    example: { revision: REVISION },
  }),
  finished: message({
    id: 'kustomization-finished',
    level: 'info',
    reason: 'ReconciliationSucceeded',
    channels: ['event', 'log'],
    text: (p: { took: number; next: number }) =>
      `Reconciliation finished in ${formatDuration(p.took)}, next run in ${formatDuration(p.next)}`,
    example: { took: 312, next: 600_000 },
  }),
  sourceNotFound: message({
    id: 'kustomization-source-not-found',
    level: 'error',
    reason: 'ArtifactFailed',
    channels: ['condition', 'log'],
    text: (p: { source: Reference }) => `Source '${reference(p.source)}' not found`,
    example: { source: { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' } },
  }),
  sourceUnknown: message({
    id: 'kustomization-source-unknown',
    level: 'error',
    reason: 'ArtifactFailed',
    channels: ['condition', 'log'],
    text: (p: { source: string; error: string }) => `unable to get source '${p.source}': ${p.error}`,
    example: { source: 'flux-system/shop', error: 'no answer yet' },
  }),
  artifactMissing: message({
    id: 'kustomization-artifact-missing',
    level: 'info',
    reason: 'ArtifactFailed',
    channels: ['condition', 'log'],
    text: (p: { retry: number }) => `Source artifact not found, retrying in ${formatDuration(p.retry)}`,
    example: { retry: 30_000 },
  }),
  artifactNotThere: message({
    id: 'kustomization-artifact-not-there',
    level: 'info',
    reason: 'ArtifactFailed',
    channels: ['condition', 'log'],
    text: (p: { retry: number }) => `Source is not ready, artifact not found, retrying in ${formatDuration(p.retry)}`,
    example: { retry: 30_000 },
  }),
  artifactFailed: message({
    id: 'kustomization-artifact-failed',
    level: 'error',
    reason: 'ArtifactFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: 'artifact has digest sha256:1f3a, not sha256:9b2c' },
  }),
  accessDenied: message({
    id: 'kustomization-access-denied',
    level: 'error',
    reason: 'AccessDenied',
    channels: ['condition', 'event', 'log'],
    text: (p: { source: Named }) =>
      `can't access '${displayKey(p.source)}', cross-namespace references have been blocked`,
    example: { source: { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' } },
  }),
  gateDisabled: message({
    id: 'kustomization-gate-disabled',
    level: 'error',
    reason: 'AccessDenied',
    channels: ['condition', 'event', 'log'],
    text: (p: { source: Named }) =>
      `can't access '${displayKey(p.source)}', ExternalArtifact feature gate is disabled (--external-artifacts)`,
    example: { source: { kind: 'ExternalArtifact', namespace: 'flux-system', name: 'shop' } },
  }),
  dependencyNotFound: message({
    id: 'kustomization-dependency-not-found',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string }) => `dependency '${p.dependency}' not found`,
    example: { dependency: 'shop/infrastructure' },
  }),
  dependencyNotReady: message({
    id: 'kustomization-dependency-not-ready',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string }) => `dependency '${p.dependency}' is not ready`,
    example: { dependency: 'shop/infrastructure' },
  }),
  dependencyOutdated: message({
    id: 'kustomization-dependency-outdated',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string }) => `dependency '${p.dependency}' revision is not up to date`,
    example: { dependency: 'shop/infrastructure' },
  }),
  dependencyNotReadyByExpression: message({
    id: 'kustomization-dependency-not-ready-by-expression',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string }) => `dependency '${p.dependency}' is not ready according to readyExpr eval`,
    example: { dependency: 'shop/infrastructure' },
  }),
  dependencyNotEvaluated: message({
    id: 'kustomization-dependency-not-evaluated',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: "failed to evaluate the CEL expression 'dep.status.ready == true': no such key: ready" },
  }),
  invalidExpression: message({
    id: 'kustomization-invalid-expression',
    level: 'error',
    reason: 'InvalidCELExpression',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `Reconciliation failed terminally due to configuration error: ${p.error}`,
    example: {
      error: 'failed to create custom status evaluator for healthchecks[0]: expression Current not specified',
    },
  }),
  buildFailed: message({
    id: 'kustomization-build-failed',
    level: 'error',
    reason: 'BuildFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: 'apps/cart.yaml: line 7: mapping key "name" already defined' },
  }),
  applyFailed: message({
    id: 'kustomization-apply-failed',
    level: 'error',
    reason: 'ReconciliationFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: 'Deployment/shop/cart dry-run failed (Invalid): spec.replicas: must be at least 0' },
  }),
  pruneFailed: message({
    id: 'kustomization-prune-failed',
    level: 'error',
    reason: 'PruneFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: 'Deployment/shop/cart delete failed: forbidden' },
  }),
  unhealthy: message({
    id: 'kustomization-unhealthy',
    level: 'error',
    reason: 'HealthCheckFailed',
    channels: ['condition'],
    text: (p: { error: string }) => p.error,
    example: { error: "failed early due to stalled resources: [Deployment/shop/cart status: 'Failed']" },
  }),
  healthFailed: message({
    id: 'kustomization-health-failed',
    level: 'error',
    reason: 'HealthCheckFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { took: number; error: string }) => `health check failed after ${formatDuration(p.took)}: ${p.error}`,
    example: { took: 60_000, error: "timeout waiting for: [Deployment/shop/cart status: 'InProgress']" },
  }),
  healthCanceled: message({
    id: 'kustomization-health-canceled',
    level: 'info',
    reason: 'HealthCheckCanceled',
    channels: ['event', 'log'],
    text: (p: { trigger: Named }) =>
      `Health checks canceled due to new reconciliation triggered by ${displayKey(p.trigger)}`,
    example: { trigger: { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' } },
  }),
  deletionPruneFailed: message({
    id: 'kustomization-deletion-prune-failed',
    level: 'error',
    reason: 'PruneFailed',
    channels: ['event', 'log'],
    text: () => 'pruning for deleted resource failed',
    example: {},
  }),
  terminationTimeout: message({
    id: 'kustomization-termination-timeout',
    level: 'error',
    reason: 'PruneFailed',
    channels: ['event', 'log'],
    text: () => 'failed to wait for resources termination',
    example: {},
  }),
  accountGone: message({
    id: 'kustomization-account-gone',
    level: 'error',
    reason: 'PruneFailed',
    channels: ['event', 'log'],
    text: (p: { objects: readonly Named[] }) =>
      `unable to prune objects: \n${p.objects.map((object) => displayKey(object)).join('\n')}`,
    example: { objects: [CART] },
  }),
} as const;
