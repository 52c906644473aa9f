import type { KubeObject } from '@plumb/api';
import { describe, expect, test } from 'vitest';
import type { HealthStatus } from '../health.ts';
import { healthOf } from './health-of.ts';

type Row = readonly [name: string, fields: Record<string, unknown>, status: HealthStatus, message: string];

const met = (type: string, status: string, reason = '', message = ''): unknown => ({ type, status, reason, message });

function object(apiVersion: string, kind: string, fields: Record<string, unknown>): KubeObject {
  const { metadata, ...rest } = fields;
  return { apiVersion, kind, metadata: { name: 'x', namespace: 'shop', ...(metadata as object | undefined) }, ...rest };
}

function check(apiVersion: string, kind: string, rows: readonly Row[]): void {
  describe(`${apiVersion} ${kind}`, () => {
    test.each(rows)('%s', (...[, fields, status, message]) => {
      expect(healthOf(object(apiVersion, kind, fields))).toEqual({ status, message });
    });
  });
}

const rolledOut = [met('Progressing', 'True', 'NewReplicaSetAvailable'), met('Available', 'True')];
const counts = (count: number, conditions: unknown): Record<string, unknown> => ({
  replicas: count,
  updatedReplicas: count,
  availableReplicas: count,
  readyReplicas: count,
  conditions,
});
const spec = (replicas: number): Record<string, unknown> => ({ replicas, progressDeadlineSeconds: 600 });

check('example.dev/v1', 'Widget', [
  ['nothing known', {}, 'Current', 'Resource is current'],
  [
    'being deleted',
    { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } },
    'Terminating',
    'Resource scheduled for deletion',
  ],
  ['an empty deletion time is none', { metadata: { deletionTimestamp: '' } }, 'Current', 'Resource is current'],
  [
    'an older generation observed',
    { metadata: { generation: 3 }, status: { observedGeneration: 2 } },
    'InProgress',
    'Widget generation is 3, but latest observed generation is 2',
  ],
  [
    'never reconciled',
    { metadata: { generation: 1 }, status: { observedGeneration: -1 } },
    'InProgress',
    'Widget generation is 1, but latest observed generation is -1',
  ],
  [
    'the same generation as bigint',
    { metadata: { generation: 4 }, status: { observedGeneration: 4n } },
    'Current',
    'Resource is current',
  ],
  [
    'an observed generation that is no number',
    { metadata: { generation: 4 }, status: { observedGeneration: 'x' } },
    'Current',
    'Resource is current',
  ],
  ['no generation of its own', { status: { observedGeneration: 7 } }, 'Current', 'Resource is current'],
  ['reconciling', { status: { conditions: [met('Reconciling', 'True', 'R', 'busy')] } }, 'InProgress', 'busy'],
  ['stalled', { status: { conditions: [met('Stalled', 'True', 'R', 'stuck')] } }, 'Failed', 'stuck'],
  [
    'reconciling before ready',
    { status: { conditions: [met('Ready', 'True'), met('Reconciling', 'True', '', 'busy')] } },
    'InProgress',
    'busy',
  ],
  [
    'not reconciling, ready',
    { status: { conditions: [met('Reconciling', 'False'), met('Ready', 'True')] } },
    'Current',
    'Resource is Ready',
  ],
  ['not ready', { status: { conditions: [met('Ready', 'False', 'R', 'no artifact')] } }, 'InProgress', 'no artifact'],
  ['ready unknown', { status: { conditions: [met('Ready', 'Unknown', 'R', 'looking')] } }, 'InProgress', 'looking'],
  ['ready of an odd status', { status: { conditions: [met('Ready', 'Maybe')] } }, 'Current', 'Resource is current'],
  ['conditions that are no list', { status: { conditions: 'Ready' } }, 'Current', 'Resource is current'],
  ['conditions that are no objects', { status: { conditions: [null, 'Ready', 3] } }, 'Current', 'Resource is current'],
  ['a status that is no object', { status: 'fine' }, 'Current', 'Resource is current'],
]);

