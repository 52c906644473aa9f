import { WATCH_LABEL_SELECTOR } from '@plumb/api';
import type { GroupKind } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import type { Cluster, Remote, RequestCounter } from '@plumb/kube';
import type { Downloads, GitSources, ReadImage, RemoteBases } from '@plumb/sources';
import type { DecryptionOptions, SurroundingNames } from './delivery/decryption/decryption.ts';
import type { RemotesOptions } from './delivery/remotes.ts';
import type { Clock } from './runtime/clock.ts';
import type { CloudIdentitiesOptions } from './runtime/cloud-identities.ts';
import type { Telling } from './runtime/finisher.ts';
import type { Metrics } from './runtime/metrics.ts';
import type { Shards } from './runtime/shards.ts';

/** How an agent behaves. Times in milliseconds; everything has a default but the first group. */
export interface AgentOptions {
  cluster: Cluster;
  engine: Engine;
  sources: GitSources;
  /** Takes artifacts that others make. */
  downloads: Downloads;
  /** Fetches what kustomizations name by address. Without it they may not. */
  remotes?: RemoteBases;
  /** Asks registries about images that gates are to judge. Without it they are asked without a proxy. */
  images?: ReadImage;
  /** Host and port consumers reach the artifact server at. */
  artifactHost: string;
  /** Names this process in Events. */
  instance: string;
  metrics?: Metrics;
  clock?: Clock;
  /** Which objects are this replica's; by default all. */
  shards?: Shards;
  /** Act only on Flux objects with these labels (--watch-label-selector); what they refer to needs none. */
  labelSelector?: string;
  /** Act only on objects of this namespace. */
  namespace?: string;
  /** Runs of one kind at once. */
  concurrent?: number;
  /** Requests one unit may have under way at once. */
  concurrentApplies?: number;
  dependencyInterval?: number;
  jitterPercent?: number;
  /** Milliseconds between searches for events a watch never brought: how long a lost one may stay unnoticed. Default 5 minutes. */
  checkInterval?: number;
  crossNamespaceRefs?: boolean;
  /** Whether units may name sources of the kind ExternalArtifact (Flux: feature gate of that name); by default they may not. */
  externalArtifacts?: boolean;
  /** A dependency with a readyExpr has to be ready by the usual rule too. */
  additiveReadyExpr?: boolean;
  defaultServiceAccount?: string | undefined;
  /** Who logs in at a cloud for sources that name no account; undefined: the agent's own identity. */
  defaultSourceAccount?: string | undefined;
  /** Kinds applied in a stage of their own, after definitions and classes and before the rest. */
  customStageKinds?: readonly GroupKind[];
  /** Which ConfigMaps and Secrets are watched, so that a change of one is acted upon at once. By default Flux's label. */
  configSelector?: string;
  /** Whether a variable that is not there and has no default fails a build; by default it does. */
  strictSubstitutions?: boolean;
  /** Whether policies, approvals and lockdowns hold changes back, where the cluster serves them; by default nothing does. */
  gates?: boolean;
  /** How encrypted files are opened; without it a unit that asks for it fails. */
  decryption?: Pick<DecryptionOptions, 'decryptor' | 'verifyMac'> & { surroundings: SurroundingNames | null };
  /** Field managers whose fields are taken over like kubectl's, by the beginnings of their names. */
  overriddenManagers?: readonly string[];
  /** Bytes of desired objects kept in memory; what is beyond is built again when it is needed. Default 32 MiB. */
  bodiesLimit?: number;
  /** Where to keep what a restart needs: a folder of its own, and the name of the program that builds. Without it everything is read anew. */
  records?: { dir: string; maker: string };
  /** Where the agent's own identity at the clouds is found, and where the clouds answer. */
  clouds?: Omit<CloudIdentitiesOptions, 'cluster'>;
  /** How the clusters that spec.kubeConfig refers to are found and connected to. */
  remoteClusters?: Omit<RemotesOptions, 'clouds'> & {
    /** Counts the requests to them. */
    counter?: RequestCounter;
    /** By default over the network. `onRefused` is told each time the server refuses the credentials. */
    connect?: (remote: Remote, onRefused: () => void) => Cluster;
  };
  /** Called some seconds after the last run of a burst. */
  onQuiet?: () => void;
  /** Told of every event. */
  tell?: (telling: Telling) => void;
  /** Told of what went wrong inside the agent itself. */
  onFault?: (what: string, error: unknown) => void;
  /** Told, in a line each, that the API server went away and that it is back. */
  onNotice?: (text: string) => void;
}

export interface Agent {
  metrics: Metrics;
  /** Objects kept in view; for tests and benchmarks. */
  observedObjects(): number;
  /** Takes no more work, ends what is under way, sends what is to be written, and lets go of the cluster's watches. */
  close(): Promise<void>;
}

export const DEFAULTS = {
  concurrent: 8,
  concurrentApplies: 16,
  dependencyInterval: 30_000,
  jitterPercent: 5,
  crossNamespaceRefs: true,
  externalArtifacts: false,
  additiveReadyExpr: false,
  customStageKinds: [],
  overriddenManagers: [],
  configSelector: WATCH_LABEL_SELECTOR,
  strictSubstitutions: true,
  gates: false,
  bodiesLimit: 32 * 1024 * 1024,
} as const satisfies Partial<AgentOptions>;
