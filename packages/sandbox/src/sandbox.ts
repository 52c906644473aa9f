import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Telling } from '@plumb/agent';
import { launchAgent, Metrics, requestCounter } from '@plumb/agent';
import type { GitRepository, Kustomization, KubeObject } from '@plumb/api';
import {
  crds,
  gateAdmission,
  gateCrds,
  gateRoles,
  GIT_REPOSITORY,
  KUSTOMIZATION,
  REQUESTED_AT_ANNOTATION,
} from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect, reflect } from '@plumb/kube';
import { freePort } from './control-plane/port.ts';
import { startControlPlane } from './control-plane/control-plane.ts';
import { AgentLog } from './example/agent-log.ts';
import { clusterObjects } from './example/cluster-objects.ts';
import { EXAMPLE_DIR, seedRepository } from './example/seed.ts';
import { startGitServer } from './git/git-server.ts';
import { startNodes } from './nodes/nodes.ts';
import type { ControlPlane, Notice } from './types.ts';

/** Whoever shows the sandbox to people or programs. */
export interface SandboxHost {
  /** A part is being started. */
  step(message: string): void;
  notice(notice: Notice): void;
  /** An event of the agent. */
  tell(telling: Telling): void;
  /** The Kustomizations as they stand, each time one of them changes. */
  units(units: readonly Kustomization[]): void;
}

export interface SandboxOptions {
  /** The built binaries. */
  clusterPath: string;
  enginePath: string;
  decryptPath: string;
  /** Everything it keeps. */
  dir: string;
  /** Forget what an earlier start left. */
  fresh: boolean;
  /** Environment that git is given. */
  gitEnvironment: Readonly<Record<string, string>>;
  host: SandboxHost;
}

export interface Sandbox {
  /** `https://127.0.0.1:<port>` of the API server. */
  url: string;
  kubeconfig: string;
  /** Clone URL of the example repository. */
  git: string;
  metricsUrl: string;
  /** Resolves when every Kustomization of the example is Ready for the first time. */
  ready: Promise<void>;
  stop(): Promise<void>;
}

const GIT_PORT = 8930;
/** The same at each start where it can be had, so that artifacts keep their URL. */
const ARTIFACT_PORT = 9090;
const AGENT_USER = { user: 'plumb-agent', groups: ['system:masters'] };