const deployment: readonly Row[] = [
  ['just created', { spec: spec(1) }, 'InProgress', 'Replicas: 0/1'],
  ['replicas left out count as one', { spec: {} }, 'InProgress', 'Replicas: 0/1'],
  ['scaling up', { spec: spec(3), status: counts(2, rolledOut) }, 'InProgress', 'Replicas: 2/3'],
  [
    'old pods still there',
    { spec: spec(2), status: { ...counts(2, rolledOut), updatedReplicas: 1 } },
    'InProgress',
    'Updated: 1/2',
  ],
  [
    'extra pods',
    { spec: spec(1), status: { ...counts(3, rolledOut), updatedReplicas: 1 } },
    'InProgress',
    'Pending termination: 2',
  ],
  [
    'not available',
    { spec: spec(2), status: { ...counts(2, rolledOut), availableReplicas: 1 } },
    'InProgress',
    'Available: 1/2',
  ],
  ['not ready', { spec: spec(2), status: { ...counts(2, rolledOut), readyReplicas: 0 } }, 'InProgress', 'Ready: 0/2'],
  [
    'no new replica set',
    { spec: spec(1), status: counts(1, [met('Available', 'True')]) },
    'InProgress',
    'ReplicaSet not Available',
  ],
  [
    'no deadline, so no Progressing condition',
    { spec: { replicas: 1 }, status: counts(1, [met('Available', 'True')]) },
    'Current',
    'Deployment is available. Replicas: 1',
  ],
  [
    'the longest deadline is none',
    { spec: { replicas: 1, progressDeadlineSeconds: 2147483647 }, status: counts(1, [met('Available', 'True')]) },
    'Current',
    'Deployment is available. Replicas: 1',
  ],
  [
    'available false',
    { spec: spec(1), status: counts(1, [rolledOut[0], met('Available', 'False')]) },
    'InProgress',
    'Deployment not Available',
  ],
  [
    'deadline exceeded',
    { spec: spec(1), status: counts(0, [met('Progressing', 'False', 'ProgressDeadlineExceeded')]) },
    'Failed',
    'Progress deadline exceeded',
  ],
  ['rolled out', { spec: spec(2), status: counts(2, rolledOut) }, 'Current', 'Deployment is available. Replicas: 2'],
  [
    'scaled to none',
    { spec: spec(0), status: { conditions: rolledOut } },
    'Current',
    'Deployment is available. Replicas: 0',
  ],
  ['replicas that are no number', { spec: { replicas: 'two' }, status: counts(0, []) }, 'InProgress', 'Replicas: 0/1'],
];
check('apps/v1', 'Deployment', deployment);
check('extensions/v1beta1', 'Deployment', deployment);

const set = { replicas: 2, fullyLabeledReplicas: 2, availableReplicas: 2, readyReplicas: 2 };
check('apps/v1', 'ReplicaSet', [
  ['just created', { spec: { replicas: 2 } }, 'InProgress', 'Labelled: 0/2'],
  [
    'not available',
    { spec: { replicas: 2 }, status: { ...set, availableReplicas: 1 } },
    'InProgress',
    'Available: 1/2',
  ],
  ['not ready', { spec: { replicas: 2 }, status: { ...set, readyReplicas: 1 } }, 'InProgress', 'Ready: 1/2'],
  ['extra pods', { spec: { replicas: 1 }, status: set }, 'InProgress', 'Pending termination: 1'],
  [
    'failure',
    { spec: { replicas: 2 }, status: { ...set, conditions: [met('ReplicaFailure', 'True')] } },
    'InProgress',
    'Replica Failure condition. Check Pods',
  ],
  ['all there', { spec: { replicas: 2 }, status: set }, 'Current', 'ReplicaSet is available. Replicas: 2'],
]);

