import type { KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { Health } from '../health.ts';
import { healthOf } from './health-of.ts';

/** Every kind with a rule of its own, and one without, at rest and (where it can be) on its way. */
interface Kind {
  kind: string;
  apiVersion: string;
  spec?: Record<string, unknown>;
  settled: Record<string, unknown>;
  pending?: Record<string, unknown>;
  /** What the kind says of itself when neither generation nor condition decides. */
  says: { settled: Health; pending?: Health };
}

const met = (type: string, status: string, reason = ''): Record<string, string> => ({
  type,
  status,
  reason,
  message: `${type} ${status}`,
});
const current = (message: string): Health => ({ status: 'Current', message });
const waits = (message: string): Health => ({ status: 'InProgress', message });
const ready = current('Resource is always ready');

const kinds: readonly Kind[] = [
  {
    kind: 'Deployment',
    apiVersion: 'apps/v1',
    spec: { replicas: 2, progressDeadlineSeconds: 600 },
    settled: {
      replicas: 2,
      updatedReplicas: 2,
      availableReplicas: 2,
      readyReplicas: 2,
      conditions: [met('Progressing', 'True', 'NewReplicaSetAvailable'), met('Available', 'True')],
    },
    pending: { replicas: 2, updatedReplicas: 1, conditions: [met('Progressing', 'True', 'ReplicaSetUpdated')] },
    says: { settled: current('Deployment is available. Replicas: 2'), pending: waits('Updated: 1/2') },
  },
  {
    kind: 'StatefulSet',
    apiVersion: 'apps/v1',
    spec: { replicas: 2 },
    settled: {
      replicas: 2,
      readyReplicas: 2,
      currentReplicas: 2,
      updatedReplicas: 2,
      currentRevision: 'a',
      updateRevision: 'a',
    },
    pending: { replicas: 2, readyReplicas: 1 },
    says: { settled: current('All replicas scheduled as expected. Replicas: 2'), pending: waits('Ready: 1/2') },
  },
  {
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    spec: { replicas: 1 },
    settled: { replicas: 1, fullyLabeledReplicas: 1, availableReplicas: 1, readyReplicas: 1 },
    pending: { replicas: 1, fullyLabeledReplicas: 1 },
    says: { settled: current('ReplicaSet is available. Replicas: 1'), pending: waits('Available: 0/1') },
  },
  {
    kind: 'DaemonSet',
    apiVersion: 'apps/v1',
    settled: {
      desiredNumberScheduled: 1,
      currentNumberScheduled: 1,
      updatedNumberScheduled: 1,
      numberAvailable: 1,
      numberReady: 1,
    },
    pending: { desiredNumberScheduled: 1, currentNumberScheduled: 1 },
    says: { settled: current('All replicas scheduled as expected. Replicas: 1'), pending: waits('Updated: 0/1') },
  },
  {
    kind: 'Pod',
    apiVersion: 'v1',
    settled: { phase: 'Running', conditions: [met('Ready', 'True')] },
    pending: { phase: 'Running', conditions: [met('Ready', 'False')] },
    says: { settled: current('Pod is Ready'), pending: waits('Pod is running but is not Ready') },
  },
  {
    kind: 'Job',
    apiVersion: 'batch/v1',
    settled: { succeeded: 1, conditions: [met('Complete', 'True')] },
    pending: { active: 1 },
    says: { settled: current('Job Completed. succeeded: 1/1'), pending: waits('Job in progress') },
  },
  {
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    settled: { phase: 'Bound' },
    pending: { phase: 'Pending' },
    says: { settled: current('PVC is Bound'), pending: waits('PVC is not Bound. phase: Pending') },
  },
  {
    kind: 'CustomResourceDefinition',
    apiVersion: 'apiextensions.k8s.io/v1',
    settled: { conditions: [met('NamesAccepted', 'True'), met('Established', 'True')] },
    pending: { conditions: [met('NamesAccepted', 'True'), met('Established', 'False', 'Installing')] },
    says: { settled: current('CRD is established'), pending: waits('Install in progress') },
  },
  {
    kind: 'PodDisruptionBudget',
    apiVersion: 'policy/v1',
    settled: {},
    says: { settled: current('AllowedDisruptions has been computed.') },
  },
  { kind: 'Service', apiVersion: 'v1', settled: {}, says: { settled: current('Service is ready') } },
  { kind: 'ConfigMap', apiVersion: 'v1', settled: {}, says: { settled: ready } },
  { kind: 'Secret', apiVersion: 'v1', settled: {}, says: { settled: ready } },
  { kind: 'CronJob', apiVersion: 'batch/v1', settled: {}, says: { settled: ready } },
  {
    kind: 'Kustomization',
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    settled: { conditions: [met('Ready', 'True')] },
    pending: { conditions: [met('Ready', 'False')] },
    says: { settled: current('Resource is Ready'), pending: waits('Ready False') },
  },
  { kind: 'Widget', apiVersion: 'example.dev/v1', settled: {}, says: { settled: current('Resource is current') } },
];

const generations = [undefined, 1, 2, 3] as const;
const observations = [undefined, -1, 0, 1, 2, 3, 2n] as const;
const signs: readonly (readonly [
  what: string,
  conditions: readonly Record<string, string>[],
  health: Health | null,
])[] = [
  ['no sign', [], null],
  ['Reconciling False', [met('Reconciling', 'False')], null],
  ['Stalled False', [met('Stalled', 'False')], null],
  ['Stalled Unknown', [met('Stalled', 'Unknown')], null],
  ['Reconciling', [met('Reconciling', 'True')], waits('Reconciling True')],
  ['Stalled', [met('Stalled', 'True')], { status: 'Failed', message: 'Stalled True' }],
  [
    'Stalled, not Reconciling',
    [met('Reconciling', 'False'), met('Stalled', 'True')],
    { status: 'Failed', message: 'Stalled True' },
  ],
];
const phases = ['settled', 'pending'] as const;

function objectOf({ kind, apiVersion, spec }: Kind, status: unknown, metadata: Record<string, unknown>): KubeObject {
  return { apiVersion, kind, metadata: { name: 'x', namespace: 'shop', ...metadata }, spec: spec ?? {}, status };
}

/** The one rule of a kind that asks for generations: a DaemonSet without them is never done. */
function missing(kind: string, generation: number | undefined, observed: number | bigint | undefined): Health | null {
  if (kind !== 'DaemonSet') return null;
  if (generation === undefined) return waits('DaemonSet metadata.generation not found');
  return observed === undefined ? waits('DaemonSet status.observedGeneration not found') : null;
}

interface Row {
  phase: (typeof phases)[number];
  generation: (typeof generations)[number];
  observed: (typeof observations)[number];
  sign: (typeof signs)[number];
}

const rows: readonly Row[] = phases.flatMap((phase) =>
  generations.flatMap((generation) =>
    observations.flatMap((observed) => signs.map((sign) => ({ phase, generation, observed, sign }))),
  ),
);

/** What kstatus says first, in its order: an old generation, then the two conditions, then the kind. */
function expected({ kind, says }: Kind, { phase, generation, observed, sign }: Row): Health | undefined {
  if (generation !== undefined && observed !== undefined && BigInt(generation) !== BigInt(observed))
    return waits(`${kind} generation is ${generation}, but latest observed generation is ${observed}`);
  return sign[2] ?? missing(kind, generation, observed) ?? says[phase];
}

describe('generation, observed generation and conditions decide before the kind does', () => {
  test.each(kinds)('$kind', (each) => {
    for (const row of rows) {
      const own = each[row.phase];
      if (own === undefined) continue;
      const conditions = [...((own['conditions'] as unknown[] | undefined) ?? []), ...row.sign[1]];
      const status = {
        ...own,
        conditions,
        ...(row.observed === undefined ? {} : { observedGeneration: row.observed }),
      };
      const metadata = row.generation === undefined ? {} : { generation: row.generation };
      const what = `${row.phase}, generation ${row.generation}, observed ${row.observed}, ${row.sign[0]}`;
      expect([what, healthOf(objectOf(each, status, metadata))]).toEqual([what, expected(each, row)]);
      const leaving = { ...metadata, deletionTimestamp: '2026-01-01T00:00:00Z' };
      expect(healthOf(objectOf(each, status, leaving)).status).toBe('Terminating');
    }
  });

  test.each(kinds)('$kind: an old generation is never healthy and never failed', (each) => {
    for (const status of [each.settled, each.pending ?? each.settled]) {
      const object = objectOf(each, { ...status, observedGeneration: 1 }, { generation: 2 });
      expect(healthOf(object).status).toBe('InProgress');
    }
  });

  test.each(kinds)('$kind: no shape of status is too odd to be read', (each) => {
    for (const status of [undefined, null, 7, 'x', [], { conditions: null }, { conditions: [null, 1, {}] }]) {
      expect(['Current', 'InProgress', 'Unknown']).toContain(
        healthOf(objectOf(each, status, { generation: 1 })).status,
      );
    }
  });
});