/** The embedded default: control plane, nodes, Git server with the example, and the agent, all on loopback. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { dir } = options;
  if (options.fresh) await rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const parts: { stop(): Promise<unknown> }[] = [];
  const stop = async (): Promise<void> => {
    for (const part of parts.splice(0).reverse()) await part.stop();
  };
  try {
    return await startParts(options, parts, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: SandboxOptions,
  parts: { stop(): Promise<unknown> }[],
  stop: () => Promise<void>,
): Promise<Sandbox> {
  const { dir, host } = options;
  host.step('starting the control plane');
  const notify = (notice: Notice): void => host.notice(notice);
  const plane = await startControlPlane({ clusterPath: options.clusterPath, dir: join(dir, 'control-plane'), notify });
  parts.push(plane);
  const cluster = await connect({ kubeconfig: plane.kubeconfig, userAgent: 'plumb-sandbox' });
  parts.push({ stop: () => cluster.close() });
  host.step('registering nodes and kinds');
  const log = new AgentLog();
  const registering = startNodes(cluster, { notify, logs: log.of });
  parts.push({ stop: () => registering.then((nodes) => nodes.close()).catch(() => undefined) });
  const served = [...crds(), ...gateCrds(), ...gateAdmission(), ...gateRoles()];
  await Promise.all([registering, ...served.map((object) => put(cluster, object))]);
  host.step('serving the example repository');
  let following = false;
  const onPush = (): void => void (following && look(cluster, host));
  const server = await startGitServer({ dir: join(dir, 'git'), port: GIT_PORT, onPush });
  parts.push({ stop: () => server.close() });
  const git = await seedRepository(server, EXAMPLE_DIR);
  host.step('starting the agent');
  const agent = await startSandboxAgent(options, plane, log);
  parts.push({ stop: agent.close });
  for (const object of clusterObjects(git)) await put(cluster, object);
  following = true;
  const ready = watchUnits(cluster, host, parts, await look(cluster, host));
  return { url: plane.url, kubeconfig: plane.kubeconfig, git, metricsUrl: agent.metricsUrl, ready, stop };
}

async function startSandboxAgent(
  { dir, enginePath, decryptPath, gitEnvironment, host }: SandboxOptions,
  plane: ControlPlane,
  log: AgentLog,
): Promise<{ metricsUrl: string; close: () => Promise<void> }> {
  const metrics = new Metrics();
  const kubeconfig = await plane.kubeconfigFor(AGENT_USER.user, AGENT_USER.groups);
  const cluster = await connect({ kubeconfig, userAgent: 'plumb-agent', counter: requestCounter(metrics) });
  const agent = await launchAgent({
    cluster,
    metrics,
    enginePath,
    decryption: { path: decryptPath, environment: {}, laxMac: false, namespace: 'flux-system' },
    dataDir: join(dir, 'agent'),
    instance: 'sandbox',
    gitEnvironment,
    host: '127.0.0.1',
    artifactPort: await freePort(ARTIFACT_PORT),
    metricsPort: 0,
    healthPort: 0,
    dependencyInterval: 5_000,
    gates: true,
    tell: (telling) => {
      log.add(telling, Date.now());
      host.tell(telling);
    },
    onFault: (what, error) =>
      host.notice({ level: 'error', event: 'agent-fault', message: `${what}: ${messageOf(error)}` }),
  });
  await agent.acting;
  const close = async (): Promise<void> => {
    await agent.close();
    await cluster.close();
  };
  return { metricsUrl: `http://127.0.0.1:${agent.metricsPort}/metrics`, close };
}

function put(cluster: Cluster, object: KubeObject): Promise<KubeObject> {
  return cluster.apply(object, { fieldManager: 'plumb-sandbox', force: true });
}

/** What a Git host's webhook would do: a push is seen at once. @returns the token of the request */
async function look(cluster: Cluster, host: SandboxHost): Promise<string> {
  const key = { ...GIT_REPOSITORY, namespace: 'flux-system', name: 'flux-system' };
  const token = new Date().toISOString();
  try {
    await cluster.patch(key, { metadata: { annotations: { [REQUESTED_AT_ANNOTATION]: token } } }, { type: 'merge' });
  } catch (error) {
    host.notice({
      level: 'warn',
      event: 'push-not-announced',
      message: `a push was not announced: ${messageOf(error)}`,
    });
  }
  return token;
}

/**
 * Hands the Kustomizations to the host. @returns when the agent has looked at the repository since `token` and all of them are Ready at its
 * revision: what an earlier start left Ready does not count
 */
function watchUnits(
  cluster: Cluster,
  host: SandboxHost,
  parts: { stop(): Promise<unknown> }[],
  token: string,
): Promise<void> {
  const units = new Map<string, Kustomization>();
  let source: GitRepository | undefined;
  const ready = Promise.withResolvers<void>();
  const judge = (): void => {
    const looked = (source?.status?.lastHandledReconcileAt ?? '') >= token;
    const revision = source?.status?.artifact?.revision;
    const all = [...units.values()];
    if (looked && all.length > 1 && all.every((unit) => isReadyAt(unit, revision))) ready.resolve();
  };
  const changed = (): void => {
    host.units([...units.values()].toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)));
    judge();
  };
  const unitSink = {
    upsert: (object: KubeObject) => {
      units.set(nameOf(object), object as unknown as Kustomization);
      changed();
    },
    remove: (object: KubeObject) => {
      units.delete(nameOf(object));
      changed();
    },
    synced: () => undefined,
  };
  const sourceSink = {
    upsert: (object: KubeObject) => {
      source = object as unknown as GitRepository;
      judge();
    },
    remove: () => (source = undefined),
    synced: () => undefined,
  };
  const stop = new AbortController();
  const { signal } = stop;
  const one = { namespace: 'flux-system', fieldSelector: 'metadata.name=flux-system' };
  const watches = [
    reflect(cluster, KUSTOMIZATION, unitSink, { signal }),
    reflect(cluster, GIT_REPOSITORY, sourceSink, { ...one, signal }),
  ];
  parts.push({
    stop: () => {
      stop.abort();
      return Promise.all(watches.map((watch) => watch.done()));
    },
  });
  return ready.promise;
}

function nameOf({ metadata }: Pick<KubeObject, 'metadata'>): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function isReadyAt({ metadata, status }: Kustomization, revision: string | undefined): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const current = status?.observedGeneration === metadata.generation && status?.lastAppliedRevision === revision;
  return ready?.status === 'True' && current;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
