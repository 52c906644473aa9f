import {
  eventType,
  GIT_REPOSITORY,
  HELM_CONTROLLER,
  HELM_RELEASE,
  HELM_STATUS_MANAGER,
  KUSTOMIZATION_CONTROLLER,
  KUSTOMIZATION_STATUS_MANAGER,
  KUSTOMIZATION,
  ownMessages,
  SOURCE_CONTROLLER,
  SOURCE_STATUS_MANAGER,
} from '@plumb/api';
import type { GitRepository, KindRef, Kustomization, Said, UnitRef } from '@plumb/api';
import type { Cluster, ReflectorOptions, Remote, RequestCounter } from '@plumb/kube';
import { connectRemote } from '@plumb/kube';
import { OWNERSHIPS } from '@plumb/core';
import { createRenderer } from '@plumb/render';
import { createImages } from '@plumb/sources';
import { Gatekeeper, type GatekeeperOptions } from './gates/gatekeeper.ts';
import { DEFAULTS, type Agent, type AgentOptions } from './agent-options.ts';
import { authorsOf, commitsOf, signedIn } from './controllers/gitrepository/authors.ts';
import { GitRepositoryController } from './controllers/gitrepository/controller.ts';
import { replicate } from './controllers/gitrepository/replicate.ts';
import { KustomizationController } from './controllers/kustomization/controller.ts';
import { standsOn } from './controllers/kustomization/last-delivered.ts';
import { sourceId } from './controllers/kustomization/observe.ts';
import { Artifacts, type FetchArtifact } from './delivery/artifacts.ts';
import { artifactFetcher } from './delivery/fetch-artifact.ts';
import { Clusters } from './delivery/clusters.ts';
import { Expressions } from './delivery/expressions.ts';
import { Decryption, withoutDecryption } from './delivery/decryption/decryption.ts';
import type { Identities } from './delivery/decryption/identities.ts';
import { Packs } from './delivery/packs.ts';
import { Records } from './delivery/records.ts';
import { sealing } from './delivery/seal.ts';
import { remoteUses } from './delivery/remote-uses.ts';
import { Remotes } from './delivery/remotes.ts';
import { measureApiServers, tellOfApiServer } from './runtime/api-server.ts';
import { measureProcess } from './runtime/process-gauges.ts';
import { measureUnits } from './runtime/unit-gauges.ts';
import { systemClock, type Clock } from './runtime/clock.ts';
import { CloudIdentities } from './runtime/cloud-identities.ts';
import { EventRecorder } from './runtime/events.ts';
import { Finisher, type Telling } from './runtime/finisher.ts';
import { FluxObjects, objectId, parseObjectId } from './runtime/flux-objects.ts';
import { Metrics } from './runtime/metrics.ts';
import { Limit } from './runtime/limit.ts';
import { OnDemandObjects } from './runtime/on-demand-objects.ts';
import { Quiet } from './runtime/quiet.ts';
import { repeat } from './runtime/repeat.ts';
import { KeyedQueue } from './runtime/queue.ts';
import { tellReadiness } from './runtime/readiness.ts';
import { selectionOf, uidsIn } from './runtime/selection.ts';
import { aloneWith } from './runtime/shards.ts';
import { Share } from './runtime/share.ts';
import { SourceObjects } from './runtime/source-objects.ts';
import { StatusWriter } from './runtime/status-writer.ts';
import { READ_KINDS, serveReleases } from './serve-releases.ts';
import { WatchedConfigs } from './runtime/watched-configs.ts';

const STAGE_TIMEOUT = 60_000;

