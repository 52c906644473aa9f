import type { HelmReleaseSpec } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import {
  installOptionsOf,
  maxHistoryOf,
  releaseTimeoutOf,
  rollbackOptionsOf,
  testOptionsOf,
  uninstallOptionsOf,
  upgradeOptionsOf,
} from './options.ts';

const spec = (parts: Partial<HelmReleaseSpec> = {}): HelmReleaseSpec => ({ interval: '1m', ...parts });
const MINUTE = 60_000;

describe('of a spec that says nothing', () => {
  const common = { timeout: 5 * MINUTE, hooks: true, wait: true };
  const release = { ...common, waitForJobs: true, crds: 'Create', validateSchema: true, takeOwnership: true };
  const remediation = { retries: 0, ignoreTestFailures: false, remediateLastFailure: false, retryInterval: null };

  test('installs', () => {
    expect(installOptionsOf(spec())).toEqual({
      ...release,
      createNamespace: false,
      serverSide: true,
      remediation: { ...remediation, strategy: 'uninstall' },
    });
  });

  test('upgrades', () => {
    expect(upgradeOptionsOf(spec())).toEqual({
      ...release,
      force: false,
      preserveValues: false,
      cleanupOnFail: false,
      serverSide: 'auto',
      remediation: { ...remediation, strategy: 'rollback' },
    });
  });

  test('rollbacks, uninstalls, tests and the history', () => {
    const rollback = { ...common, waitForJobs: true, force: false, cleanupOnFail: false, serverSide: 'auto' };
    expect(rollbackOptionsOf(spec())).toEqual(rollback);
    expect(uninstallOptionsOf(spec())).toEqual({ ...common, keepHistory: false, propagation: 'background' });
    expect(testOptionsOf(spec())).toEqual({ enable: false, timeout: 5 * MINUTE, ignoreFailures: false, filters: [] });
    expect(maxHistoryOf(spec())).toBe(5);
  });
});

test('each action has its own timeout, or that of the spec', () => {
  const given = spec({ timeout: '10m', upgrade: { timeout: '90s' }, test: { timeout: '1h' } });
  expect(installOptionsOf(given).timeout).toBe(10 * MINUTE);
  expect(upgradeOptionsOf(given).timeout).toBe(90_000);
  expect(rollbackOptionsOf(given).timeout).toBe(10 * MINUTE);
  expect(uninstallOptionsOf(given).timeout).toBe(10 * MINUTE);
  expect(testOptionsOf(given).timeout).toBe(60 * MINUTE);
});

test.each<[what: string, install: NonNullable<HelmReleaseSpec['install']>, crds: string]>([
  ['nothing', {}, 'Create'],
  ['skipCRDs', { skipCRDs: true }, 'Skip'],
  ['crds', { crds: 'CreateReplace' }, 'CreateReplace'],
  ['both', { crds: 'Create', skipCRDs: true }, 'Create'],
])('definitions of a chart, with %s given', (_what, install, crds) => {
  expect(installOptionsOf(spec({ install })).crds).toBe(crds);
});

test('who does not wait for objects does not wait for Jobs', () => {
  const given = spec({ install: { disableWait: true }, rollback: { disableWaitForJobs: true } });
  expect(installOptionsOf(given)).toMatchObject({ wait: false, waitForJobs: false });
  expect(rollbackOptionsOf(given)).toMatchObject({ wait: true, waitForJobs: false });
});

test('a namespace is created only where one is named', () => {
  const install = { createNamespace: true };
  expect(installOptionsOf(spec({ install })).createNamespace).toBe(false);
  expect(installOptionsOf(spec({ install, targetNamespace: 'apps' })).createNamespace).toBe(true);
});

