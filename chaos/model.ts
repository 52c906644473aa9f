import type { JsonObject, KindRef, ObjectKey } from '@plumb/api';
import { keyId } from '@plumb/api';

export const CONFIG_MAP: KindRef = { group: '', version: 'v1', kind: 'ConfigMap' };
export const SECRET: KindRef = { group: '', version: 'v1', kind: 'Secret' };
const ROLE: KindRef = { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'Role' };
/** The kinds that units declare. */
export const KINDS: readonly KindRef[] = [CONFIG_MAP, SECRET, ROLE];

/** An object that a unit's folder declares. `value` changes with each commit that touches it. */
export interface DeclaredObject {
  readonly key: ObjectKey;
  readonly value: number;
}

/** A Kustomization and its folder. */
export interface Unit {
  readonly name: string;
  /** Its folder has a kustomization.yaml, so that the engine builds it. It waits for health besides. */
  readonly built: boolean;
  readonly objects: Map<string, DeclaredObject>;
  suspended: boolean;
}

/** What Git and the cluster are to hold: decided by chance alone, never by what the cluster answers, so that a seed repeats it. */
export class Model {
  readonly units = new Map<string, Unit>();
  readonly namespace: string;
  /** Every unit that ever declared an object. */
  readonly owners = new Map<string, Set<string>>();
  #values = 0;
  #names = 0;

  /** `namespace` is the one the objects are declared in. */
  constructor(namespace: string) {
    this.namespace = namespace;
  }

  add(name: string, built: boolean): Unit {
    const unit: Unit = { name, built, objects: new Map(), suspended: false };
    this.units.set(name, unit);
    // An emptied folder is refused by design, so one object stays.
    this.declare(unit, CONFIG_MAP, `keep-${name}`);
    return unit;
  }

  declare(unit: Unit, kind: KindRef, name: string = `object-${this.#names++}`): DeclaredObject {
    return this.put(unit, this.#keyOf(kind, name));
  }

  isDeclared(kind: KindRef, name: string): boolean {
    const id = keyId(this.#keyOf(kind, name));
    return [...this.units.values()].some(({ objects }) => objects.has(id));
  }

  #keyOf({ group, version, kind }: KindRef, name: string): ObjectKey {
    return { group, version, kind, namespace: this.namespace, name };
  }

  /** Declares an object of this key with a new value. */
  put(unit: Unit, key: ObjectKey): DeclaredObject {
    const object = { key, value: this.nextValue() };
    unit.objects.set(keyId(key), object);
    const owners = this.owners.get(keyId(key)) ?? new Set();
    this.owners.set(keyId(key), owners.add(unit.name));
    return object;
  }

  /** A number that nothing has been set to before. */
  nextValue(): number {
    return this.#values++;
  }

  /** Each declared object with its unit. */
  *declared(): Generator<{ unit: Unit; object: DeclaredObject }> {
    for (const unit of this.units.values()) for (const object of unit.objects.values()) yield { unit, object };
  }
}

/** The fields, beside name and labels, that say `value`: what is declared, and what an edit by hand changes. */
export function fieldsOf(kind: string, value: number | string): JsonObject {
  if (kind === 'Role')
    return { rules: [{ apiGroups: [''], resources: ['pods'], resourceNames: [`v-${value}`], verbs: ['get'] }] };
  const text = String(value);
  return { data: { value: kind === 'Secret' ? Buffer.from(text).toString('base64') : text } };
}

/** The files of a unit's folder, by path from the repository's root. */
export function filesOf(unit: Unit): Record<string, string> {
  const files: Record<string, string> = {};
  for (const { key, value } of unit.objects.values()) {
    const { group, version, kind, namespace, name } = key;
    const apiVersion = group === '' ? version : `${group}/${version}`;
    const manifest = { apiVersion, kind, metadata: { name, namespace }, ...fieldsOf(kind, value) };
    files[`${folderOf(unit.name)}/${fileName(key)}`] = `${JSON.stringify(manifest, null, 2)}\n`;
  }
  if (unit.built) {
    const resources = [...unit.objects.values()].map(({ key }) => `  - ${fileName(key)}\n`).join('');
    const labels = `labels:\n  - pairs:\n      team: ${unit.name}\n`;
    files[`${folderOf(unit.name)}/kustomization.yaml`] = `resources:\n${resources}${labels}`;
  }
  return files;
}

export function folderOf(unit: string): string {
  return `units/${unit}`;
}

function fileName({ kind, name }: ObjectKey): string {
  return `${kind.toLowerCase()}-${name}.yaml`;
}
