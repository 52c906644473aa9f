import { realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createDecryptor, createEngine } from '@plumb/engine';
import type { DecryptorOptions, EngineOptions } from '@plumb/engine';
import type { Cluster, LeaseTimes, RequestCounter } from '@plumb/kube';
import type { DownloadsOptions, GitLimits, GitSourcesOptions } from '@plumb/sources';
import { createDownloads, createGitSources, createImages, createRemoteBases, serveArtifacts } from '@plumb/sources';
import type { Agent, AgentOptions } from './agent-options.ts';
import { startAgent } from './agent.ts';
import type { SurroundingNames } from './delivery/decryption/decryption.ts';
import type { TextServer } from './runtime/http-server.ts';
import { awayText } from './runtime/api-server.ts';
import { serveText } from './runtime/http-server.ts';
import type { MemberNews } from './runtime/members.ts';
import { Members } from './runtime/members.ts';
import type { Metrics } from './runtime/metrics.ts';

type Tuning = Pick<
  AgentOptions,
  | 'namespace'
  | 'labelSelector'
  | 'concurrent'
  | 'concurrentApplies'
  | 'dependencyInterval'
  | 'jitterPercent'
  | 'crossNamespaceRefs'
  | 'externalArtifacts'
  | 'additiveReadyExpr'
  | 'defaultServiceAccount'
  | 'defaultSourceAccount'
  | 'customStageKinds'
  | 'overriddenManagers'
  | 'clouds'
  | 'configSelector'
  | 'strictSubstitutions'
  | 'gates'
  | 'bodiesLimit'
  | 'remoteClusters'
  | 'onQuiet'
  | 'tell'
  | 'onFault'
  | 'onNotice'
>;

export interface LaunchDecryption extends SurroundingNames {
  /** The executable. */
  path: string;
  /** Its whole environment: proxies and certificates. */
  environment: Readonly<Record<string, string>>;
  /** Flux's laxness: a file is decrypted although its values are not those it was encrypted with. */
  laxMac: boolean;
}

/** What an agent process is made of. Port 0 takes any free one. */
export interface LaunchOptions extends Tuning {
  cluster: Cluster;
  metrics: Metrics;
  /** Folder for mirrors and artifacts. One process at a time. */
  dataDir: string;
  /** The engine helper's executable. */
  enginePath: string;
  /** Bounds for the engine's processes; by default its own. */
  engine?: Pick<EngineOptions, 'memoryLimit' | 'slots'>;
  /** The program that decrypts, and what serves units beside their own Secrets. */
  decryption?: LaunchDecryption;
  /** Bytes its process may hold; by default its own bound. */
  decryptorLimit?: number;
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
  /** Namespace of the leases by which replicas share the work; undefined: this one does it all. */
  leaseNamespace?: string;
  leaseTimes?: LeaseTimes;
  /** Told when replicas come and go, and when they are agreed. */
  onMember?: (news: MemberNews) => void;
  /** Environment that git is given: proxies and the like. */
  gitEnvironment?: Readonly<Record<string, string>>;
  /** What one repository may take; by default the bounds of the sources. */
  gitLimits?: Partial<GitLimits>;
  /** Whether kustomizations may name what stands elsewhere; by default they may. */
  remoteBases?: boolean;
  /** `host:port` to download others' artifacts from, instead of what their addresses say. */
  sourceHostOverride?: string;
}

export interface LaunchedAgent {
  /** Resolves when this replica acts on its share, rejects when it cannot start. */
  acting: Promise<void>;
  artifactPort: number;
  metricsPort: number;
  healthPort: number;
  engineUsage(): Promise<{ cpuSeconds: number; peakRssBytes: number; running: number }>;
  close(): Promise<void>;
}

/** A replica that dies is taken over within 20 s; one at rest sends 12 requests a minute for its lease. */
const LEASE_TIMES: LeaseTimes = { duration: 15_000, renewDeadline: 10_000, renewEvery: 5_000 };

/** Counts every request to the API server, by verb, resource and status. */
export function requestCounter(metrics: Metrics): RequestCounter {
  const count = metrics.counter(
    'plumb_api_requests_total',
    'Requests to the API server by verb, resource and status.',
    ['verb', 'resource', 'code'],
  );
  const seconds = metrics.counter(
    'plumb_api_request_seconds_total',
    'Time spent waiting for the API server, by verb.',
    ['verb'],
  );
  return {
    count(verb, resource, status, took) {
      count({ verb, resource, code: String(status) });
      seconds({ verb }, took);
    },
  };
}