describe('after a failure', () => {
  test.each<[retries: number, means: number]>([
    [0, 0],
    [3, 3],
    [-1, Infinity],
    [-7, Infinity],
  ])('retries of %i mean %d', (retries, means) => {
    expect(installOptionsOf(spec({ install: { remediation: { retries } } })).remediation.retries).toBe(means);
    expect(upgradeOptionsOf(spec({ upgrade: { remediation: { retries } } })).remediation.retries).toBe(means);
  });

  test.each<[what: string, remediation: object, install: boolean, upgrade: boolean]>([
    ['without retries', {}, false, false],
    ['with retries', { retries: 2 }, false, true],
    ['with retries without end', { retries: -1 }, false, false],
    ['that says so', { remediateLastFailure: true }, true, true],
    ['that says not', { retries: 2, remediateLastFailure: false }, false, false],
  ])('the last one is remedied %s: %#', (_what, remediation, install, upgrade) => {
    expect(installOptionsOf(spec({ install: { remediation } })).remediation.remediateLastFailure).toBe(install);
    expect(upgradeOptionsOf(spec({ upgrade: { remediation } })).remediation.remediateLastFailure).toBe(upgrade);
  });

  test.each<[own: boolean | undefined, tests: boolean | undefined, ignored: boolean]>([
    [undefined, undefined, false],
    [undefined, true, true],
    [false, true, false],
    [true, undefined, true],
  ])('of tests, ignoreTestFailures %s over test.ignoreFailures %s is %s', (own, tests, ignored) => {
    const remediation = own === undefined ? {} : { ignoreTestFailures: own };
    const given = spec({
      install: { remediation },
      upgrade: { remediation },
      ...(tests === undefined ? {} : { test: { ignoreFailures: tests } }),
    });
    expect(installOptionsOf(given).remediation.ignoreTestFailures).toBe(ignored);
    expect(upgradeOptionsOf(given).remediation.ignoreTestFailures).toBe(ignored);
  });

  test('RetryOnFailure tries again every five minutes, or as it says; RemediateOnFailure has no interval', () => {
    const of = (strategy: NonNullable<NonNullable<HelmReleaseSpec['upgrade']>['strategy']>) =>
      upgradeOptionsOf(spec({ upgrade: { strategy } })).remediation.retryInterval;
    expect(of({ name: 'RetryOnFailure' })).toBe(5 * MINUTE);
    expect(of({ name: 'RetryOnFailure', retryInterval: '30s' })).toBe(30_000);
    expect(of({ name: 'RemediateOnFailure' })).toBeNull();
  });
});

test('what is given is taken', () => {
  const given = spec({
    maxHistory: 0,
    install: { disableHooks: true, disableTakeOwnership: true, serverSideApply: false },
    upgrade: {
      disableSchemaValidation: true,
      serverSideApply: 'disabled',
      force: true,
      remediation: { strategy: 'uninstall' },
    },
    uninstall: { deletionPropagation: 'orphan', keepHistory: true, disableWait: true },
    test: { enable: true, filters: [{ name: 'smoke', exclude: true }] },
  });
  expect(installOptionsOf(given)).toMatchObject({
    hooks: false,
    takeOwnership: false,
    serverSide: false,
  });
  expect(upgradeOptionsOf(given)).toMatchObject({
    validateSchema: false,
    serverSide: 'disabled',
    force: true,
    remediation: { strategy: 'uninstall' },
  });
  expect(uninstallOptionsOf(given)).toMatchObject({ propagation: 'orphan', keepHistory: true, wait: false });
  expect(testOptionsOf(given).filters).toEqual([{ name: 'smoke', exclude: true }]);
  expect(maxHistoryOf(given)).toBe(0);
  expect(maxHistoryOf(spec({ maxHistory: -3 }))).toBe(0);
});

test('what has no options of its own may take what the release may', () => {
  expect(releaseTimeoutOf(spec())).toBe(5 * MINUTE);
  expect(releaseTimeoutOf(spec({ timeout: '2m', upgrade: { timeout: '1m' } }))).toBe(2 * MINUTE);
});
