import { availableParallelism, hostname } from 'node:os';
import { join } from 'node:path';
import { launchAgent, logLine, Metrics, requestCounter, selectionOf, toldLine } from '@plumb/agent';
import type { LaunchOptions, MemberNews } from '@plumb/agent';
import { parseDuration, WATCH_LABEL_SELECTOR } from '@plumb/api';
import { connect } from '@plumb/kube';
import type { ConnectOptions } from '@plumb/kube';
import type { Context } from '../context.ts';
import { decryptionOf, decryptionOptions } from '../decryption.ts';
import { gitEnvironment } from '../git-environment.ts';
import { giveBackMemory, memoryShares } from '../memory.ts';
import { kindsOf, partsOf } from '../lists.ts';
import type { OptionSpec, OptionValues } from '../options.ts';
import { tenancyOf } from '../tenancy.ts';
import { flag, port, text, whole } from '../options.ts';

function mebibytes(name: string, help: string, fallback: number): OptionSpec<number> {
  return whole(name, null, { help: `${help}, in MiB`, fallback, from: 1, to: 1_048_576 });
}

const MIB = 2 ** 20;

export const agentOptions = {
  kubeconfig: text(
    '--kubeconfig <path>',
    'KUBECONFIG',
    'kubeconfig of the cluster; without one, the service account of the pod',
  ),
  context: text('--context <name>', null, 'context of the kubeconfig; by default its current one'),
  dataDir: text('--data-dir <path>', 'PLUMB_DATA_DIR', 'folder for Git mirrors and artifacts', '/data'),
  enginePath: text(
    '--engine-path <path>',
    'PLUMB_ENGINE_PATH',
    'the engine helper; by default the one built in this clone',
  ),
  watchAllNamespaces: flag(
    '--watch-all-namespaces',
    null,
    'act on all namespaces, or only on the one of RUNTIME_NAMESPACE',
    true,
  ),
  watchLabelSelector: {
    ...text(
      '--watch-label-selector <selector>',
      null,
      'act only on Flux objects with these labels, to shard by hand; what they refer to needs none',
    ),
    read: (given: string) => {
      selectionOf(given);
      return given;
    },
  },
  runtimeNamespace: text(
    '--runtime-namespace <name>',
    'RUNTIME_NAMESPACE',
    'namespace the agent runs in: the leases of its replicas are kept there',
    'flux-system',
  ),
  enableLeaderElection: flag(
    '--enable-leader-election',
    null,
    'share the work with other replicas by leases; without, this one does it all',
    true,
  ),
  host: text('--host <address>', null, 'address the servers listen on', '127.0.0.1'),
  storageAddr: port('--storage-port', null, 'port of the artifact server', 9090),
  storageAdvAddr: text(
    '--storage-adv-addr <host:port>',
    'STORAGE_ADV_ADDR',
    'where consumers reach the artifact server; by default where it listens',
  ),
  metricsPort: port('--metrics-port', null, 'port of /metrics', 8080),
  healthPort: port('--health-port', null, 'port of /healthz and /readyz', 9440),
  concurrent: whole('--concurrent <n>', null, { help: 'runs of one kind at once', fallback: 8, from: 1, to: 256 }),
  concurrentSsa: whole('--concurrent-ssa <n>', null, {
    help: 'requests of one unit at once',
    fallback: 16,
    from: 1,
    to: 256,
  }),
  gitMaxEntries: whole('--git-max-entries <n>', null, {
    help: 'files and folders one artifact may hold',
    fallback: 250_000,
    from: 1,
    to: 100_000_000,
  }),
  gitMaxFileSize: mebibytes('--git-max-file-size <MiB>', 'size of one file of an artifact', 100),
  gitMaxSize: mebibytes('--git-max-size <MiB>', 'size of all files of an artifact, before compression', 2_048),
  gitMaxFetch: mebibytes('--git-max-fetch <MiB>', 'what one fetch may add to the disk', 2_048),
  requeueDependency: {
    ...text(
      '--requeue-dependency <duration>',
      null,
      'how often a missing dependency is looked at again, beside its own events',
      '30s',
    ),
    read: (given: string) => {
      parseDuration(given);
      return given;
    },
  },
  intervalJitterPercentage: whole('--interval-jitter-percentage <n>', null, {
    help: 'how far intervals are spread',
    fallback: 5,
    from: 0,
    to: 99,
  }),
  noCrossNamespaceRefs: flag('--no-cross-namespace-refs', null, 'refuse sources of other namespaces'),
  additiveCelDependencyCheck: flag(
    '--additive-cel-dependency-check',
    null,
    'a dependency with a readyExpr has to be Ready by the usual rule too',
  ),
  externalArtifacts: flag(
    '--external-artifacts',
    null,
    'let units name sources of the kind ExternalArtifact, whose artifacts any program may offer',
  ),
  sourceHostOverride: text(
    '--source-host-override <host:port>',
    'SOURCE_CONTROLLER_LOCALHOST',
    "where to download the artifacts of sources that others fetch, instead of their address's host: for an agent outside of the cluster",
  ),
  noRemoteBases: flag(
    '--no-remote-bases',
    null,
    'refuse kustomizations that name what is not in their source: repositories and files elsewhere',
  ),
  defaultServiceAccount: text(
    '--default-service-account <name>',
    null,
    'act as this service account for units that name none',
  ),
  tenancyLockdown: flag(
    '--tenancy-lockdown',
    null,
    'what keeps tenants apart at once: --no-cross-namespace-refs, --no-remote-bases, and the service account default for units and sources that name none, towards clouds, key services and other clusters too',
  ),
  insecureKubeconfigExec: flag(
    '--insecure-kubeconfig-exec',
    null,
    'run the programs that kubeconfigs of spec.kubeConfig name',
  ),
  insecureKubeconfigTls: flag(
    '--insecure-kubeconfig-tls',
    null,
    'let kubeconfigs of spec.kubeConfig leave servers unchecked',
  ),
  defaultKubeconfigServiceAccount: text(
    '--default-kubeconfig-service-account <name>',
    null,
    'reach clusters as this service account where spec.kubeConfig.configMapRef names none',
  ),
  customApplyStageKinds: {
    ...text(
      '--custom-apply-stage-kinds <list>',
      null,
      'kinds as group/Kind, with commas, applied in a stage of their own before the rest',
    ),
    read: (given: string) => {
      kindsOf(given);
      return given;
    },
  },
  watchConfigsLabelSelector: text(
    '--watch-configs-label-selector <selector>',
    null,
    'ConfigMaps and Secrets whose changes are acted upon at once',
    WATCH_LABEL_SELECTOR,
  ),
  strictSubstitutions: flag(
    '--strict-substitutions',
    null,
    'fail a build that uses a variable which is not there and has no default',
    true,
  ),
  ...decryptionOptions,
  overrideManager: text(
    '--override-manager <list>',
    null,
    "field managers, with commas, whose fields are taken over as kubectl's are, by the beginnings of their names",
  ),
} as const;