/** Starts everything an agent process serves, and the agent itself, which acts as soon as the replicas are agreed. */
export async function launchAgent(options: LaunchOptions): Promise<LaunchedAgent> {
  const { host } = options;
  const made = partOptionsOf(options);
  const engine = createEngine(made.engine);
  const opening = openingOf(made.decryption);
  const disk = { ...made.disk, engine };
  const sources = createGitSources(disk);
  const downloads = createDownloads({ ...disk, ...made.downloads });
  const remotes = options.remoteBases === false ? null : createRemoteBases(disk);
  const artifacts = await serveArtifacts({ dir: options.dataDir, host, port: options.artifactPort });
  const members = membersOf(options);
  let agent: Agent | null = null;
  let failure: unknown = null;
  const servers = await serveHealth(
    options,
    () => failure === null,
    () => agent !== null && (members === null || members.hasJoined),
  );
  const artifactHost = options.advertisedHost ?? new URL(artifacts.url).host;
  const records = { dir: join(options.dataDir, 'units'), maker: await makerOf(options) };
  const shards = members === null ? {} : { shards: members };
  const { decryption: _files, ...rest } = options;
  const images = createImages(disk);
  const own = { engine, sources, downloads, images, ...(remotes && { remotes }), artifactHost, records };
  const parts = { ...shards, ...own, ...opening?.options };
  const starting = startAgent({ ...rest, ...parts }).then((started) => {
    agent = started;
  });
  members?.start();
  const acting = starting.then(() => members?.agreed);
  acting.catch((error: unknown) => (failure = error));
  return {
    acting,
    artifactPort: Number(new URL(artifacts.url).port),
    metricsPort: servers.metrics.port,
    healthPort: servers.health.port,
    engineUsage: () => engine.usage(),
    close: async () => {
      await starting.catch(() => undefined);
      await agent?.close();
      await members?.close();
      await Promise.all([
        sources.close(),
        downloads.close(),
        remotes?.close(),
        engine.close(),
        opening?.close(),
        artifacts.close(),
        servers.metrics.close(),
        servers.health.close(),
      ]);
    },
  };
}

/** What the parts of an agent process are made with. */
interface PartOptions {
  engine: EngineOptions;
  /** For everything that keeps something in the data folder. */
  disk: Pick<GitSourcesOptions, 'dir' | 'env' | 'limits'>;
  downloads: Pick<DownloadsOptions, 'hostOverride'>;
  decryption: { decryptor: DecryptorOptions; verifyMac: boolean; surroundings: SurroundingNames } | null;
}

export function partOptionsOf(
  options: Pick<
    LaunchOptions,
    | 'engine'
    | 'enginePath'
    | 'dataDir'
    | 'gitEnvironment'
    | 'gitLimits'
    | 'sourceHostOverride'
    | 'decryption'
    | 'decryptorLimit'
  >,
): PartOptions {
  const { gitEnvironment: env, gitLimits: limits, sourceHostOverride: hostOverride } = options;
  return {
    engine: { ...options.engine, path: options.enginePath },
    disk: { dir: options.dataDir, ...(env && { env }), ...(limits && { limits }) },
    downloads: hostOverride === undefined ? {} : { hostOverride },
    decryption: decryptionParts(options),
  };
}

function decryptionParts({
  decryption,
  decryptorLimit,
}: Pick<LaunchOptions, 'decryption' | 'decryptorLimit'>): PartOptions['decryption'] {
  if (decryption === undefined) return null;
  const { path, environment, laxMac, ...surroundings } = decryption;
  const bound = decryptorLimit === undefined ? {} : { memoryLimit: decryptorLimit };
  return { decryptor: { path, environment, ...bound }, verifyMac: !laxMac, surroundings };
}

function openingOf(made: PartOptions['decryption']): {
  options: Pick<AgentOptions, 'decryption'>;
  close: () => Promise<void>;
} | null {
  if (made === null) return null;
  const decryptor = createDecryptor(made.decryptor);
  return { options: { decryption: { ...made, decryptor } }, close: () => decryptor.close() };
}

/** Names this program and its helper: what another pair built, or without looking at MACs, may differ. */
async function makerOf({ enginePath, version = '', decryption }: LaunchOptions): Promise<string> {
  const path = await realpath(enginePath);
  const { size, mtimeMs } = await stat(path);
  return [version, path, size, mtimeMs, decryption?.laxMac === true ? 'lax' : ''].join(' ').trim();
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

/** The replicas of this agent, or null when it acts alone. */
function membersOf(options: LaunchOptions): Members | null {
  const { cluster, leaseNamespace: namespace, instance: name, labelSelector, metrics } = options;
  if (namespace === undefined) return null;
  const { leaseTimes = LEASE_TIMES, onMember: onNews = () => undefined, onFault = () => undefined } = options;
  return new Members({ ...leaseTimes, cluster, namespace, name, labelSelector, metrics, onNews, onFault });
}
