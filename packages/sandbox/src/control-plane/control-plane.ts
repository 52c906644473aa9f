import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { userError } from '@plumb/api';

import type { ControlPlane, ControlPlaneOptions } from '../types.ts';
import { type Certificates, loadCertificates, writePrivate } from './certificates.ts';
import { type Child, startChild } from './child.ts';
import { apiserverFlags, AUDIT_POLICY, controllerManagerFlags, etcdFlags } from './flags.ts';
import { kubeconfig } from './kubeconfig.ts';
import { type DirectoryLock, lockDirectory } from './lock.ts';
import { freePort } from './port.ts';
import { awaitReady, awaitSocket } from './probe.ts';

const ETCD_TIMEOUT = 30_000;
const API_TIMEOUT = 120_000;

/**
 * Starts etcd, the API server and the controller-manager in `options.dir`, and resolves when /readyz says ok. What an earlier
 * start left there is taken up again.
 * @throws PlumbError `storage-failed` when another process runs this folder, `api-unavailable` with the end of the log when
 * a part dies while starting, `timeout`
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const dir = resolve(options.dir);
  await mkdir(join(dir, 'logs'), { recursive: true, mode: 0o700 });
  await mkdir(join(dir, 'users'), { recursive: true, mode: 0o700 });
  const lock = await lockDirectory(dir);
  try {
    return await start({ ...options, dir }, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function start(options: ControlPlaneOptions, lock: DirectoryLock): Promise<ControlPlane> {
  const { dir } = options;
  const certificates = await loadCertificates(join(dir, 'certificates'), new Date());
  const port = await freePort(options.port ?? 6443);
  const url = `https://127.0.0.1:${port}`;
  const files = await writeFiles(dir, url, certificates);
  const parts = startParts(options, lock);
  try {
    await startInOrder(parts, {
      port,
      certificates,
      kubeconfig: files.controllerManager,
      audit: options.audit ?? false,
      dir,
    });
  } catch (error) {
    await parts.stop();
    throw error;
  }
  return {
    url,
    kubeconfig: files.admin,
    pids: parts.pids,
    async kubeconfigFor(user, groups) {
      const path = join(dir, 'users', `${fileName(user)}.kubeconfig`);
      const client = certificates.issueClient(user, groups);
      await writePrivate(path, kubeconfig({ url, authority: certificates.authority.certificate, user, client }));
      return path;
    },
    async stop() {
      await parts.stop();
      await lock.release();
    },
  };
}

type PartName = 'etcd' | 'apiserver' | 'controller-manager';

interface Parts {
  start(name: PartName, args: readonly string[]): Child;
  pids(): { etcd?: number; apiserver?: number; controllerManager?: number };
  stop(): Promise<void>;
}

function startParts(options: ControlPlaneOptions, lock: DirectoryLock): Parts {
  const children = new Map<PartName, Child>();
  let recorded = Promise.resolve();
  const record = (): void => {
    const pids = [...children.values()].flatMap((child) => child.pid() ?? []);
    // Only the next start reads it; a folder removed under us must not end this one.
    recorded = recorded.then(() => lock.record(pids)).catch(() => undefined);
  };
  return {
    start(name, args) {
      const child = startChild({
        name,
        command: options.clusterPath,
        args,
        cwd: options.dir,
        logFile: join(options.dir, 'logs', `${name}.log`),
        notify: options.notify ?? (() => undefined),
        onChange: record,
      });
      children.set(name, child);
      record();
      return child;
    },
    pids() {
      const etcd = children.get('etcd')?.pid();
      const apiserver = children.get('apiserver')?.pid();
      const controllerManager = children.get('controller-manager')?.pid();
      return {
        ...(etcd && { etcd }),
        ...(apiserver && { apiserver }),
        ...(controllerManager && { controllerManager }),
      };
    },
    /** Against the order of starting, so that none sees the one it stands on go. */
    async stop() {
      for (const child of [...children.values()].reverse()) await child.stop();
      await recorded;
    },
  };
}

interface StartInput {
  port: number;
  certificates: Certificates;
  kubeconfig: string;
  audit: boolean;
  dir: string;
}

async function startInOrder(parts: Parts, input: StartInput): Promise<void> {
  const { port, certificates, audit } = input;
  const failed = new AbortController();
  try {
    const etcd = parts.start('etcd', etcdFlags());
    await etcd.guard(awaitSocket(join(input.dir, 'etcd.sock'), ETCD_TIMEOUT, failed.signal));
    const apiserver = parts.start('apiserver', apiserverFlags({ port, files: certificates.files, audit }));
    const ready = awaitReady(
      { port, authority: certificates.authority.certificate, client: certificates.admin },
      API_TIMEOUT,
      failed.signal,
    );
    await etcd.guard(apiserver.guard(ready));
    const manager = parts.start('controller-manager', controllerManagerFlags(input.kubeconfig, certificates.files));
    for (const child of [etcd, apiserver, manager]) child.supervise();
  } finally {
    failed.abort();
  }
}

async function writeFiles(
  dir: string,
  url: string,
  certificates: Certificates,
): Promise<{ admin: string; controllerManager: string }> {
  const authority = certificates.authority.certificate;
  const admin = join(dir, 'kubeconfig');
  const controllerManager = join(dir, 'users', 'controller-manager.kubeconfig');
  await writePrivate(admin, kubeconfig({ url, authority, user: 'plumb-admin', client: certificates.admin }));
  await writePrivate(
    controllerManager,
    kubeconfig({ url, authority, user: 'controller-manager', client: certificates.controllerManager }),
  );
  await writePrivate(join(dir, 'audit-policy.json'), JSON.stringify(AUDIT_POLICY));
  for (const name of ['etcd', 'apiserver', 'controller-manager'])
    await rm(join(dir, 'logs', `${name}.log`), { force: true });
  return { admin, controllerManager };
}

/** A user's name as a file name: `system:serviceaccount:a:b` has characters some systems refuse. */
function fileName(user: string): string {
  if (user === '') throw userError('invalid-spec', 'cannot issue a certificate for the empty user: give a name');
  return user.replaceAll(/[^A-Za-z0-9._-]/g, '_').replace(/^\./, '_');
}
