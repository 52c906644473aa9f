import type { KubeObject } from '@plumb/api';
import { keyId, OWNER_NAME_LABEL, OWNER_NAMESPACE_LABEL } from '@plumb/api';
import type { Chance } from './chance.ts';
import type { Field } from './field.ts';
import type { Model, Unit } from './model.ts';
import { CONFIG_MAP, fieldsOf, filesOf, folderOf, KINDS, SECRET } from './model.ts';

const MOST_UNITS = 6;
const FEWEST_UNITS = 2;
const NAMES = ['alder', 'birch', 'cedar', 'elder', 'hazel', 'maple', 'olive', 'rowan'] as const;

const WEIGHTS = {
  commit: 10,
  createUnit: 2,
  deleteUnit: 1.5,
  suspend: 1,
  resume: 1,
  edit: 5,
  remove: 3,
  unlabel: 2,
  annotate: 1,
  request: 1,
};

/** What people and other programs do to Git and the cluster while the agent is killed. */
export class Mutator {
  readonly #field: Field;
  readonly #model: Model;
  readonly #chance: Chance;
  /** The folders that the repository has. */
  #folders: string[] = [];

  constructor(field: Field, model: Model, chance: Chance) {
    this.#field = field;
    this.#model = model;
    this.#chance = chance;
  }

  /** The first units with their folders, and objects that nobody declares. @returns those */
  async begin(): Promise<KubeObject[]> {
    const strangers = await Promise.all(strangersOf(this.#field).map((object) => this.#field.byHand.create(object)));
    for (let count = 0; count < 3; count++) this.#addUnit(new Set());
    await this.#push();
    await this.#field.createSource();
    for (const unit of this.#model.units.values()) await this.#field.createUnit(unit);
    return strangers;
  }

  /** One thing that happens. */
  async step(): Promise<void> {
    const what = this.#chance.weighted(WEIGHTS);
    this.#field.say(what);
    switch (what) {
      case 'commit':
        return this.#commit();
      case 'createUnit':
        return this.#createUnit();
      case 'deleteUnit':
        return this.#deleteUnit();
      case 'suspend':
      case 'resume':
        return this.#suspend(this.#chance.one([...this.#model.units.values()]), what === 'suspend');
      case 'request':
        return this.#field.request(this.#field.unitKey(this.#chance.one([...this.#model.units.keys()])));
      default:
        return this.#drift(what);
    }
  }

  /** Everything is to come into force: nothing suspended, the source asked. */
  async end(): Promise<void> {
    for (const unit of this.#model.units.values()) await this.#suspend(unit, false);
    await this.#push();
    await this.#field.request(this.#field.sourceKey);
  }

  async #commit(): Promise<void> {
    for (let changes = 1 + this.#chance.below(4); changes > 0; changes--) this.#change();
    const asks = this.#chance.happens(0.7);
    await this.#push();
    if (asks) await this.#field.request(this.#field.sourceKey);
  }

  /** Changes one file, most often. */
  #change(): void {
    const unit = this.#anyUnit();
    const free = [...unit.objects.values()].filter(({ key }) => !key.name.startsWith('keep-'));
    const what = free.length === 0 ? 'add' : this.#chance.weighted({ add: 3, change: 4, remove: 2, move: 1 });
    if (what === 'add') {
      this.#model.declare(unit, this.#chance.one(KINDS));
      return;
    }
    const { key } = this.#chance.one(free);
    if (what === 'change') this.#model.put(unit, key);
    else unit.objects.delete(keyId(key));
    if (what === 'move') this.#model.put(this.#anyUnit(), key);
  }

  /** `going`: names of units that are on their way out, which may take as long as an API server is in trouble. */
  #addUnit(going: ReadonlySet<string>): Unit | null {
    const unused = NAMES.filter((name) => !this.#model.units.has(name) && !going.has(name));
    if (this.#model.units.size >= MOST_UNITS || unused.length === 0) return null;
    const unit = this.#model.add(this.#chance.one(unused), this.#chance.happens(0.6));
    for (let count = 1 + this.#chance.below(5); count > 0; count--) {
      const [kind, name] = [this.#chance.one(KINDS), `${unit.name}-${count}`];
      // A unit of this name that is gone may have left one to another unit.
      if (this.#model.isDeclared(kind, name)) this.#model.declare(unit, kind);
      else this.#model.declare(unit, kind, name);
    }
    return unit;
  }

  /** The folder comes first, or the Kustomization does. */
  async #createUnit(): Promise<void> {
    const unit = this.#addUnit(await this.#field.unitNames());
    const folderFirst = this.#chance.happens(0.5);
    if (unit === null) return;
    if (folderFirst) await this.#push();
    await this.#field.createUnit(unit);
    if (!folderFirst) await this.#push();
  }

  /** The folder goes first, or the Kustomization does. A suspended one would leave its objects behind, as it must. */
  async #deleteUnit(): Promise<void> {
    const unit = this.#anyUnit();
    const folderFirst = this.#chance.happens(0.3);
    if (this.#model.units.size <= FEWEST_UNITS) return;
    this.#field.say(`deletes ${unit.name}`);
    await this.#suspend(unit, false);
    this.#model.units.delete(unit.name);
    if (folderFirst) await this.#push();
    await this.#field.cluster.delete(this.#field.unitKey(unit.name));
    if (!folderFirst) await this.#push();
  }

  async #suspend(unit: Unit, suspend: boolean): Promise<void> {
    if (unit.suspended === suspend) return;
    unit.suspended = suspend;
    await this.#field.cluster.patch(this.#field.unitKey(unit.name), { spec: { suspend } }, { type: 'merge' });
  }

  async #drift(what: 'edit' | 'remove' | 'unlabel' | 'annotate'): Promise<void> {
    const { key } = this.#chance.one([...this.#model.declared()]).object;
    const value = this.#model.nextValue();
    const annotations = { 'example.com/note': String(value) };
    switch (what) {
      case 'edit':
        return this.#field.byHand.change(key, fieldsOf(key.kind, `by-hand-${value}`));
      case 'unlabel':
        return this.#field.byHand.change(key, { metadata: { labels: { [OWNER_NAME_LABEL]: null }, annotations } });
      case 'annotate':
        return this.#field.byHand.change(key, { metadata: { annotations } });
      case 'remove':
        return this.#field.byHand.remove(key);
    }
  }

  /** Makes the repository hold what the model declares. */
  async #push(): Promise<void> {
    const before = this.#folders.map((folder) => [folder, null] as const);
    const units = [...this.#model.units.values()];
    this.#folders = units.map(({ name }) => folderOf(name));
    await this.#field.push(Object.fromEntries([...before, ...units.flatMap((unit) => Object.entries(filesOf(unit)))]));
  }

  #anyUnit(): Unit {
    return this.#chance.one([...this.#model.units.values()]);
  }
}

/** Objects beside the managed ones. The last one says it belongs to a unit; no inventory names it. */
function strangersOf({ namespace, target }: Field): KubeObject[] {
  const labels = { [OWNER_NAME_LABEL]: NAMES[0], [OWNER_NAMESPACE_LABEL]: namespace };
  const stranger = (kind: string, name: string, more: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: target, ...more },
    ...fieldsOf(kind, name),
  });
  return [
    stranger(CONFIG_MAP.kind, 'stranger'),
    stranger(SECRET.kind, 'stranger'),
    stranger(CONFIG_MAP.kind, 'stranger-alder', { labels: { app: 'alder' } }),
    stranger(CONFIG_MAP.kind, 'impostor', { labels }),
  ];
}
