import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { KubeObject, ObjectKey } from '@plumb/api';
import { HELM_CHART, HELM_RELEASE, READ_SOURCES, REQUESTED_AT_ANNOTATION } from '@plumb/api';
import type { Cluster } from '@plumb/kube';
import { connect } from '@plumb/kube';
import { serve } from '../../test/support/source-kinds.ts';
import { KillableAgent } from '../agent.ts';
import { ByHand, lenient } from '../by-hand.ts';
import { Chance } from '../chance.ts';
import { History } from '../history.ts';
import { CONFIG_MAP } from '../model.ts';
import type { ChartName } from './charts.ts';
import type { Release } from './model.ts';
import { configName, HOOK_KINDS, OBJECT_KINDS, POD, specOf } from './model.ts';
import { phasesOf } from './moments.ts';
import { Offers } from './offers.ts';
import { Pods } from './pods.ts';

const MANAGER = 'chaos';
/** Each namespace has it when pods can be made in it. */
const ACCOUNT = { group: '', version: 'v1', kind: 'ServiceAccount', name: 'default' } as const;

interface Parts {
  cluster: Cluster;
  namespace: string;
  targets: readonly string[];
  dir: string;
  history: History;
  offers: Offers;
  pods: Pods;
  agent: KillableAgent;
}

/** Where one round with HelmReleases takes place: a namespace for them, two for their objects, charts, pods that end, an agent, and a record of all that was written. */
export class ReleaseField {
  readonly cluster: Cluster;
  /** Of the HelmReleases and their records. */
  readonly namespace: string;
  readonly targets: readonly string[];
  readonly dir: string;
  readonly history: History;
  readonly agent: KillableAgent;
  readonly byHand: ByHand;
  readonly log: string[] = [];
  readonly #offers: Offers;
  readonly #pods: Pods;
  readonly #since = performance.now();

  private constructor(parts: Parts) {
    this.cluster = parts.cluster;
    this.namespace = parts.namespace;
    this.targets = parts.targets;
    this.dir = parts.dir;
    this.history = parts.history;
    this.agent = parts.agent;
    this.#offers = parts.offers;
    this.#pods = parts.pods;
    this.byHand = new ByHand(parts.cluster, (text) => this.say(text));
  }

  static async start({ kubeconfig, seed }: { kubeconfig: string; seed: number }): Promise<ReleaseField> {
    const dir = await mkdtemp(join(tmpdir(), 'plumb-chaos-'));
    const cluster = await connect({ kubeconfig, userAgent: 'plumb-chaos' });
    const namespace = `chaos-${randomBytes(4).toString('hex')}`;
    const targets = [`${namespace}-a`, `${namespace}-b`];
    await serve(cluster, [...READ_SOURCES, HELM_CHART]);
    const namespaces = [namespace, ...targets];
    for (const name of namespaces) await cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    for (const target of targets) await thereIs(cluster, { ...ACCOUNT, namespace: target });
    const offers = await Offers.start(cluster);
    const pods = new Pods(cluster, new Chance(seed + 3));
    const declared = [...OBJECT_KINDS, ...HOOK_KINDS];
    const selections = namespaces.flatMap((one) => declared.map((kind) => ({ kind, namespace: one })));
    const flux = [HELM_RELEASE, HELM_CHART].map((kind) => ({ kind, namespace }));
    const history = await History.start(cluster, [...selections, ...flux]);
    await mkdir(join(dir, 'agent'));
    const agent = new KillableAgent({
      kubeconfig,
      namespace,
      dir: join(dir, 'agent'),
      log: join(dir, 'agent.log'),
      env: { SOURCE_CONTROLLER_LOCALHOST: offers.host },
    });
    const field = new ReleaseField({ cluster, namespace, targets, dir, history, offers, pods, agent });
    history.listen((object) => field.#play(object));
    return field;
  }

  /** The other programs of a cluster do their part. */
  #play(object: KubeObject | null): void {
    if (object?.kind === POD.kind) this.#pods.look(object);
    if (object?.kind === HELM_CHART.kind)
      this.#offers.offer(object).catch((error: unknown) => this.say(`no offer: ${String(error)}`));
  }

