import type { KubeObject } from '@plumb/api';

import { timestamp } from './pod.ts';

export const NODE_LABEL = 'sandbox.plumb.dev/node';

/** What every simulated node offers: enough that nothing of an example or a test is ever too big. */
const CAPACITY = { cpu: '64', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '10000' };

/** The address all pods and nodes of the simulation share a range with; nothing listens there. */
export function nodeAddress(index: number): string {
  return `10.240.0.${index + 1}`;
}

/** A Ready node the way a kubelet registers it. `index` counts from 0; the node is called `sandbox-<index + 1>`. */
export function nodeObject(index: number, version: string, now: number): KubeObject {
  const name = `sandbox-${index + 1}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        [NODE_LABEL]: 'true',
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
      },
    },
    spec: {},
    status: {
      capacity: CAPACITY,
      allocatable: CAPACITY,
      addresses: [
        { type: 'InternalIP', address: nodeAddress(index) },
        { type: 'Hostname', address: name },
      ],
      conditions: [
        condition('Ready', 'True', 'KubeletReady', now),
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', now),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', now),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', now),
      ],
      nodeInfo: {
        architecture: 'amd64',
        operatingSystem: 'linux',
        osImage: 'Plumb sandbox (simulated)',
        kernelVersion: 'simulated',
        containerRuntimeVersion: 'simulated://1',
        kubeletVersion: version,
        kubeProxyVersion: '',
        machineID: name,
        systemUUID: name,
        bootID: name,
      },
    },
  };
}

function condition(type: string, status: 'True' | 'False', reason: string, now: number): Record<string, string> {
  const at = timestamp(now);
  return { type, status, reason, message: 'simulated', lastHeartbeatTime: at, lastTransitionTime: at };
}