/** Builds the agent and starts it. Resolves when its own objects are listed and their first runs are queued. */
export async function startAgent(given: AgentOptions): Promise<Agent> {
  const options = { ...DEFAULTS, ...given };
  const { cluster, clock = systemClock, metrics = new Metrics(), onFault = () => undefined } = options;
  const stop = new AbortController();
  const writes = new AbortController();
  const reconcile = {
    duration: metrics.histogram(
      'gotk_reconcile_duration_seconds',
      'The duration in seconds of a GitOps Toolkit resource reconciliation.',
      ['kind', 'name', 'namespace'],
    ),
    count: metrics.counter('controller_runtime_reconcile_total', 'Total number of reconciliations per controller.', [
      'controller',
      'result',
    ]),
  };
  const drift = metrics.counter(
    'plumb_drift_corrected_total',
    'Objects put right after somebody else changed or deleted them.',
    ['kind', 'namespace', 'name'],
  );
  const detected = metrics.counter(
    'plumb_drift_detected_total',
    'Changes by somebody else that DriftDetected told of: those that are left, and of HelmReleases those that are put right too.',
    ['kind', 'namespace', 'name'],
  );
  const dropped = metrics.counter('plumb_events_dropped_total', 'Events that could not be written.', ['reason']);
  const onNotice = (text: string): void => options.onNotice?.(text);
  const endTelling = tellOfApiServer(cluster.connection, onNotice);
  const events = new EventRecorder({
    cluster: cluster.withPriority('background'),
    clock,
    instance: options.instance,
    onDrop: (error) => {
      dropped({ reason: 'write' });
      onFault('an event could not be written', error);
    },
  });
  const tell = (telling: Telling): void => {
    const { kind, namespace: space, name } = telling;
    if (telling.event.reason === 'DriftCorrected') drift({ kind, namespace: space, name });
    if (telling.event.reason === 'DriftDetected') detected({ kind, namespace: space, name });
    options.tell?.(telling);
  };
  const { shards = aloneWith(cluster) } = options;
  const scope = scopeOf(options, stop.signal);
  const selects = selectionOf(options.labelSelector);
  const quiet = new Quiet({ clock, after: QUIET_AFTER, tell: options.onQuiet ?? (() => undefined) });
  const statusWrites = new Limit(STATUS_WRITES);
  const wire = (ref: KindRef, component: string, fieldManager: string, laneOf = (_id: string) => '') => {
    const { kind } = ref;
    const objects = new FluxObjects(cluster, ref, scope);
    objects.listen((id, object, before) => {
      const isLost = object === undefined || (before !== undefined && selects(before) && !selects(object));
      if (isLost) metrics.forget({ kind, ...parseObjectId(id) });
    });
    const share = new Share(kind, {
      selects,
      shards,
      objects,
      queue: () => queue,
      writer: () => writer,
      stop: stop.signal,
    });
    const writer = new StatusWriter({
      cluster: (id) => share.claim(id)?.cluster ?? null,
      objects,
      kind: ref,
      fieldManager,
      clock,
      limit: statusWrites,
      signal: writes.signal,
    });
    const queueOf = (): KeyedQueue => queue;
    const finisher = new Finisher({
      kind,
      component,
      writer,
      events,
      queue: queueOf,
      tell,
      onWriteFailure: (id, error) => onFault(`status of ${kind}/${id} could not be written`, error),
      ...reconcile,
    });
    const handler = async (id: string): Promise<void> => {
      try {
        // What is fetched and built now could not be delivered, nor told.
        await cluster.connection.back(stop.signal);
        await share.run(id);
      } catch (error) {
        if (stop.signal.aborted) return;
        onFault(`run of ${kind}/${id} failed`, error);
        queue.addAfter(id, RETRY_AFTER_FAULT);
      } finally {
        quiet.worked();
      }
    };
    const { concurrent: workers } = options;
    const apart = { laneOf, each: Math.ceil(workers / 4), most: workers * 4 };
    const queue = new KeyedQueue({ workers, clock, handler, apart });
    return { objects, writer, finisher, queue, queueOf, share };
  };
  const git = wire(GIT_REPOSITORY, SOURCE_CONTROLLER, SOURCE_STATUS_MANAGER);
  const laneOf = (id: string): string => kustomizations.laneOf(id);
  const units = wire(KUSTOMIZATION, KUSTOMIZATION_CONTROLLER, KUSTOMIZATION_STATUS_MANAGER, laneOf);
  const releases = wire(HELM_RELEASE, HELM_CONTROLLER, HELM_STATUS_MANAGER, (id) => helm.controller.laneOf(id));
  const { counter, connect = connectOver(counter), ...finding } = options.remoteClusters ?? {};
  const identities = new CloudIdentities({ ...options.clouds, cluster });
  const remoteClusters = new Remotes({ ...finding, clouds: identities.direct });
  const clusters = new Clusters({
    cluster,
    connect,
    clock,
    ownership: OWNERSHIPS.Kustomization,
    checkInterval: options.checkInterval,
    onLive: (change, destination) => kustomizations.onLive(change, destination),
    onNews: (destination, news) => kustomizations.onNews(destination, news),
    onNotice,
  });
  measureApiServers(metrics, () => [clusters.own, ...clusters.remotes, ...helm.clusters.remotes]);
  const configs = new WatchedConfigs({
    ...scope,
    cluster,
    labelSelector: options.configSelector,
    onChange: (key) => {
      gitRepositories.onConfig(key);
      kustomizations.onConfig(key);
      helm.controller.onConfig(key);
    },
  });
  const { jitterPercent } = options;
  const decryption = decryptionOf(options, identities);
  const packs = new Packs(options.bodiesLimit);
  const records = options.records === undefined ? null : new Records({ ...options.records, clock, onFault });
  const seal = sealing(options.records?.dir ?? null);
  const readSources = READ_KINDS.map((kind) => new OnDemandObjects(cluster, kind, { ...scope, clock }));
  const sources = new SourceObjects(git.objects, readSources);
  const find = (namespace: string, name: string): GitRepository | undefined =>
    git.objects.get(objectId({ namespace, name })) as GitRepository | undefined;
  const standing = (source: UnitRef): string[] => {
    const all = [...units.objects.ids()].map((id) => units.objects.get(id) as Kustomization);
    return all
      .filter((unit) => unit.spec.sourceRef.kind === source.kind && sourceId(unit) === objectId(source))
      .flatMap(standsOn);
  };
  const { defaultSourceAccount: defaultServiceAccount } = options;
  const fetching = { identities, defaultServiceAccount, sources: options.sources, standing };
  const replicated: FetchArtifact = async (source, revision, digest) => {
    const object = find(source.namespace, source.name);
    if (object === undefined) return null;
    const open = artifacts.open.bind(artifacts);
    return replicate(object, { revision, digest }, { ...fetching, cluster, signal: stop.signal, find, open });
  };
  const fetchArtifact = artifactFetcher({
    downloads: options.downloads,
    find: (source) => sources.get(source.kind, objectId(source)),
    retry: options.dependencyInterval,
    signal: stop.signal,
    git: {
      isOurs: (source) => git.share.holds(objectId(source)),
      isVerified: ({ namespace, name }) => find(namespace, name)?.spec.verify !== undefined,
      host: options.artifactHost,
      replicate: replicated,
    },
  });
  const artifacts = new Artifacts(options.sources, () => clock.now(), fetchArtifact);
  const gitRepositories = new GitRepositoryController({
    gitRepositories: git.objects,
    hands: {
      clock,
      note: (object) => git.objects.note(object),
      ...fetching,
      configs,
      artifactHost: options.artifactHost,
    },
    finisher: git.finisher,
    queue: git.queueOf,
    clock,
    jitterPercent,
  });
  const settings = {
    crossNamespaceRefs: options.crossNamespaceRefs,
    externalArtifacts: options.externalArtifacts,
    dependencyInterval: options.dependencyInterval,
    additiveReadyExpr: options.additiveReadyExpr,
    jitterPercent,
    namespace: options.namespace,
  };
  const onGates = (unit: UnitRef | null): void => {
    kustomizations.onGates(unit);
    helm.controller.onGates(unit);
  };
  const overrides = metrics.counter(
    'plumb_gate_overrides_total',
    'Changes that passed by an override of approvals or windows.',
    ['kind', 'namespace', 'name'],
  );
  const tellOfGates = (ref: UnitRef, { id, level, reason, text: message }: Said): void => {
    const { kind, namespace: space, name } = ref;
    const { objects, finisher } = kind === HELM_RELEASE.kind ? releases : units;
    const object = objects.get(objectId(ref));
    if (id === ownMessages.gateOverridden.id) overrides({ kind, namespace: space, name });
    if (object !== undefined) finisher.say(object, { type: eventType(level), reason, message });
  };
  const gates = gatesOf(options, {
    clock,
    scope,
    authors: (source, range) => authorsOf(source, range, { ...fetching, cluster, signal: stop.signal, find }),
    commits: (source, range) => commitsOf(source, range, { ...fetching, cluster, signal: stop.signal, find }),
    signed: (source, question) => signedIn(source, question, { ...fetching, cluster, signal: stop.signal, find }),
    onChange: onGates,
    onFault,
    tell: tellOfGates,
  });
  const unitHands = {
    clock,
    remoteClusters,
    configs,
    packs,
    records,
    gates,
    parallel: options.concurrentApplies,
    stageTimeout: STAGE_TIMEOUT,
    defaultServiceAccount: options.defaultServiceAccount,
  };
  const helmReleases = new OnDemandObjects(cluster, HELM_RELEASE, { ...scope, clock });
  const kustomizations = new KustomizationController({
    kustomizations: units.objects,
    sources,
    helmReleases,
    hands: {
      ...unitHands,
      note: (object) => units.objects.note(object),
      artifacts,
      clusters,
      renderer: createRenderer({ engine: options.engine }),
      expressions: new Expressions(options.engine),
      remotes: options.remotes ?? null,
      strictSubstitutions: options.strictSubstitutions,
      seal,
      decryption,
      customStageKinds: options.customStageKinds,
      overriddenManagers: options.overriddenManagers,
    },
    writer: units.writer,
    finisher: units.finisher,
    queue: units.queueOf,
    clock,
    settings,
  });
  const helm = serveReleases({
    helmReleases: releases.objects,
    kustomizations: units.objects,
    sources,
    downloads: options.downloads,
    scope,
    clusters: { cluster, connect, clock, checkInterval: options.checkInterval, onNotice },
    hands: {
      ...unitHands,
      note: (object) => releases.objects.note(object),
      engine: options.engine,
      expressions: new Expressions(options.engine),
    },
    writer: releases.writer,
    finisher: releases.finisher,
    queue: releases.queueOf,
    clock,
    settings,
  });
  metrics.gauge('plumb_changes_held', 'Changes that policies, approvals or lockdowns hold.', () => gates?.held ?? 0);
  measureProcess(metrics);
  measureUnits(metrics, [
    { ...units, controller: kustomizations, clusters },
    { ...releases, controller: helm.controller, clusters: helm.clusters },
  ]);
  tellReadiness(metrics, [git.objects, units.objects, releases.objects], selects);
  // A run may need either kind: none starts before both are listed.
  git.objects.hold();
  units.objects.hold();
  releases.objects.hold();
  await Promise.all([git.objects.ready(), units.objects.ready()]);
  git.objects.listen((id, object, before) => {
    // What was fetched of a source that another agent finalized.
    if (object !== undefined || (git.share.holds(id) && (before === undefined || selects(before)))) return;
    const source = { kind: GIT_REPOSITORY.kind, ...parseObjectId(id) };
    options.sources.remove(source).catch((error: unknown) => onFault(`files of ${id} could not be removed`, error));
  });
  git.share.start(gitRepositories);
  units.share.start(kustomizations);
  // A cluster that has no HelmReleases yet keeps nobody waiting; those there are run as soon as somebody works on them.
  releases.objects.ready().then(
    () => {
      releases.share.start(helm.controller);
      releases.objects.release();
      records?.keepOnly(uidsIn(units.objects, selects).union(uidsIn(releases.objects, selects)));
    },
    () => undefined,
  );
  const endTidying = repeat(clock, TIDY_EVERY, async () => {
    const uses = kustomizations.uses((id) => units.share.holds(id));
    if (uses === null) return;
    helm.controller.noteUses(uses);
    sources.needOnly(uses.kinds);
    const kept = [options.remotes?.keepOnly(remoteUses(uses.bundles)), options.downloads.keepOnly(uses.artifacts)];
    await Promise.all(kept).catch((error: unknown) => onFault('what is not used any more could not be removed', error));
  });
  gates?.start();
  git.objects.release();
  units.objects.release();

  return {
    metrics,
    observedObjects: () => clusters.observed + helm.clusters.observed,
    close: async () => {
      quiet.stop();
      endTidying();
      endTelling();
      stop.abort();
      await Promise.all([git.queue.close(), units.queue.close(), releases.queue.close()]);
      await settleWithin(
        Promise.all([git.writer.flush(), units.writer.flush(), releases.writer.flush(), events.flush()]),
        LAST_WRITES,
        clock,
      );
      await records?.flush();
      writes.abort();
      await Promise.all([
        clusters.close(),
        helm.done(),
        git.objects.done(),
        units.objects.done(),
        releases.objects.done(),
        configs.done(),
        helmReleases.done(),
        gates?.done(),
        sources.done(),
      ]);
    },
  };
}

