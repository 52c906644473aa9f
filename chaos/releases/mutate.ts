import type { KubeObject } from '@plumb/api';
import { HELM_OWNER_NAME_LABEL, HELM_OWNER_NAMESPACE_LABEL } from '@plumb/api';
import type { Chance } from '../chance.ts';
import { fieldsOf } from '../model.ts';
import { CHART_NAMES } from './charts.ts';
import { STRANGER } from './converged.ts';
import type { ReleaseField } from './field.ts';
import type { Manner, Model, Release, TroubleName } from './model.ts';
import { troublesOf } from './model.ts';

const MOST = 5;
const FEWEST = 2;
const AT_FIRST = 3;
const NAMES = ['alder', 'birch', 'cedar', 'elder', 'hazel', 'maple', 'olive', 'rowan'] as const;
const VERSIONS = 6;

const WEIGHTS = {
  create: 3,
  delete: 2,
  value: 8,
  version: 3,
  publish: 2,
  trouble: 12,
  heal: 14,
  rename: 2,
  move: 2,
  store: 1,
  chart: 1,
  team: 1,
  suspend: 1,
  resume: 1,
  edit: 5,
  remove: 3,
  unlabel: 2,
  request: 1,
};

/** What people and other programs do to HelmReleases, charts and objects while the agent is killed. */
export class Mutator {
  readonly #field: ReleaseField;
  readonly #model: Model;
  readonly #chance: Chance;

  constructor(field: ReleaseField, model: Model, chance: Chance) {
    this.#field = field;
    this.#model = model;
    this.#chance = chance;
  }