  async close({ keep }: { keep: boolean }): Promise<void> {
    await this.agent.stop();
    await this.history.stop();
    await this.#pods.done();
    await this.#removeReleases();
    for (const name of [...this.targets, this.namespace])
      await this.cluster.delete({ group: '', version: 'v1', kind: 'Namespace', namespace: '', name });
    await this.cluster.close();
    await this.#offers.close();
    if (!keep) await rm(this.dir, { recursive: true, force: true });
  }

  /** No agent is left that would take the finalizers off. */
  async #removeReleases(): Promise<void> {
    const { items } = await this.cluster.list(HELM_RELEASE, { namespace: this.namespace });
    for (const { metadata } of items) {
      const key = this.keyOf(metadata.name);
      await lenient(() => this.cluster.patch(key, { metadata: { finalizers: null } }, { type: 'merge' }));
      await this.cluster.delete(key);
    }
  }

  say(text: string): void {
    this.log.push(`${((performance.now() - this.#since) / 1_000).toFixed(3)} ${text}`);
  }

  keyOf(name: string): ObjectKey {
    return { ...HELM_RELEASE, namespace: this.namespace, name };
  }

  publish(chart: ChartName, version: number): Promise<void> {
    return this.#offers.publish(this.namespace, chart, version);
  }

  /** Makes the HelmRelease, and what it has its values from, what is declared. */
  async declare(release: Release): Promise<void> {
    const { name, manner, value } = release;
    if (manner.fromConfig) {
      await this.cluster.apply(
        {
          apiVersion: 'v1',
          kind: CONFIG_MAP.kind,
          metadata: {
            name: configName(release),
            namespace: this.namespace,
            labels: { 'reconcile.fluxcd.io/watch': 'Enabled' },
          },
          data: { 'values.yaml': `value: ${value}\n` },
        },
        { fieldManager: MANAGER, force: true },
      );
    }
    const object = {
      apiVersion: 'helm.toolkit.fluxcd.io/v2',
      kind: HELM_RELEASE.kind,
      metadata: { name, namespace: this.namespace },
      spec: specOf(release),
    };
    await this.cluster.apply(object, { fieldManager: MANAGER, force: true });
  }

  async delete(name: string): Promise<void> {
    await this.cluster.delete(this.keyOf(name));
  }

  /** What releases are in the middle of now. */
  underway(): Set<string> {
    const objects: KubeObject[] = [];
    let isDrifted = false;
    for (const [id, states] of this.history.entries()) {
      const last = states.at(-1);
      if (last === undefined) continue;
      if (last.object !== null) objects.push(last.object);
      isDrifted ||= this.byHand.didLast(id, last);
    }
    const phases = phasesOf(objects);
    return isDrifted ? phases.add('correction') : phases;
  }

  /** Of all that are in the cluster, those on their way out too. */
  async releaseNames(): Promise<ReadonlySet<string>> {
    const { items } = await this.cluster.list(HELM_RELEASE, { namespace: this.namespace });
    return new Set(items.map(({ metadata }) => metadata.name));
  }

  /** Asks for a run, as `flux reconcile helmrelease` does. @returns the token of the request */
  async request(name: string): Promise<string> {
    const token = `${new Date().toISOString()}-${this.log.length}`;
    const annotations = { [REQUESTED_AT_ANNOTATION]: token };
    await lenient(() => this.cluster.patch(this.keyOf(name), { metadata: { annotations } }, { type: 'merge' }));
    return token;
  }
}

async function thereIs(cluster: Cluster, key: ObjectKey): Promise<void> {
  const { resourceVersion } = await cluster.list(key, { namespace: key.namespace });
  if ((await cluster.get(key)) !== null) return;
  const signal = AbortSignal.timeout(30_000);
  for await (const event of cluster.watch(key, { namespace: key.namespace, resourceVersion, signal }))
    if (event.type === 'added' && event.object.metadata.name === key.name) return;
}
