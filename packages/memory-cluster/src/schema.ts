import type { JsonObject } from '@plumb/api';

/** How a list is owned and merged: as one value, as a set, or item by item under key fields (KEP-555 "list type"). */
export type ListType = 'atomic' | 'set' | { readonly keys: readonly string[] };

/** What merging must know about one place in an object. */
export interface Shape {
  /** A map owned as one value. */
  readonly atomicMap: boolean;
  readonly list: ListType;
  /** A map with free keys, each of which is owned by itself even where its value is a map. */
  readonly freeKeys: boolean;
  /** Fields of a list key that count when an item leaves them out. */
  readonly keyDefaults: JsonObject;
  field(name: string): Shape;
  items(): Shape;
}

/** Lists that built-in kinds merge item by item, by field name; `parent.name` where the name alone says too little. */
const KEYED_LISTS: Readonly<Record<string, readonly string[]>> = {
  conditions: ['type'],
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  ports: ['containerPort', 'protocol'],
  'spec.ports': ['port', 'protocol'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  volumes: ['name'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey', 'whenUnsatisfiable'],
  ownerReferences: ['uid'],
  webhooks: ['name'],
  resourceClaims: ['name'],
  secrets: ['name'],
  podIPs: ['ip'],
  addresses: ['type'],
};
const SETS: ReadonlySet<string> = new Set(['finalizers', 'metadata.finalizers']);
const ATOMIC_MAPS: ReadonlySet<string> = new Set([
  'selector',
  'nodeSelector',
  'labelSelector',
  'namespaceSelector',
  'podSelector',
  'objectSelector',
  'configMapKeyRef',
  'secretKeyRef',
  'fieldRef',
  'resourceFieldRef',
  'roleRef',
  'scaleTargetRef',
  'configMapRef',
  'secretRef',
]);
const FREE_KEYS: ReadonlySet<string> = new Set([
  'labels',
  'annotations',
  'data',
  'binaryData',
  'stringData',
  'limits',
  'requests',
  'capacity',
  'allocatable',
  'hard',
  'used',
]);

class BuiltInShape implements Shape {
  readonly #name: string;
  readonly #parent: string;

  constructor(name: string, parent: string) {
    this.#name = name;
    this.#parent = parent;
  }

  get atomicMap(): boolean {
    return ATOMIC_MAPS.has(this.#name);
  }

  get list(): ListType {
    const path = `${this.#parent}.${this.#name}`;
    if (SETS.has(this.#name)) return 'set';
    const keys = KEYED_LISTS[path] ?? KEYED_LISTS[this.#name] ?? [];
    return keys.length === 0 ? 'atomic' : { keys };
  }

  get freeKeys(): boolean {
    return FREE_KEYS.has(this.#name);
  }

  get keyDefaults(): JsonObject {
    return this.#name === 'ports' ? { protocol: 'TCP' } : {};
  }

  field(name: string): Shape {
    return new BuiltInShape(name, this.#name);
  }

  items(): Shape {
    return new BuiltInShape('', this.#name);
  }
}

/** The shape of built-in kinds: by the names of their fields, which mean the same in nearly all of them. */
export const builtInShape: Shape = new BuiltInShape('', '');

/** One node of a structural schema (CustomResourceDefinition, spec.versions[].schema.openAPIV3Schema). */
export interface SchemaNode {
  type?: string;
  properties?: Record<string, SchemaNode>;
  additionalProperties?: SchemaNode | boolean;
  items?: SchemaNode;
  default?: unknown;
  required?: string[];
  enum?: unknown[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  nullable?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
}

class CustomShape implements Shape {
  readonly #node: SchemaNode;

  constructor(node: SchemaNode) {
    this.#node = node;
  }

  get atomicMap(): boolean {
    return this.#node['x-kubernetes-map-type'] === 'atomic';
  }

  get list(): ListType {
    const type = this.#node['x-kubernetes-list-type'];
    if (type === 'set') return 'set';
    return type === 'map' ? { keys: this.#node['x-kubernetes-list-map-keys'] ?? [] } : 'atomic';
  }

  get freeKeys(): boolean {
    return this.#node.properties === undefined;
  }

  get keyDefaults(): JsonObject {
    const properties = Object.entries(this.#node.items?.properties ?? {});
    return Object.fromEntries(
      properties.flatMap(([name, node]) => (node.default === undefined ? [] : [[name, node.default]])),
    ) as JsonObject;
  }

  field(name: string): Shape {
    const { additionalProperties } = this.#node;
    const free = typeof additionalProperties === 'object' ? additionalProperties : {};
    return new CustomShape(this.#node.properties?.[name] ?? free);
  }

  items(): Shape {
    return new CustomShape(this.#node.items ?? {});
  }
}

/** The shape of a custom kind: what its schema says, metadata as everywhere. */
export function customShape(schema: SchemaNode): Shape {
  const root = new CustomShape(schema);
  return {
    atomicMap: false,
    list: 'atomic',
    freeKeys: false,
    keyDefaults: {},
    field: (name) => (name === 'metadata' ? builtInShape.field('metadata') : root.field(name)),
    items: () => root,
  };
}