const MEMBER_NEWS: Readonly<Record<MemberNews['event'], string>> = {
  joined: 'this replica has joined the others',
  agreed: 'all replicas are agreed on their shares',
  'member-left': 'a replica has left, its share is taken over',
  'member-expired': 'the lease of a replica is over, its share is taken over',
  'lease-lost': 'the lease of this replica is lost, it does nothing until it has joined again',
};

/** As a message names them that is about one of these limits. */
const GIT_LIMITS_SET_BY = {
  entries: nameOf(agentOptions.gitMaxEntries),
  fileBytes: nameOf(agentOptions.gitMaxFileSize),
  totalBytes: nameOf(agentOptions.gitMaxSize),
  fetchBytes: nameOf(agentOptions.gitMaxFetch),
};

function nameOf({ flag: written }: OptionSpec<number>): string {
  return written.split(' ', 1)[0] ?? '';
}

/** Where the command line says the API server is: without a kubeconfig, where the pod is. */
export function connectionOf(
  { kubeconfig, context }: Pick<OptionValues<typeof agentOptions>, 'kubeconfig' | 'context'>,
  environment: Context['environment'],
): Pick<ConnectOptions, 'kubeconfig' | 'inCluster' | 'context'> {
  return {
    ...(kubeconfig === '' ? { inCluster: podAddress(environment) } : { kubeconfig }),
    ...(context === '' ? {} : { context }),
  };
}

/** All that an agent is started with and that is data: what is not in here, no option and no variable can change. */
type AgentSettings = Omit<
  LaunchOptions,
  'cluster' | 'metrics' | 'instance' | 'onQuiet' | 'tell' | 'onMember' | 'onFault' | 'onNotice'
>;