  /** The first releases, and what nobody declares. @returns that */
  async begin(): Promise<KubeObject[]> {
    const strangers = strangersOf(this.#field);
    const made = await Promise.all(strangers.map((object) => this.#field.byHand.create(object)));
    for (const chart of CHART_NAMES) await this.#field.publish(chart, this.#model.published[chart]);
    for (let count = 0; count < AT_FIRST; count++) await this.#create();
    return made;
  }

  /** One thing that happens. */
  async step(): Promise<void> {
    const what = this.#chance.weighted(WEIGHTS);
    switch (what) {
      case 'create':
        return this.#create();
      case 'publish':
        return this.#publish();
      case 'edit':
      case 'remove':
      case 'unlabel':
        return this.#drift(what);
      default:
        return this.#change(what, this.#oneFor(what));
    }
  }

  /** All is declared so that it can come into force: nothing is wrong any more, and nothing suspended. */
  async end(): Promise<void> {
    for (const release of this.#model.releases.values()) {
      const isWell = release.trouble === 'none' && !release.suspended;
      Object.assign(release, { trouble: 'none', suspended: false });
      if (!isWell) await this.#field.declare(release);
    }
  }

  async #create(): Promise<void> {
    const going = await this.#field.releaseNames();
    const unused = NAMES.filter((name) => !this.#model.releases.has(name) && !going.has(name));
    if (this.#model.releases.size >= MOST || unused.length === 0) return;
    const start = { chart: this.#chance.one(CHART_NAMES), target: this.#chance.one(this.#model.targets) };
    const release = this.#model.add(this.#chance.one(unused), mannerOf(this.#chance), start);
    if (this.#chance.happens(0.1)) this.#model.afflict(release, this.#trouble(release));
    this.#field.say(`creates ${release.name}: ${JSON.stringify(release)}`);
    await this.#field.declare(release);
  }

  async #publish(): Promise<void> {
    const chart = this.#chance.one(CHART_NAMES);
    this.#model.published[chart] = this.#otherVersion(this.#model.published[chart]);
    this.#field.say(`publishes ${chart} ${this.#model.published[chart]}`);
    await this.#field.publish(chart, this.#model.published[chart]);
  }

  #otherVersion(version: number): number {
    return 1 + ((version + this.#chance.below(VERSIONS - 1)) % VERSIONS);
  }

  async #change(
    what: Exclude<keyof typeof WEIGHTS, 'create' | 'publish' | 'edit' | 'remove' | 'unlabel'>,
    release: Release,
  ): Promise<void> {
    const model = this.#model;
    this.#field.say(`${what} of ${release.name}`);
    switch (what) {
      case 'delete':
        return this.#delete(release);
      case 'request':
        await this.#field.request(release.name);
        return;
      case 'value':
        release.value = model.nextValue();
        break;
      case 'version':
        release.version = this.#otherVersion(release.version);
        break;
      case 'trouble':
        model.afflict(release, this.#trouble(release));
        release.value = model.nextValue();
        break;
      case 'heal':
        model.afflict(release, 'none');
        break;
      case 'rename':
        model.rename(release, this.#chance.one(['', '-b', '-c'].map((end) => `${release.name}${end}`)));
        break;
      case 'move':
        model.move(release, { target: this.#chance.one(model.targets) });
        break;
      case 'store':
        model.move(release, { storage: this.#chance.one([model.namespace, ...model.targets]) });
        break;
      case 'chart':
        model.move(release, { chart: this.#chance.one(CHART_NAMES) });
        break;
      case 'team':
        release.team = this.#chance.one(['blue', 'green', 'red']);
        break;
      case 'suspend':
      case 'resume':
        release.suspended = what === 'suspend';
    }
    this.#field.say(JSON.stringify({ ...release, manner: undefined }));
    await this.#field.declare(release);
  }

  /** A suspended one would leave its objects behind, as it must. */
  async #delete(release: Release): Promise<void> {
    if (this.#model.releases.size <= FEWEST) return;
    if (release.suspended) {
      release.suspended = false;
      await this.#field.declare(release);
    }
    this.#model.remove(release);
    await this.#field.delete(release.name);
  }

  /** Only of releases whose drift is put right: elsewhere it stays. */
  async #drift(what: 'edit' | 'remove' | 'unlabel'): Promise<void> {
    const releases = [...this.#model.releases.values()].filter(({ manner }) => manner.corrects);
    const objects = releases.flatMap((release) => this.#model.objectsOf(release));
    const value = this.#model.nextValue();
    if (objects.length === 0) return;
    const { key } = this.#chance.one(objects);
    switch (what) {
      case 'edit': {
        const fields = key.kind === 'Deployment' ? { spec: { replicas: 1 } } : fieldsOf(key.kind, `by-hand-${value}`);
        return this.#field.byHand.change(key, fields);
      }
      case 'unlabel': {
        const labels = { [HELM_OWNER_NAME_LABEL]: null };
        return this.#field.byHand.change(key, {
          metadata: { labels, annotations: { 'example.com/note': String(value) } },
        });
      }
      case 'remove':
        return this.#field.byHand.remove(key);
    }
  }

  #trouble({ chart }: Release): TroubleName {
    return this.#chance.weighted(troublesOf(chart));
  }

  /** Of all of them; one that is well gets into trouble, and one that is in trouble is healed, where there is any: else hardly one would ever be good enough to be rolled back to. */
  #oneFor(what: keyof typeof WEIGHTS): Release {
    const all = [...this.#model.releases.values()];
    const fit = all.filter(({ trouble }) =>
      what === 'trouble' ? trouble === 'none' : what !== 'heal' || trouble !== 'none',
    );
    return this.#chance.one(fit.length === 0 ? all : fit);
  }
}

/** What follows a failure, and how often. A rollback needs a release that was good before, and so comes to pass less often than it is asked for. */
const REMEDIES = { none: 1, rollback: 9, uninstall: 2, retry: 1 };

function mannerOf(chance: Chance): Manner {
  return {
    ownChart: chance.happens(0.5),
    remedy: chance.weighted(REMEDIES),
    tests: chance.happens(0.5),
    corrects: chance.happens(0.7),
    keepsHistory: chance.happens(0.3),
    history: 2 + chance.below(4),
    fromConfig: chance.happens(0.3),
    patches: chance.happens(0.3),
    bareHooks: chance.happens(0.3),
    cleansUp: chance.happens(0.3),
  };
}

/** Objects beside the managed ones: plain ones, one with Helm's marks and one with Flux's, both of releases nobody declares, and a record of such a release. */
function strangersOf({ namespace, targets }: ReleaseField): KubeObject[] {
  const [target = ''] = targets;
  const configMap = (name: string, metadata: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: target, ...metadata },
    data: { value: name },
  });
  const helms = {
    labels: { 'app.kubernetes.io/managed-by': 'Helm' },
    annotations: { 'meta.helm.sh/release-name': STRANGER, 'meta.helm.sh/release-namespace': target },
  };
  const fluxs = { labels: { [HELM_OWNER_NAME_LABEL]: STRANGER, [HELM_OWNER_NAMESPACE_LABEL]: namespace } };
  const labels = { owner: 'helm', name: STRANGER, status: 'deployed', version: '1' };
  return [
    configMap(STRANGER),
    configMap(`${STRANGER}-helm`, helms),
    configMap(`${STRANGER}-flux`, fluxs),
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: `sh.helm.release.v1.${STRANGER}.v1`, namespace, labels },
      type: 'helm.sh/release.v1',
      data: { release: Buffer.from('nobody reads it').toString('base64') },
    },
  ];
}
