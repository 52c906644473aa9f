import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { crds } from '@plumb/api';
import { connect } from '@plumb/kube';
import { startControlPlane, startNodes } from '@plumb/sandbox';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the administrator's kubeconfig of the control plane that the run shares. */
    kubeconfig: string;
  }
}

/** Where set-up links the built binaries. */
const clusterPath = join(import.meta.dirname, '../../../build/cluster');

/** One control plane with nodes and the served kinds for the whole run, in a folder that goes with it. */
async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'plumb-test-'));
  const plane = await startControlPlane({ clusterPath, dir });
  const cluster = await connect({ kubeconfig: plane.kubeconfig, userAgent: 'plumb-test' });
  const nodes = await startNodes(cluster, {});
  for (const crd of crds()) await cluster.apply(crd, { fieldManager: 'plumb-test', force: true });
  project.provide('kubeconfig', plane.kubeconfig);
  return async () => {
    await nodes.close();
    await cluster.close();
    await plane.stop();
    await rm(dir, { recursive: true, force: true });
  };
}

// oxlint-disable-next-line import/no-default-export -- vitest reads the default export.
export default setup;
