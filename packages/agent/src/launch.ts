import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createEngine } from '@plumb/engine';
import type { Cluster, RequestCounter } from '@plumb/kube';
import { holdLease } from '@plumb/kube';
import { createGitSources, serveArtifacts } from '@plumb/sources';
import type { Agent, AgentOptions } from './agent.ts';
import { startAgent } from './agent.ts';
import type { TextServer } from './runtime/http-server.ts';
import { awayText } from './runtime/api-server.ts';
import { serveText } from './runtime/http-server.ts';
import type { Metrics } from './runtime/metrics.ts';

type Tuning = Pick<
  AgentOptions,
  | 'namespace'
  | 'concurrent'
  | 'concurrentApplies'
  | 'dependencyInterval'
  | 'jitterPercent'
  | 'crossNamespaceRefs'
  | 'defaultServiceAccount'
  | 'bodiesLimit'
  | 'tell'
  | 'onFault'
  | 'onNotice'
>;

/** What an agent process is made of. Port 0 takes any free one. */
export interface LaunchOptions extends Tuning {
  cluster: Cluster;
  metrics: Metrics;
  /** Folder for mirrors and artifacts. One process at a time. */
  dataDir: string;
  /** The engine helper's executable. */
  enginePath: string;
  /** Version of the program: bundles that another version built are built again. */
  version?: string;
  /** Names this process: in its lease and its Events. */
  instance: string;
  /** Address the servers listen on. */
  host: string;
  artifactPort: number;
  metricsPort: number;
  healthPort: number;
  /** What consumers reach the artifact server at; by default where it listens. */
  advertisedHost?: string;
  /** Namespace of the lease of the one acting replica; undefined: act without one. */
  leaseNamespace?: string;
  /** Environment that git is given: proxies and the like. */
  gitEnvironment?: Readonly<Record<string, string>>;
}

export interface LaunchedAgent {
  /** Resolves when this replica acts, rejects when it cannot start. */
  acting: Promise<void>;
  /** Resolves when the lease is lost: the process must end. */
  lost: Promise<Error>;
  artifactPort: number;
  metricsPort: number;
  healthPort: number;
  engineUsage(): Promise<{ cpuSeconds: number; peakRssBytes: number; running: number }>;
  close(): Promise<void>;
}

const LEASE = { name: 'plumb-agent', leaseDuration: 15_000, renewDeadline: 10_000, retryPeriod: 2_000 };

/** Counts every request to the API server, by verb, resource and status. */
export function requestCounter(metrics: Metrics): RequestCounter {
  const count = metrics.counter('plumb_api_requests_total', 'Requests to the API server by verb, resource and status.');
  const seconds = metrics.counter('plumb_api_request_seconds_total', 'Time spent waiting for the API server, by verb.');
  return {
    count(verb, resource, status, took) {
      count({ verb, resource, code: String(status) });
      seconds({ verb }, took);
    },
  };
}

/** Starts everything an agent process serves, and the agent itself as soon as it holds the lease. */
export async function launchAgent(options: LaunchOptions): Promise<LaunchedAgent> {
  const { cluster, host } = options;
  const engine = createEngine({ path: options.enginePath });
  const sources = createGitSources({
    dir: options.dataDir,
    ...(options.gitEnvironment && { env: options.gitEnvironment }),
  });
  const artifacts = await serveArtifacts({ dir: options.dataDir, host, port: options.artifactPort });
  let agent: Agent | null = null;
  let failure: unknown = null;
  const servers = await serveHealth(
    options,
    () => failure === null,
    () => agent !== null || options.leaseNamespace !== undefined,
  );
  const artifactHost = options.advertisedHost ?? new URL(artifacts.url).host;
  const records = { dir: join(options.dataDir, 'units'), maker: await makerOf(options) };
  let starting: Promise<void> | null = null;
  const begin = (): Promise<void> => {
    starting = startAgent({ ...options, engine, sources, artifactHost, records }).then((started) => {
      agent = started;
    });
    return starting;
  };
  const lease =
    options.leaseNamespace === undefined
      ? noLease(begin)
      : waitForLease(cluster, options.leaseNamespace, options.instance, begin);
  lease.acting.catch((error: unknown) => (failure = error));
  return {
    acting: lease.acting,
    lost: lease.lost,
    artifactPort: Number(new URL(artifacts.url).port),
    metricsPort: servers.metrics.port,
    healthPort: servers.health.port,
    engineUsage: () => engine.usage(),
    close: async () => {
      await starting?.catch(() => undefined);
      await agent?.close();
      await lease.release();
      await Promise.all([
        sources.close(),
        engine.close(),
        artifacts.close(),
        servers.metrics.close(),
        servers.health.close(),
      ]);
    },
  };
}

/** Names this program and its helper: what another pair built may differ. */
async function makerOf({ enginePath, version = '' }: LaunchOptions): Promise<string> {
  const path = await realpath(enginePath);
  const { size, mtimeMs } = await stat(path);
  return [version, path, size, mtimeMs].join(' ');
}

/** Flux's ports and paths: metrics on one, /healthz and /readyz on the other. */
async function serveHealth(
  { cluster, metrics, host, metricsPort, healthPort }: LaunchOptions,
  isHealthy: () => boolean,
  isReady: () => boolean,
): Promise<{ metrics: TextServer; health: TextServer }> {
  const verdict = (good: boolean): { status: number; body: string } =>
    good ? { status: 200, body: 'ok\n' } : { status: 503, body: 'not ready\n' };
  // Artifacts are served without the API server: an outage of it is told, and takes nobody from us.
  const ready = (): { status: number; body: string } => {
    const { status, body } = verdict(isHealthy() && isReady());
    const away = awayText(cluster.connection);
    return { status, body: away === null ? body : `${body}${away}\n` };
  };
  return {
    metrics: await serveText(metricsPort, host, {
      '/metrics': () => ({ status: 200, body: `${[...metrics.lines()].join('\n')}\n` }),
    }),
    health: await serveText(healthPort, host, {
      '/healthz': () => verdict(isHealthy()),
      '/readyz': ready,
    }),
  };
}

interface Turn {
  acting: Promise<void>;
  lost: Promise<Error>;
  release(): Promise<void>;
}

function noLease(begin: () => Promise<void>): Turn {
  return { acting: begin(), lost: new Promise(() => undefined), release: () => Promise.resolve() };
}

function waitForLease(cluster: Cluster, namespace: string, identity: string, begin: () => Promise<void>): Turn {
  const stop = new AbortController();
  const acting = Promise.withResolvers<void>();
  const lost = Promise.withResolvers<Error>();
  const held = holdLease(cluster, {
    ...LEASE,
    namespace,
    identity,
    signal: stop.signal,
    onAcquired: () => void begin().then(acting.resolve, acting.reject),
    onLost: (reason) => lost.resolve(reason),
  });
  const release = async (): Promise<void> => {
    stop.abort();
    await held;
    acting.resolve();
  };
  return { acting: acting.promise, lost: lost.promise, release };
}