const stateful = {
  replicas: 2,
  readyReplicas: 2,
  currentReplicas: 2,
  updatedReplicas: 2,
  currentRevision: 'a',
  updateRevision: 'a',
};
const partition = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } };
check('apps/v1', 'StatefulSet', [
  ['just created', { spec: { replicas: 2 } }, 'InProgress', 'Replicas: 0/2'],
  ['not ready', { spec: { replicas: 2 }, status: { ...stateful, readyReplicas: 1 } }, 'InProgress', 'Ready: 1/2'],
  ['extra pods', { spec: { replicas: 1 }, status: stateful }, 'InProgress', 'Pending termination: 1'],
  [
    'partition not reached',
    { spec: { replicas: 2, ...partition }, status: { ...stateful, updatedReplicas: 0 } },
    'InProgress',
    'updated: 0/1',
  ],
  [
    'partition reached',
    { spec: { replicas: 2, ...partition }, status: { ...stateful, updatedReplicas: 1 } },
    'Current',
    'Partition rollout complete. updated: 1',
  ],
  [
    'old revision still current',
    { spec: { replicas: 2 }, status: { ...stateful, currentReplicas: 1 } },
    'InProgress',
    'current: 1/2',
  ],
  [
    'two revisions',
    { spec: { replicas: 2 }, status: { ...stateful, updateRevision: 'b' } },
    'InProgress',
    'Waiting for updated revision to match current',
  ],
  [
    'updates by hand',
    { spec: { updateStrategy: { type: 'OnDelete' } } },
    'Current',
    'StatefulSet is using the ondelete update strategy',
  ],
  [
    'all there',
    { spec: { replicas: 2 }, status: stateful },
    'Current',
    'All replicas scheduled as expected. Replicas: 2',
  ],
]);

const daemons = {
  observedGeneration: 1,
  desiredNumberScheduled: 3,
  currentNumberScheduled: 3,
  updatedNumberScheduled: 3,
  numberAvailable: 3,
  numberReady: 3,
};
const first = { metadata: { generation: 1 } };
check('apps/v1', 'DaemonSet', [
  ['no generation', {}, 'InProgress', 'DaemonSet metadata.generation not found'],
  ['not observed', first, 'InProgress', 'DaemonSet status.observedGeneration not found'],
  ['no count', { ...first, status: { observedGeneration: 1 } }, 'InProgress', 'Missing .status.desiredNumberScheduled'],
  ['not scheduled', { ...first, status: { ...daemons, currentNumberScheduled: 1 } }, 'InProgress', 'Current: 1/3'],
  ['not updated', { ...first, status: { ...daemons, updatedNumberScheduled: 1 } }, 'InProgress', 'Updated: 1/3'],
  ['not available', { ...first, status: { ...daemons, numberAvailable: 2 } }, 'InProgress', 'Available: 2/3'],
  ['not ready', { ...first, status: { ...daemons, numberReady: 2 } }, 'InProgress', 'Ready: 2/3'],
  ['all there', { ...first, status: daemons }, 'Current', 'All replicas scheduled as expected. Replicas: 3'],
  [
    'no nodes',
    { ...first, status: { observedGeneration: 1, desiredNumberScheduled: 0 } },
    'Current',
    'All replicas scheduled as expected. Replicas: 0',
  ],
]);

const waiting = (name: unknown, reason: string): unknown => ({ name, state: { waiting: { reason } } });
check('v1', 'Pod', [
  ['not observed', {}, 'InProgress', 'Pod phase not available'],
  ['pending', { status: { phase: 'Pending' } }, 'InProgress', 'Pod is in the Pending phase'],
  [
    'unschedulable',
    { status: { phase: 'Pending', conditions: [met('PodScheduled', 'False', 'Unschedulable')] } },
    'InProgress',
    'Pod has not been scheduled',
  ],
  [
    'gated',
    { status: { phase: 'Pending', conditions: [met('PodScheduled', 'False', 'SchedulingGated')] } },
    'InProgress',
    'Pod is in the Pending phase',
  ],
  ['running', { status: { phase: 'Running' } }, 'InProgress', 'Pod is running but is not Ready'],
  ['ready', { status: { phase: 'Running', conditions: [met('Ready', 'True')] } }, 'Current', 'Pod is Ready'],
  [
    'crash loop',
    {
      status: {
        phase: 'Running',
        containerStatuses: [
          waiting('a', 'CrashLoopBackOff'),
          waiting('b', 'CrashLoopBackOff'),
          waiting('c', 'PodInitializing'),
        ],
      },
    },
    'Failed',
    'Containers in CrashLoop state: a,b',
  ],
  [
    'a container without a name',
    { status: { phase: 'Running', containerStatuses: [waiting(undefined, 'CrashLoopBackOff'), 7] } },
    'InProgress',
    'Pod is running but is not Ready',
  ],
  ['succeeded', { status: { phase: 'Succeeded' } }, 'Current', 'Pod has completed successfully'],
  ['failed', { status: { phase: 'Failed' } }, 'Current', 'Pod has completed, but not successfully'],
  ['a phase nobody knows', { status: { phase: 'Napping' } }, 'Unknown', 'unknown phase Napping'],
]);