/** What the command line says, in the words and units of the agent. `cores`: how many this process may use. */
export function settingsOf(
  options: OptionValues<typeof agentOptions>,
  context: Pick<Context, 'root' | 'program' | 'memoryLimit' | 'environment'>,
  cores: number,
): AgentSettings {
  const tenancy = tenancyOf(options);
  return {
    ...memoryShares(context.memoryLimit, cores),
    version: context.program,
    enginePath: options.enginePath === '' ? join(context.root, 'build', 'engine') : options.enginePath,
    dataDir: options.dataDir,
    host: options.host,
    artifactPort: options.storageAddr,
    metricsPort: options.metricsPort,
    healthPort: options.healthPort,
    concurrent: options.concurrent,
    concurrentApplies: options.concurrentSsa,
    dependencyInterval: parseDuration(options.requeueDependency),
    jitterPercent: options.intervalJitterPercentage,
    crossNamespaceRefs: tenancy.crossNamespaceRefs,
    additiveReadyExpr: options.additiveCelDependencyCheck,
    externalArtifacts: options.externalArtifacts,
    gates: true,
    ...(options.sourceHostOverride === '' ? {} : { sourceHostOverride: options.sourceHostOverride }),
    remoteBases: tenancy.remoteBases,
    gitEnvironment: gitEnvironment(context.environment),
    gitLimits: {
      entries: options.gitMaxEntries,
      fileBytes: options.gitMaxFileSize * MIB,
      totalBytes: options.gitMaxSize * MIB,
      fetchBytes: options.gitMaxFetch * MIB,
      setBy: GIT_LIMITS_SET_BY,
    },
    ...(options.storageAdvAddr === '' ? {} : { advertisedHost: options.storageAdvAddr }),
    ...(options.watchAllNamespaces ? {} : { namespace: options.runtimeNamespace }),
    ...(options.watchLabelSelector === '' ? {} : { labelSelector: options.watchLabelSelector }),
    ...(options.enableLeaderElection ? { leaseNamespace: options.runtimeNamespace } : {}),
    defaultServiceAccount: tenancy.applyAccount,
    defaultSourceAccount: tenancy.sourceAccount,
    remoteClusters: {
      rules: { exec: options.insecureKubeconfigExec, insecureTls: options.insecureKubeconfigTls },
      defaultAccount: tenancy.kubeconfigAccount,
    },
    clouds: { environment: context.environment },
    configSelector: options.watchConfigsLabelSelector,
    strictSubstitutions: options.strictSubstitutions,
    decryption: { ...decryptionOf(options, context), defaultServiceAccount: tenancy.decryptionAccount },
    customStageKinds: kindsOf(options.customApplyStageKinds),
    overriddenManagers: partsOf(options.overrideManager),
  };
}

/** Runs the agent against a cluster until it is told to stop. Logs one JSON object a line. @returns the exit code */
export async function runAgent(options: OptionValues<typeof agentOptions>, context: Context): Promise<number> {
  const stopped = context.untilStopped();
  const log = logger(context);
  const metrics = new Metrics();
  const counter = requestCounter(metrics);
  const connection = connectionOf(options, context.environment);
  const cluster = await connect({ ...connection, userAgent: 'plumb-agent', counter });
  const instance = hostname();
  const settings = settingsOf(options, context, availableParallelism());
  const agent = await launchAgent({
    ...settings,
    cluster,
    metrics,
    instance,
    remoteClusters: { ...settings.remoteClusters, counter },
    onQuiet: giveBackMemory,
    tell: (telling) => log.print(toldLine(telling, Date.now())),
    onMember: ({ event, ...fields }) => log.info(MEMBER_NEWS[event], { ...fields, instance }),
    onFault: (what, error) => log.error(what, error),
    onNotice: (text) => log.info(text, {}),
  });
  log.info('agent started', {
    instance,
    metricsPort: agent.metricsPort,
    healthPort: agent.healthPort,
    artifactPort: agent.artifactPort,
  });
  const failed = agent.acting.then(() => new Promise<never>(() => undefined));
  await Promise.race([stopped, failed]);
  await agent.close();
  await cluster.close();
  return 0;
}

/** Where the pod's environment says the API server is. */
function podAddress({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }: Context['environment']): {
  host?: string;
  port?: string;
} {
  return { ...(host === undefined ? {} : { host }), ...(port === undefined ? {} : { port }) };
}

function logger({ stdout }: Context) {
  const print = (line: string): void => void stdout.write(`${line}\n`);
  const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
  return {
    print,
    info: (msg: string, fields: object) => print(logLine('info', msg, fields, Date.now())),
    error: (msg: string, error: unknown) => print(logLine('error', msg, { error: textOf(error) }, Date.now())),
  };
}
