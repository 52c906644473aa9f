import type { KubeObject } from '@plumb/api';
import {
  COMPONENT_LABEL,
  FLUX_NAMESPACE as NAMESPACE,
  FLUX_VERSION,
  INSTANCE_LABEL,
  PART_OF_LABEL,
  VERSION_LABEL,
} from '@plumb/api';

/** How the `flux` command line finds what it manages. */
const FLUX_LABELS = { [INSTANCE_LABEL]: NAMESPACE, [PART_OF_LABEL]: 'flux', [VERSION_LABEL]: FLUX_VERSION };

/**
 * What makes a cluster follow the example: the namespace, the GitRepository and the Kustomization that brings every other
 * one, under the names `flux bootstrap` gives them; and a Deployment that stands for the agent, which `flux check`,
 * `flux version` and `flux logs` look for. In the order they are to be applied.
 */
export function clusterObjects(gitUrl: string): KubeObject[] {
  return [namespace, gitRepository(gitUrl), kustomization, agentDeployment];
}

const namespace: KubeObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: NAMESPACE, labels: FLUX_LABELS },
};

function gitRepository(url: string): KubeObject {
  return {
    apiVersion: 'source.toolkit.fluxcd.io/v1',
    kind: 'GitRepository',
    metadata: { name: 'flux-system', namespace: NAMESPACE },
    spec: { url, ref: { branch: 'main' }, interval: '10s', timeout: '30s' },
  };
}

const kustomization: KubeObject = {
  apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
  kind: 'Kustomization',
  metadata: { name: 'flux-system', namespace: NAMESPACE },
  spec: {
    interval: '10m',
    retryInterval: '15s',
    path: './clusters/sandbox',
    prune: true,
    sourceRef: { kind: 'GitRepository', name: 'flux-system' },
  },
};

const agentLabels = { ...FLUX_LABELS, [COMPONENT_LABEL]: 'plumb-agent' };

const agentDeployment: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'plumb-agent', namespace: NAMESPACE, labels: agentLabels },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'plumb-agent' } },
    template: {
      metadata: { labels: { ...agentLabels, app: 'plumb-agent' } },
      spec: { containers: [{ name: 'manager', image: 'plumb/agent:0.1.0', args: ['agent'] }] },
    },
  },
};
