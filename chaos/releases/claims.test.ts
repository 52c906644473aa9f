import { expect, test } from 'vitest';
import type { Told, Truth } from './claims.ts';
import { claimProblems } from './claims.ts';
import type { TroubleName } from './model.ts';

function event(reason: string, message: string, count = 1): Told {
  return { reason, message, count, involvedObject: { name: 'alder' } };
}

function truth(parts: { deeds?: Record<string, number>; drifts?: number; suffered?: TroubleName[] } = {}): Truth {
  const { deeds = {}, drifts = 0, suffered = [] } = parts;
  return {
    deeds: new Map(Object.entries(deeds)),
    driftsOf: (id) => (id === '/ConfigMap/shop/alder-settings' ? drifts : 0),
    suffered: new Map([['alder', new Set(suffered)]]),
  };
}

const UPGRADED = 'Helm upgrade succeeded for release shop/alder.v2 with chart shop@1.2.0';
const ROLLED_BACK = 'Helm rollback to previous release shop/alder.v1 with chart shop@1.1.0 succeeded';
const FAILED = 'Helm upgrade failed for release shop/alder with chart shop@1.2.0: ';
const DRIFTED =
  'Cluster state of release shop/alder.v2 has drifted from the desired state:\nConfigMap/shop/alder-settings removed';
const CORRECTED =
  'Cluster state of release shop/alder.v2 has been corrected:\nConfigMap/shop/alder-settings configured (.data by chaos)';

test.each<[what: string, event: Told, truth: Truth]>([
  ['an upgrade', event('UpgradeSucceeded', UPGRADED), truth({ deeds: { 'upgrade shop/alder.v2': 1 } })],
  ['a rollback', event('RollbackSucceeded', ROLLED_BACK), truth({ deeds: { 'rollback shop/alder.v1': 1 } })],
  ['a correction', event('DriftCorrected', CORRECTED), truth({ drifts: 1 })],
  ['a drift', event('DriftDetected', DRIFTED), truth({ drifts: 1 })],
  [
    'its trouble',
    event('UpgradeFailed', `${FAILED}hook Job/shop/alder-pre failed: Job has reached`),
    truth({ suffered: ['hook-fails'] }),
  ],
  ['what was cut short', event('HealthCheckCanceled', `${FAILED}New reconciliation triggered by A/b/c`), truth()],
  ['why', event('HealthCheckCanceled', 'Health checks canceled due to new reconciliation triggered by A/b/c'), truth()],
  ['an engine that was killed', event('ValuesError', 'the helper ended (SIGKILL)'), truth()],
  ['that it was given up', event('RetriesExceeded', 'Failed to upgrade'), truth({ suffered: ['broken'] })],
])('an event may tell of %s', (_what, told, really) => {
  expect(claimProblems([told], really)).toEqual([]);
});

test.each<[what: string, event: Told, truth: Truth, problem: string]>([
  [
    'an upgrade that never was',
    event('UpgradeSucceeded', UPGRADED),
    truth({ deeds: { 'upgrade shop/alder.v1': 1 } }),
    'events tell of upgrade shop/alder.v2 1 times, and it happened 0 times',
  ],
  [
    'more upgrades than were',
    event('UpgradeSucceeded', UPGRADED, 3),
    truth({ deeds: { 'upgrade shop/alder.v2': 2 } }),
    'events tell of upgrade shop/alder.v2 3 times, and it happened 2 times',
  ],
  [
    'more corrections than drifts',
    event('DriftCorrected', CORRECTED, 2),
    truth({ drifts: 1 }),
    'events tell of correction of /ConfigMap/shop/alder-settings 2 times, and it happened 1 times',
  ],
  [
    'a drift that never was',
    event('DriftDetected', DRIFTED),
    truth(),
    'events tell of drift of /ConfigMap/shop/alder-settings 1 times, and it happened 0 times',
  ],
  [
    'a trouble that it never had',
    event('UpgradeFailed', `${FAILED}ConfigMap/shop/alder-refused is invalid`),
    truth({ suffered: ['broken'] }),
    'an event of alder says without cause: UpgradeFailed: ',
  ],
  [
    'a failure that nothing explains',
    event('UpgradeFailed', `${FAILED}no reason`),
    truth({ suffered: ['broken', 'refused'] }),
    'an event of alder says without cause: UpgradeFailed: ',
  ],
  [
    'others who made it',
    event('ReleaseAdopted', 'taken over as it is'),
    truth({ suffered: ['broken'] }),
    'an event of alder says without cause: ReleaseAdopted: ',
  ],
  [
    'that it was given up without a trouble',
    event('RetriesExceeded', 'Failed'),
    truth(),
    'an event of alder says without cause: ',
  ],
])('no event may tell of %s', (_what, told, really, problem) => {
  const found = claimProblems([told], really);
  expect(found).toHaveLength(1);
  expect(found[0]).toContain(problem);
});