const QUIET_AFTER = 10_000;
const TIDY_EVERY = 10 * 60_000;
/** Status written at once: what it tells of goes before it. */
const STATUS_WRITES = 8;
const RETRY_AFTER_FAULT = 5_000;
/** At the end there is a little time for what is still to be written, and no more. */
const LAST_WRITES = 2_000;

function decryptionOf({ decryption, cluster }: AgentOptions, identities: Identities): Pick<Decryption, 'of'> {
  if (decryption === undefined) return withoutDecryption;
  const { surroundings: names, ...rest } = decryption;
  return new Decryption({ ...rest, surroundings: names === null ? null : { ...names, cluster, identities } });
}

function connectOver(counter: RequestCounter | undefined) {
  return (remote: Remote, onRefused: () => void): Cluster =>
    connectRemote(remote, { userAgent: 'plumb-agent', onRefused, ...(counter && { counter }) });
}

/** Where objects are looked at, and how. */
function scopeOf({ namespace, checkInterval }: AgentOptions, signal: AbortSignal): ReflectorOptions {
  return {
    ...(namespace === undefined ? {} : { namespace }),
    ...(checkInterval === undefined ? {} : { checkInterval }),
    signal,
  };
}

/** Where nothing holds changes back there is no gatekeeper. */
function gatesOf(
  { gates, cluster, engine, images = createImages() }: AgentOptions,
  rest: Pick<GatekeeperOptions, 'clock' | 'scope' | 'authors' | 'commits' | 'signed' | 'onChange' | 'onFault' | 'tell'>,
): Gatekeeper | null {
  if (gates !== true) return null;
  return new Gatekeeper({ ...rest, cluster, engine, images });
}

async function settleWithin(work: Promise<unknown>, ms: number, clock: Clock): Promise<void> {
  let cancel: () => void = () => undefined;
  const limit = new Promise<void>((resolve) => {
    cancel = clock.after(ms, resolve);
  });
  await Promise.race([work.catch(() => undefined), limit]);
  cancel();
}
