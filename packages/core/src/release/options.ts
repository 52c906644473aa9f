import { parseDuration } from '@plumb/api';
import type { CrdPolicy, HelmReleaseSpec } from '@plumb/api';

// Defaults of helm-controller (api/v2/helmrelease_types.go, internal/action). Times are milliseconds.

const DEFAULT_TIMEOUT = 5 * 60_000;
const DEFAULT_RETRY_INTERVAL = 5 * 60_000;
const DEFAULT_MAX_HISTORY = 5;

/** What follows a failure. */
export interface RemediationOptions {
  /** Tries after a failed one; Infinity for -1. */
  readonly retries: number;
  readonly ignoreTestFailures: boolean;
  /** Whether the failure that leaves no retry is remedied too. */
  readonly remediateLastFailure: boolean;
  readonly strategy: 'rollback' | 'uninstall';
  /** Time between tries under RetryOnFailure, which remedies nothing and never gives up; null under RemediateOnFailure. */
  readonly retryInterval: number | null;
}

interface ActionOptions {
  /** For each step of the action. */
  readonly timeout: number;
  readonly hooks: boolean;
  /** Wait until the objects are ready, or gone. */
  readonly wait: boolean;
}

interface ReleaseOptions extends ActionOptions {
  readonly waitForJobs: boolean;
  readonly crds: CrdPolicy;
  readonly validateSchema: boolean;
  readonly takeOwnership: boolean;
  readonly remediation: RemediationOptions;
}

export interface InstallOptions extends ReleaseOptions {
  readonly createNamespace: boolean;
  readonly serverSide: boolean;
}

/** `auto` keeps what the release used before. */
export type ServerSide = 'enabled' | 'disabled' | 'auto';

export interface UpgradeOptions extends ReleaseOptions {
  readonly force: boolean;
  readonly preserveValues: boolean;
  readonly cleanupOnFail: boolean;
  readonly serverSide: ServerSide;
}

export interface RollbackOptions extends ActionOptions {
  readonly waitForJobs: boolean;
  readonly force: boolean;
  readonly cleanupOnFail: boolean;
  readonly serverSide: ServerSide;
}

export interface UninstallOptions extends ActionOptions {
  readonly keepHistory: boolean;
  readonly propagation: 'background' | 'foreground' | 'orphan';
}

export interface TestOptions {
  readonly enable: boolean;
  /** For each test. */
  readonly timeout: number;
  readonly ignoreFailures: boolean;
  readonly filters: readonly { readonly name: string; readonly exclude?: boolean }[];
}

/** spec.install. A namespace is created only where targetNamespace names one, as in Flux. */
export function installOptionsOf(spec: HelmReleaseSpec): InstallOptions {
  const given = spec.install ?? {};
  const { retries = 0, ignoreTestFailures, remediateLastFailure = false } = given.remediation ?? {};
  return {
    ...releaseOptions(spec, given),
    crds: given.crds ?? (given.skipCRDs === true ? 'Skip' : 'Create'),
    createNamespace: given.createNamespace === true && spec.targetNamespace !== undefined,
    serverSide: given.serverSideApply ?? true,
    remediation: {
      retries: triesOf(retries),
      ignoreTestFailures: ignoreTestFailures ?? ignoresFailures(spec),
      remediateLastFailure,
      strategy: 'uninstall',
      retryInterval: retryIntervalOf(given.strategy),
    },
  };
}

/** spec.upgrade. `crds` defaults to Create, as helm-controller does, though its API page says Skip. */
export function upgradeOptionsOf(spec: HelmReleaseSpec): UpgradeOptions {
  const given = spec.upgrade ?? {};
  const { retries = 0, ignoreTestFailures, remediateLastFailure, strategy = 'rollback' } = given.remediation ?? {};
  return {
    ...releaseOptions(spec, given),
    force: given.force ?? false,
    preserveValues: given.preserveValues ?? false,
    cleanupOnFail: given.cleanupOnFail ?? false,
    serverSide: given.serverSideApply ?? 'auto',
    remediation: {
      retries: triesOf(retries),
      ignoreTestFailures: ignoreTestFailures ?? ignoresFailures(spec),
      remediateLastFailure: remediateLastFailure ?? retries > 0,
      strategy,
      retryInterval: retryIntervalOf(given.strategy),
    },
  };
}

export function rollbackOptionsOf(spec: HelmReleaseSpec): RollbackOptions {
  const given = spec.rollback ?? {};
  return {
    ...actionOptions(spec, given),
    waitForJobs: waitsForJobs(given),
    force: given.force ?? false,
    cleanupOnFail: given.cleanupOnFail ?? false,
    serverSide: given.serverSideApply ?? 'auto',
  };
}

export function uninstallOptionsOf(spec: HelmReleaseSpec): UninstallOptions {
  const given = spec.uninstall ?? {};
  return {
    ...actionOptions(spec, given),
    keepHistory: given.keepHistory ?? false,
    propagation: given.deletionPropagation ?? 'background',
  };
}

export function testOptionsOf(spec: HelmReleaseSpec): TestOptions {
  const { enable = false, ignoreFailures = false, filters = [], timeout } = spec.test ?? {};
  return { enable, timeout: timeoutOf(spec, timeout), ignoreFailures, filters };
}

/** For each step of what has no options of its own: unlocking, putting drift right. */
export function releaseTimeoutOf(spec: HelmReleaseSpec): number {
  return timeoutOf(spec, undefined);
}

/** Records of the release to keep; 0 keeps all. */
export function maxHistoryOf(spec: HelmReleaseSpec): number {
  return Math.max(spec.maxHistory ?? DEFAULT_MAX_HISTORY, 0);
}

interface GivenAction {
  timeout?: string;
  disableHooks?: boolean;
  disableWait?: boolean;
}

interface GivenRelease extends GivenAction {
  crds?: CrdPolicy;
  disableSchemaValidation?: boolean;
  disableTakeOwnership?: boolean;
  disableWaitForJobs?: boolean;
}

function actionOptions(spec: HelmReleaseSpec, given: GivenAction): ActionOptions {
  return {
    timeout: timeoutOf(spec, given.timeout),
    hooks: given.disableHooks !== true,
    wait: given.disableWait !== true,
  };
}

function releaseOptions(spec: HelmReleaseSpec, given: GivenRelease): Omit<ReleaseOptions, 'remediation'> {
  return {
    ...actionOptions(spec, given),
    waitForJobs: waitsForJobs(given),
    crds: given.crds ?? 'Create',
    validateSchema: given.disableSchemaValidation !== true,
    takeOwnership: given.disableTakeOwnership !== true,
  };
}

function waitsForJobs(given: { disableWait?: boolean; disableWaitForJobs?: boolean }): boolean {
  return given.disableWait !== true && given.disableWaitForJobs !== true;
}

function timeoutOf(spec: HelmReleaseSpec, own: string | undefined): number {
  const given = own ?? spec.timeout;
  return given === undefined ? DEFAULT_TIMEOUT : parseDuration(given);
}

function triesOf(retries: number): number {
  return retries < 0 ? Infinity : retries;
}

function ignoresFailures(spec: HelmReleaseSpec): boolean {
  return spec.test?.ignoreFailures ?? false;
}

function retryIntervalOf(strategy: { name: string; retryInterval?: string } | undefined): number | null {
  if (strategy?.name !== 'RetryOnFailure') return null;
  return strategy.retryInterval === undefined ? DEFAULT_RETRY_INTERVAL : parseDuration(strategy.retryInterval);
}
