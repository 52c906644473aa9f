import { formatDuration } from '../duration.ts';
import { displayKey, type ObjectKey } from '../object.ts';
import { message } from './message.ts';

type Named = Pick<ObjectKey, 'kind' | 'namespace' | 'name'>;

/** A release with its version, and its chart. */
interface Released {
  /** `namespace/name.v1` */
  release: string;
  /** `name@version` */
  chart: string;
}

type Failed = Released & { error: string };

const RELEASE = 'shop/cart.v3';
const CHART = 'cart@1.4.0';
const RELEASED: Released = { release: RELEASE, chart: CHART };
const SOURCE: Named = { kind: 'HelmChart', namespace: 'shop', name: 'shop-cart' };
const BROKEN = {
  ...RELEASED,
  error: 'Deployment/shop/cart dry-run failed (Invalid): spec.replicas: must be at least 0',
};

/** What is said about a HelmRelease, in Flux's texts (helm-controller, internal/controller and internal/reconcile). */
export const helmReleaseMessages = {
  running: message({
    id: 'helm-running',
    level: 'info',
    reason: 'Progressing',
    channels: ['condition'],
    text: (p: { action: string; timeout: number }) =>
      `Running '${p.action}' action with timeout of ${formatDuration(p.timeout)}`,
    example: { action: 'install', timeout: 300_000 },
  }),
  dependencyNotFound: message({
    id: 'helm-dependency-not-found',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string }) => `unable to get '${p.dependency}' dependency: not found`,
    example: { dependency: 'shop/database' },
  }),
  dependencyNotReady: message({
    id: 'helm-dependency-not-ready',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string }) => `dependency '${p.dependency}' is not ready`,
    example: { dependency: 'shop/database' },
  }),
  dependencyNotReadyByExpression: message({
    id: 'helm-dependency-not-ready-by-expression',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { dependency: string }) => `dependency '${p.dependency}' is not ready according to readyExpr eval`,
    example: { dependency: 'shop/database' },
  }),
  dependencyNotEvaluated: message({
    id: 'helm-dependency-not-evaluated',
    level: 'info',
    reason: 'DependencyNotReady',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: "failed to evaluate the CEL expression 'dep.status.ready == true': no such key: ready" },
  }),
  invalidExpression: message({
    id: 'helm-invalid-expression',
    level: 'error',
    reason: 'InvalidCELExpression',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `Reconciliation failed terminally due to configuration error: ${p.error}`,
    example: { error: 'failed to create custom status evaluator: expression Current not specified' },
  }),
  accessDenied: message({
    id: 'helm-access-denied',
    level: 'error',
    reason: 'AccessDenied',
    channels: ['condition', 'event', 'log'],
    text: (p: { source: Named }) =>
      `can't access '${displayKey(p.source)}', cross-namespace references have been blocked`,
    example: { source: { ...SOURCE, namespace: 'charts' } },
  }),
  gateDisabled: message({
    id: 'helm-gate-disabled',
    level: 'error',
    reason: 'AccessDenied',
    channels: ['condition', 'event', 'log'],
    text: (p: { source: Named }) =>
      `can't access '${displayKey(p.source)}', ExternalArtifact feature gate is disabled (--external-artifacts)`,
    example: { source: { kind: 'ExternalArtifact', namespace: 'shop', name: 'cart' } },
  }),
  sourceNotFound: message({
    id: 'helm-source-not-found',
    level: 'error',
    reason: 'ArtifactFailed',
    channels: ['condition', 'log'],
    text: (p: { source: Named; why: string }) => `could not get Source object: ${displayKey(p.source)} ${p.why}`,
    example: { source: SOURCE, why: 'not found' },
  }),
  sourceNotReady: message({
    id: 'helm-source-not-ready',
    level: 'info',
    reason: 'SourceNotReady',
    channels: ['condition', 'log'],
    text: (p: { source: Named; why: string }) =>
      `${p.source.kind} '${p.source.namespace}/${p.source.name}' is not ready: ${p.why}`,
    example: { source: SOURCE, why: 'does not have an artifact' },
  }),
  artifactNotThere: message({
    id: 'helm-artifact-not-there',
    level: 'info',
    reason: 'ArtifactFailed',
    channels: ['condition', 'log'],
    text: (p: { retry: number }) => `Source not ready: artifact not found. Retrying in ${formatDuration(p.retry)}`,
    example: { retry: 30_000 },
  }),
  chartFailed: message({
    id: 'helm-chart-failed',
    level: 'error',
    reason: 'ArtifactFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `Could not load chart: ${p.error}`,
    example: { error: 'the archive has no Chart.yaml' },
  }),
  valuesFailed: message({
    id: 'helm-values-failed',
    level: 'error',
    reason: 'ValuesError',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: {
      error: "could not resolve Secret chart values reference 'shop/cart-values' with key 'values.yaml': not found",
    },
  }),
  helmChartFailed: message({
    id: 'helm-chart-object-failed',
    level: 'error',
    reason: 'ChartMutateError',
    channels: ['condition', 'event', 'log'],
    text: (p: { chart: string; error: string }) => `could not apply HelmChart '${p.chart}': ${p.error}`,
    example: { chart: 'shop/shop-cart', error: 'the cluster serves no kind HelmChart in source.toolkit.fluxcd.io/v1' },
  }),
  clusterFailed: message({
    id: 'helm-cluster-failed',
    level: 'error',
    reason: 'RESTClientError',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => p.error,
    example: { error: "unable to read KubeConfig secret 'shop/prod' error: not found" },
  }),
  stateFailed: message({
    id: 'helm-state-failed',
    level: 'error',
    reason: 'StateError',
    channels: ['condition', 'event', 'log'],
    text: (p: { error: string }) => `Could not determine release state: ${p.error}`,
    example: { error: 'failed to retrieve last release from storage: secrets is forbidden' },
  }),
  installed: message({
    id: 'helm-installed',
    level: 'info',
    reason: 'InstallSucceeded',
    channels: ['condition', 'event', 'log'],
    text: (p: Released) => `Helm install succeeded for release ${p.release} with chart ${p.chart}`,
    example: RELEASED,
  }),
  installFailed: message({
    id: 'helm-install-failed',
    level: 'error',
    reason: 'InstallFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: Failed) => `Helm install failed for release ${p.release} with chart ${p.chart}: ${p.error}`,
    example: { ...BROKEN, release: 'shop/cart' },
  }),
  upgraded: message({
    id: 'helm-upgraded',
    level: 'info',
    reason: 'UpgradeSucceeded',
    channels: ['condition', 'event', 'log'],
    text: (p: Released) => `Helm upgrade succeeded for release ${p.release} with chart ${p.chart}`,
    example: RELEASED,
  }),
  upgradeFailed: message({
    id: 'helm-upgrade-failed',
    level: 'error',
    reason: 'UpgradeFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: Failed) => `Helm upgrade failed for release ${p.release} with chart ${p.chart}: ${p.error}`,
    example: { ...BROKEN, release: 'shop/cart' },
  }),
  releaseCanceled: message({
    id: 'helm-release-canceled',
    level: 'error',
    reason: 'HealthCheckCanceled',
    channels: ['condition', 'event', 'log'],
    text: (p: Released & { action: string; trigger: string }) =>
      `Helm ${p.action} failed for release ${p.release} with chart ${p.chart}: New reconciliation triggered by ${p.trigger}`,
    example: { release: 'shop/cart', chart: CHART, action: 'upgrade', trigger: 'HelmChart/shop/shop-cart' },
  }),
  healthCanceled: message({
    id: 'helm-health-canceled',
    level: 'info',
    reason: 'HealthCheckCanceled',
    channels: ['event', 'log'],
    text: (p: { trigger: string }) => `Health checks canceled due to new reconciliation triggered by ${p.trigger}`,
    example: { trigger: 'HelmChart/shop/shop-cart' },
  }),
  awaitingTests: message({
    id: 'helm-awaiting-tests',
    level: 'info',
    reason: 'AwaitingTests',
    channels: ['condition'],
    text: (p: Released) => `Helm release ${p.release} with chart ${p.chart} is awaiting tests`,
    example: RELEASED,
  }),
  tested: message({
    id: 'helm-tested',
    level: 'info',
    reason: 'TestSucceeded',
    channels: ['condition', 'event', 'log'],
    text: (p: Released & { tests: number }) =>
      `Helm test succeeded for release ${p.release} with chart ${p.chart}: ${completed(p.tests)}`,
    example: { ...RELEASED, tests: 2 },
  }),
  testFailed: message({
    id: 'helm-test-failed',
    level: 'error',
    reason: 'TestFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: Failed) => `Helm test failed for release ${p.release} with chart ${p.chart}: ${p.error}`,
    example: { ...RELEASED, error: 'Pod/shop/cart-test-connection failed' },
  }),
  rolledBack: message({
    id: 'helm-rolled-back',
    level: 'info',
    reason: 'RollbackSucceeded',
    channels: ['condition', 'event', 'log'],
    text: (p: Released) => `Helm rollback to previous release ${p.release} with chart ${p.chart} succeeded`,
    example: RELEASED,
  }),
  rollbackFailed: message({
    id: 'helm-rollback-failed',
    level: 'error',
    reason: 'RollbackFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: Failed) => `Helm rollback to previous release ${p.release} with chart ${p.chart} failed: ${p.error}`,
    example: BROKEN,
  }),
  uninstalled: message({
    id: 'helm-uninstalled',
    level: 'info',
    reason: 'UninstallSucceeded',
    channels: ['condition', 'event', 'log'],
    text: (p: Released) => `Helm uninstall succeeded for release ${p.release} with chart ${p.chart}`,
    example: RELEASED,
  }),
  notThere: message({
    id: 'helm-release-not-there',
    level: 'info',
    reason: 'UninstallSucceeded',
    channels: ['condition'],
    text: (p: { release: string }) => `Release ${p.release} was not found, assuming it is uninstalled`,
    example: { release: RELEASE },
  }),
  uninstallFailed: message({
    id: 'helm-uninstall-failed',
    level: 'error',
    reason: 'UninstallFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: Failed) => `Helm uninstall failed for release ${p.release} with chart ${p.chart}: ${p.error}`,
    example: { ...RELEASED, error: 'Deployment/shop/cart delete failed: forbidden' },
  }),
  rollbackCanceled: message({
    id: 'helm-rollback-canceled',
    level: 'error',
    reason: 'HealthCheckCanceled',
    channels: ['condition', 'event', 'log'],
    text: (p: Released & { trigger: string }) =>
      `Helm rollback to previous release ${p.release} with chart ${p.chart} failed: New reconciliation triggered by ${p.trigger}`,
    example: { ...RELEASED, trigger: 'HelmChart/shop/shop-cart' },
  }),
  removed: message({
    id: 'helm-uninstall-remediated',
    level: 'info',
    reason: 'UninstallSucceeded',
    channels: ['condition', 'event', 'log'],
    text: (p: Released) => `Helm uninstall remediation for release ${p.release} with chart ${p.chart} succeeded`,
    example: RELEASED,
  }),
  removeFailed: message({
    id: 'helm-uninstall-remediation-failed',
    level: 'error',
    reason: 'UninstallFailed',
    channels: ['condition', 'event', 'log'],
    text: (p: Failed) => `Helm uninstall remediation for release ${p.release} with chart ${p.chart} failed: ${p.error}`,
    example: { ...RELEASED, error: 'Deployment/shop/cart delete failed: forbidden' },
  }),
  unlocked: message({
    id: 'helm-unlocked',
    level: 'info',
    reason: 'PendingRelease',
    channels: ['condition', 'event', 'log'],
    text: (p: Released & { status: string }) =>
      `Unlocked Helm release ${p.release} with chart ${p.chart} in ${p.status} state`,
    example: { ...RELEASED, status: 'pending-upgrade' },
  }),
  unlockFailed: message({
    id: 'helm-unlock-failed',
    level: 'error',
    reason: 'PendingRelease',
    channels: ['condition', 'event', 'log'],
    text: (p: Failed & { status: string }) =>
      `Unlock of Helm release ${p.release} with chart ${p.chart} in ${p.status} state failed: ${p.error}`,
    example: { ...RELEASED, status: 'pending-upgrade', error: 'secrets "sh.helm.release.v1.cart.v3" is forbidden' },
  }),
  drifted: message({
    id: 'helm-drifted',
    level: 'error',
    reason: 'DriftDetected',
    channels: ['condition', 'event', 'log'],
    text: (p: { release: string; changes: readonly string[] }) =>
      `Cluster state of release ${p.release} has drifted from the desired state:\n${p.changes.join('\n')}`,
    example: { release: RELEASE, changes: ['Deployment/shop/cart changed (.spec.replicas)'] },
  }),
  corrected: message({
    id: 'helm-drift-corrected',
    level: 'info',
    reason: 'DriftCorrected',
    channels: ['event', 'log'],
    text: (p: { release: string; changes: readonly string[] }) =>
      `Cluster state of release ${p.release} has been corrected:\n${p.changes.join('\n')}`,
    example: { release: RELEASE, changes: ['Deployment/shop/cart configured'] },
  }),
  correctionFailed: message({
    id: 'helm-drift-correction-failed',
    level: 'error',
    reason: 'DriftCorrectionFailed',
    channels: ['event', 'log'],
    text: (p: { release: string; error: string; done: readonly string[] }) => {
      const partly = p.done.length === 0 ? '' : 'partially ';
      const done = p.done.length === 0 ? '' : `\n\nSuccessful corrections:\n${p.done.join('\n')}`;
      return `Failed to ${partly}correct cluster state of release ${p.release}:\n${p.error}${done}`;
    },
    example: {
      release: RELEASE,
      error: 'Deployment/shop/cart apply failed (Forbidden)',
      done: ['ConfigMap/shop/cart configured'],
    },
  }),
  noDrift: message({
    id: 'helm-no-drift',
    level: 'info',
    reason: 'NoDriftDetected',
    channels: ['condition'],
    text: (p: { release: string }) => `No drift detected for release ${p.release}`,
    example: { release: RELEASE },
  }),
  retriesExceeded: message({
    id: 'helm-retries-exceeded',
    level: 'error',
    reason: 'RetriesExceeded',
    channels: ['condition', 'event', 'log'],
    text: (p: { action: string; attempts: number }) => `Failed to ${p.action} after ${p.attempts} attempt(s)`,
    example: { action: 'upgrade', attempts: 3 },
  }),
  missingTarget: message({
    id: 'helm-missing-rollback-target',
    level: 'error',
    reason: 'MissingRollbackTarget',
    channels: ['condition', 'event', 'log'],
    text: () => 'Failed to perform remediation: missing target release for rollback: cannot remediate failed release',
    example: {},
  }),
} as const;

function completed(tests: number): string {
  if (tests === 0) return 'no test hooks';
  return tests === 1 ? '1 test hook completed successfully' : `${tests} test hooks completed successfully`;
}
