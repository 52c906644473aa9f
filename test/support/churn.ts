import type { KubeObject } from '@plumb/api';
import { OWNER_NAME_LABEL } from '@plumb/api';
import { configMapKey, type World } from './world.ts';

const CONFIG_MAP = { group: '', version: 'v1', kind: 'ConfigMap' };

/** Units of ConfigMaps that commits change and people spoil, by chance that can be repeated, and what must come of it in the end. */
export class Churn {
  readonly #world: World;
  readonly #random: () => number;
  readonly #units: readonly string[];
  readonly #values = new Map<string, string>();
  #serial = 0;
  revision = '';

  constructor(world: World, random: () => number, units: readonly string[]) {
    this.#world = world;
    this.#random = random;
    this.#units = units;
    for (const unit of units) for (const part of ['one', 'two', 'three']) this.#values.set(`${unit}-${part}`, 'first');
  }

  /** The first commit, and everything applied. */
  async begin(): Promise<void> {
    const commit = await this.#world.repository.commit(this.#files([...this.#values.keys()]));
    this.revision = `main@sha1:${commit}`;
    await this.#world.gitRepository();
    for (const unit of this.#units) await this.#world.kustomization(unit, { retryInterval: '1s' });
    await this.settled(30_000);
  }

  /** One commit that changes an object, or one object changed or deleted by hand. */
  async step(): Promise<void> {
    const names = [...this.#values.keys()];
    const name = names[Math.floor(this.#random() * names.length)] ?? '';
    const key = configMapKey(this.#world.namespace, name);
    const what = this.#random();
    if (what < 0.3) {
      this.#values.set(name, `value-${this.#serial++}`);
      this.revision = await this.#world.push(this.#files([name]));
    } else if (what < 0.8) {
      await this.#world.edit(key, { data: { value: 'spoilt' } }).catch(ignoreMissing);
    } else {
      await this.#world.cluster.delete(key);
    }
  }

  /** One commit that changes every object. */
  async changeAll(): Promise<void> {
    const names = [...this.#values.keys()];
    for (const name of names) this.#values.set(name, `value-${this.#serial++}`);
    this.revision = await this.#world.push(this.#files(names));
  }

  /** Waits until the cluster equals Git and every unit says so. */
  async settled(ms: number): Promise<void> {
    for (const unit of this.#units) {
      await this.#world.until(
        this.#world.unitKey(unit),
        `be Ready at ${this.revision}`,
        (object) => isReadyAt(object, this.revision),
        ms,
      );
    }
    for (const [name, value] of this.#values) {
      await this.#world.until(
        configMapKey(this.#world.namespace, name),
        `hold ${value}`,
        (object) => (object?.['data'] as { value?: string } | undefined)?.value === value,
        ms,
      );
    }
  }

  /** What the inventories list, and what carries the units' labels: the two must be one. */
  async ownership(): Promise<{ inventory: string[]; labelled: string[] }> {
    const { namespace, cluster } = this.#world;
    const { items } = await cluster.list(CONFIG_MAP, { namespace, labelSelector: OWNER_NAME_LABEL });
    const units = await Promise.all(this.#units.map((unit) => this.#world.get(this.#world.unitKey(unit))));
    const ids = units.flatMap((unit) => inventoryOf(unit).map(({ id }) => id));
    return {
      inventory: ids.toSorted(),
      labelled: items.map(({ metadata }) => `${namespace}_${metadata.name}__ConfigMap`).toSorted(),
    };
  }

  #files(names: readonly string[]): Record<string, string> {
    return Object.fromEntries(
      names.map((name) => {
        const unit = name.slice(0, name.lastIndexOf('-'));
        const metadata = { name, namespace: this.#world.namespace };
        const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value: this.#values.get(name) } };
        return [`${unit}/${name}.yaml`, JSON.stringify(object)];
      }),
    );
  }
}

function isReadyAt(object: KubeObject | null, revision: string): boolean {
  const status = object?.['status'] as
    | { lastAppliedRevision?: string; conditions?: { type: string; status: string }[] }
    | undefined;
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
  return ready && status?.lastAppliedRevision === revision;
}

function inventoryOf(object: KubeObject | null): { id: string }[] {
  const status = object?.['status'] as { inventory?: { entries?: { id: string }[] } } | undefined;
  return status?.inventory?.entries ?? [];
}

function ignoreMissing(error: unknown): void {
  if ((error as { code?: string }).code !== 'api-not-found') throw error;
}
