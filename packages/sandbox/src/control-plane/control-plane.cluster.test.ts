import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { connect } from '@plumb/kube';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ControlPlane, Notice } from '../types.ts';
import { startControlPlane } from './control-plane.ts';
import { isAlive, markOf, waitForEnd } from './process.ts';

const clusterPath = join(import.meta.dirname, '../../../../build/cluster');
const NAMESPACE = { group: '', version: 'v1', kind: 'Namespace', namespace: '', name: 'kept' };

let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'plumb-plane-'));
});

afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
});

describe('a running control plane', () => {
  let plane: ControlPlane;
  let blocker: Server;
  const restarted = Promise.withResolvers<void>();

  beforeAll(async () => {
    blocker = createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as AddressInfo;
    const notify = (notice: Notice): void => (notice.event === 'apiserver-restarted' ? restarted.resolve() : undefined);
    plane = await startControlPlane({ clusterPath, dir, port, notify });
  });

  afterAll(async () => {
    await plane.stop();
    blocker.close();
  });

  test('took another port, for the preferred one was in use', () => {
    expect(plane.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(plane.url).not.toContain(`:${(blocker.address() as AddressInfo).port}`);
  });

  test('keeps its kubeconfig from other users, and its folder from other processes', async () => {
    expect((await stat(plane.kubeconfig)).mode & 0o777).toBe(0o600);
    await expect(startControlPlane({ clusterPath, dir })).rejects.toMatchObject({ code: 'storage-failed' });
  });

  test('gives a user the rights of the groups in the certificate', async () => {
    const admin = await connect({ kubeconfig: await plane.kubeconfigFor('bench:agent', ['system:masters']) });
    await admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'kept' } }, { fieldManager: 'test' });
    const nobody = await connect({ kubeconfig: await plane.kubeconfigFor('jane', ['guests']) });
    await expect(nobody.get(NAMESPACE)).rejects.toMatchObject({
      code: 'api-forbidden',
      message: expect.stringContaining('"jane"'),
    });
    await Promise.all([admin.close(), nobody.close()]);
  });

  test('starts an API server that died again, on the same address', async () => {
    const cluster = await connect({ kubeconfig: plane.kubeconfig });
    process.kill(plane.pids().apiserver ?? 0, 'SIGKILL');
    await restarted.promise;
    const look = (): Promise<unknown> => cluster.get(NAMESPACE).catch(() => null);
    await expect.poll(look, { timeout: 30_000, interval: 200 }).not.toBeNull();
    await cluster.close();
  });
});

describe('a control plane whose parent was killed', () => {
  test('leaves no process behind, and everything written for the next start', async () => {
    const program = `
      import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, 'control-plane.ts'))};
      const plane = await startControlPlane(${JSON.stringify({ clusterPath, dir })});
      console.log(JSON.stringify(plane.pids()));`;
    const args = ['--input-type=module', '--eval', program];
    const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const marks = Object.values(JSON.parse(line.toString()) as Record<string, number>).map(markOf);
    expect(marks.map(isAlive)).toEqual([true, true, true]);
    parent.kill('SIGKILL');
    expect(await waitForEnd(marks, 10_000)).toEqual([]);

    const plane = await startControlPlane({ clusterPath, dir });
    const cluster = await connect({ kubeconfig: plane.kubeconfig });
    expect(await cluster.get(NAMESPACE)).not.toBeNull();
    await cluster.close();
    await plane.stop();
  });
});
