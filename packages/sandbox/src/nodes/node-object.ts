import type { KubeObject } from '@plumb/api';

import { timestamp } from './pod.ts';

export const NODE_LABEL = 'sandbox.plumb.dev/node';

/** What every simulated node offers: enough that nothing of an example or a test is ever too big. */
const CAPACITY = { cpu: '64', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: '10000' };

/** Where the API server finds every node's kubelet. */
export const NODE_ADDRESS = '127.0.0.1';

export interface NodeInput {
  name: string;
  /** The API server's version, which the kubelet claims too. */
  version: string;
  kubeletPort: number;
}

export function nodeLabels(name: string): Record<string, string> {
  return {
    [NODE_LABEL]: 'true',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
  };
}

/** A Ready node the way a kubelet registers it. */
export function nodeObject({ name, version, kubeletPort }: NodeInput, now: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: nodeLabels(name),
    },
    spec: {},
    status: {
      capacity: CAPACITY,
      allocatable: CAPACITY,
      addresses: [
        { type: 'InternalIP', address: NODE_ADDRESS },
        { type: 'Hostname', address: name },
      ],
      conditions: [
        condition('Ready', 'True', 'KubeletReady', now),
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', now),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', now),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', now),
      ],
      daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
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