check('batch/v1', 'Job', [
  ['not started', {}, 'InProgress', 'Job in progress'],
  [
    'started is not enough',
    { status: { startTime: '2026-01-01T00:00:00Z', active: 1 } },
    'InProgress',
    'Job in progress',
  ],
  [
    'complete',
    {
      spec: { completions: 3 },
      status: { succeeded: 3, conditions: [met('SuccessCriteriaMet', 'True'), met('Complete', 'True')] },
    },
    'Current',
    'Job Completed. succeeded: 3/3',
  ],
  [
    'parallelism stands for completions',
    { spec: { parallelism: 2 }, status: { succeeded: 2, conditions: [met('Complete', 'True')] } },
    'Current',
    'Job Completed. succeeded: 2/2',
  ],
  ['failed', { status: { failed: 4, conditions: [met('Failed', 'True')] } }, 'Failed', 'Job Failed. failed: 4/1'],
  ['failed false', { status: { conditions: [met('Failed', 'False')] } }, 'InProgress', 'Job in progress'],
  ['suspended', { status: { conditions: [met('Suspended', 'True')] } }, 'Current', 'Job is suspended'],
  ['resumed', { status: { conditions: [met('Suspended', 'False')] } }, 'InProgress', 'Job in progress'],
]);

check('v1', 'PersistentVolumeClaim', [
  ['not observed', {}, 'InProgress', 'PVC is not Bound. phase: unknown'],
  ['pending', { status: { phase: 'Pending' } }, 'InProgress', 'PVC is not Bound. phase: Pending'],
  ['bound', { status: { phase: 'Bound' } }, 'Current', 'PVC is Bound'],
]);

check('v1', 'Service', [
  ['cluster IP', {}, 'Current', 'Service is ready'],
  [
    'load balancer without an address',
    { spec: { type: 'LoadBalancer' } },
    'InProgress',
    'ClusterIP not set. Service type: LoadBalancer',
  ],
  ['load balancer', { spec: { type: 'LoadBalancer', clusterIP: '10.0.0.1' } }, 'Current', 'Service is ready'],
]);

check('apiextensions.k8s.io/v1', 'CustomResourceDefinition', [
  ['just created', {}, 'InProgress', 'Install in progress'],
  [
    'names taken',
    { status: { conditions: [met('NamesAccepted', 'False', 'ListKindConflict', 'name is in use')] } },
    'Failed',
    'name is in use',
  ],
  [
    'installing',
    { status: { conditions: [met('NamesAccepted', 'True'), met('Established', 'False', 'Installing')] } },
    'InProgress',
    'Install in progress',
  ],
  [
    'refused',
    { status: { conditions: [met('Established', 'False', 'NotAccepted', 'not all names are accepted')] } },
    'Failed',
    'not all names are accepted',
  ],
  [
    'established',
    { status: { conditions: [met('NamesAccepted', 'True'), met('Established', 'True')] } },
    'Current',
    'CRD is established',
  ],
]);

check('policy/v1', 'PodDisruptionBudget', [
  [
    'behind',
    { metadata: { generation: 2 }, status: { observedGeneration: 1 } },
    'InProgress',
    'PodDisruptionBudget generation is 2, but latest observed generation is 1',
  ],
  [
    'observed',
    { metadata: { generation: 2 }, status: { observedGeneration: 2 } },
    'Current',
    'AllowedDisruptions has been computed.',
  ],
]);

check('batch/v1', 'CronJob', [['always', {}, 'Current', 'Resource is always ready']]);
check('v1', 'ConfigMap', [['always', {}, 'Current', 'Resource is always ready']]);
check('v1', 'Secret', [['always', {}, 'Current', 'Resource is always ready']]);
check('other.dev/v1', 'Deployment', [
  ['a namesake of another group has no rule', { spec: { replicas: 3 } }, 'Current', 'Resource is current'],
]);
