import { randomUUID } from 'node:crypto';

import { apiVersionOf } from '@plumb/api';
import type { Json, KindRef, KubeObject } from '@plumb/api';

import { conform, violations } from './custom-schema.ts';
import { conflictFailure, failure } from './failures.ts';
import { immutableViolations } from './immutable.ts';
import { builtInKinds, kindsOf, qualifiedResource, sameKind } from './kinds.ts';
import type { ServedKind } from './kinds.ts';
import { Lifecycle } from './lifecycle.ts';
import { applyManaged, updateManaged } from './managed-fields.ts';
import type { Manager } from './managed-fields.ts';
import { Store } from './store.ts';
import type { Place } from './store.ts';
import { equal } from './values.ts';

export interface WriteOptions {
  manager: string;
  subresource?: 'status' | 'scale';
  dryRun?: boolean;
}

const DEFINITIONS = 'apiextensions.k8s.io/customresourcedefinitions';

/** What the API server does with an object before and after it is stored. */
export class Server {
  readonly store: Store;
  readonly #now: () => number;
  readonly #lifecycle: Lifecycle;
  #kinds: readonly ServedKind[] = builtInKinds;

  constructor(options: { now: () => number; historyLimit: number }) {
    this.#now = options.now;
    this.store = new Store(options.historyLimit);
    this.#lifecycle = new Lifecycle(this.store, this.time.bind(this));
    this.store.listen((change) => {
      if (change.collection === DEFINITIONS)
        this.#kinds = [...builtInKinds, ...this.store.all(DEFINITIONS).flatMap(kindsOf)];
    });
  }

  /** The moment as Kubernetes writes it: whole seconds. */
  time(): string {
    return `${new Date(this.#now()).toISOString().slice(0, 19)}Z`;
  }

  kinds(): readonly ServedKind[] {
    return this.#kinds;
  }

  /** @throws PlumbError `api-not-found` for a kind that is not served */
  kind(ref: KindRef): ServedKind {
    const found = this.#kinds.find((kind) => sameKind(kind, ref));
    if (found === undefined) throw failure(404, `no matches for kind "${ref.kind}" in version "${apiVersionOf(ref)}"`);
    return found;
  }

  place(kind: ServedKind, namespace: string, name: string): Place {
    if (kind.namespaced && namespace === '') throw failure(400, `${kind.kind} "${name}" has no namespace`);
    return { collection: `${kind.group}/${kind.resource}`, namespace: kind.namespaced ? namespace : '', name };
  }

  /** An object as the asked version shows it, in memory of its own. */
  present(kind: ServedKind, object: KubeObject): KubeObject {
    return { ...structuredClone(object), apiVersion: apiVersionOf(kind), kind: kind.kind };
  }

  create(kind: ServedKind, sent: KubeObject, options: WriteOptions): KubeObject {
    const named = withName(sent);
    const place = this.place(kind, named.metadata.namespace ?? '', named.metadata.name);
    if (this.store.get(place) !== null) throw failure(409, `${qualifiedResource(kind)} "${place.name}" already exists`);
    if (named.metadata.resourceVersion)
      throw failure(400, 'resourceVersion should not be set on objects to be created');
    const fresh = this.#born(kind, named);
    const managed = updateManaged(null, fresh, this.#context(kind, options, 'Update'));
    return this.#admit(kind, place, { before: null, after: managed }, options.dryRun);
  }

  /** Server-side apply; creates what is not there. */
  apply(kind: ServedKind, sent: KubeObject, options: WriteOptions & { force: boolean }): KubeObject {
    if (options.manager === '')
      throw failure(
        400,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      );
    if ((sent.metadata.managedFields ?? []).length > 0) throw failure(400, 'metadata.managedFields must be nil');
    const place = this.place(kind, sent.metadata.namespace ?? '', sent.metadata.name);
    const before = this.store.get(place);
    this.#expect(kind, place, before, sent);
    const declared = kind.status ? without(sent, 'status') : sent;
    const context = { ...this.#context(kind, options, 'Apply'), force: options.force };
    const result = applyManaged(before, structuredClone(declared), context);
    if ('conflicts' in result) throw conflictFailure(result.conflicts);
    const after = before === null ? this.#born(kind, result.object) : result.object;
    return this.#admit(kind, place, { before, after }, options.dryRun);
  }

  /** Replaces what is there by what `change` makes of it. */
  modify(kind: ServedKind, place: Place, change: (live: KubeObject) => KubeObject, options: WriteOptions): KubeObject {
    const before = this.store.get(place);
    if (before === null) throw this.notFound(kind, place.name);
    if (options.subresource === 'status' && !kind.status)
      throw failure(404, 'the server could not find the requested resource');
    const sent = change(this.present(kind, before));
    this.#expect(kind, place, before, sent);
    const written = keepForeignParts(kind, before, sent, options.subresource);
    const managed = updateManaged(before, structuredClone(written), this.#context(kind, options, 'Update'));
    return this.#admit(kind, place, { before, after: managed }, options.dryRun);
  }

  /** @returns false when it was not there */
  remove(
    kind: ServedKind,
    place: Place,
    options: { uid?: string; resourceVersion?: string; propagation: string },
  ): boolean {
    const before = this.store.get(place);
    if (before === null) return false;
    const { uid, resourceVersion } = before.metadata;
    for (const [name, wanted, found] of [
      ['UID', options.uid, uid],
      ['ResourceVersion', options.resourceVersion, resourceVersion],
    ]) {
      if (wanted !== undefined && wanted !== found) {
        throw failure(
          409,
          `Operation cannot be fulfilled on ${qualifiedResource(kind)} "${place.name}": the ${name} in the precondition (${wanted}) does not match the ${name} in record (${found}). The object might have been deleted and then recreated`,
        );
      }
    }
    this.#lifecycle.remove(place, before, options.propagation);
    return true;
  }

  notFound(kind: ServedKind, name: string): Error {
    return failure(404, `${qualifiedResource(kind)} "${name}" not found`);
  }

  #context(
    kind: ServedKind,
    options: WriteOptions,
    operation: Manager['operation'],
  ): {
    manager: Manager;
    shape: ServedKind['shape'];
    time: string;
  } {
    const { manager: name, subresource = '' } = options;
    return {
      manager: { name, operation, apiVersion: apiVersionOf(kind), subresource },
      shape: kind.shape,
      time: this.time(),
    };
  }

  /** Metadata the server gives a new object. */
  #born(kind: ServedKind, object: KubeObject): KubeObject {
    const { uid: _uid, resourceVersion: _version, generation: _generation, ...metadata } = object.metadata;
    const born = {
      ...structuredClone(kind.status && kind.schema !== null ? without(object, 'status') : object),
      metadata: {
        ...structuredClone(metadata),
        uid: randomUUID(),
        creationTimestamp: this.time(),
        ...(kind.generation ? { generation: 1 } : {}),
      },
    };
    return this.#lifecycle.born(`${kind.group}/${kind.resource}`, born);
  }

  /** A version or uid that is sent along must be the one that is stored. */
  #expect(kind: ServedKind, place: Place, before: KubeObject | null, sent: KubeObject): void {
    const { resourceVersion, uid } = sent.metadata;
    if (before === null && (resourceVersion || uid)) throw this.notFound(kind, place.name);
    if (resourceVersion && resourceVersion !== before?.metadata.resourceVersion) {
      throw failure(
        409,
        `Operation cannot be fulfilled on ${qualifiedResource(kind)} "${place.name}": the object has been modified; please apply your changes to the latest version and try again`,
      );
    }
    if (uid && uid !== before?.metadata.uid)
      throw invalid(kind, place.name, [`metadata.uid: Invalid value: "${uid}": field is immutable`]);
  }

  /** The last door: shape, rules, generation; then storage, and what follows from it. */
  #admit(
    kind: ServedKind,
    place: Place,
    write: { before: KubeObject | null; after: KubeObject },
    dryRun = false,
  ): KubeObject {
    const { before } = write;
    const after = kind.schema === null ? write.after : conform(write.after, kind.schema);
    const wrong = [
      ...(kind.schema === null ? [] : violations(after, kind.schema)),
      ...(before === null ? [] : immutableViolations(kind.group, before, after)),
    ];
    if (wrong.length > 0) throw invalid(kind, place.name, wrong);
    if (before === null) this.#lifecycle.expectNamespace(kind, place);
    if (before !== null && unchanged(before, after)) return this.present(kind, before);
    const counted = before === null ? after : withGeneration(kind, before, after);
    if (dryRun) return this.present(kind, counted);
    return this.present(kind, this.#lifecycle.stored(place, this.store.put(place, counted)));
  }

  /** Seeds the namespaces every cluster has. */
  seed(): void {
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
      this.create(this.kind({ group: '', version: 'v1', kind: 'Namespace' }), namespace, { manager: 'kube-apiserver' });
    }
  }
}

function withName(object: KubeObject): KubeObject {
  const { generateName } = object.metadata as { generateName?: string };
  const name = object.metadata.name || (generateName ? `${generateName}${randomUUID().slice(0, 5)}` : '');
  if (name === '')
    throw failure(422, `${object.kind} "" is invalid: metadata.name: Required value: name or generateName is required`);
  return { ...structuredClone(object), metadata: { ...structuredClone(object.metadata), name } };
}

function without(object: KubeObject, field: string): KubeObject {
  const copy = { ...object };
  delete copy[field];
  return copy;
}

/** What a write to one part must not touch: the other part stays as it is, and the server's own metadata always. */
function keepForeignParts(
  kind: ServedKind,
  before: KubeObject,
  sent: KubeObject,
  subresource: WriteOptions['subresource'],
): KubeObject {
  const { uid, creationTimestamp, generation, deletionTimestamp } = before.metadata;
  const server = Object.fromEntries(
    Object.entries({ uid, creationTimestamp, generation, deletionTimestamp }).filter(
      ([, value]) => value !== undefined,
    ),
  );
  const own = { ...sent, metadata: { ...sent.metadata, ...server } };
  if (subresource === 'status')
    return { ...structuredClone(before), ...('status' in sent ? { status: sent['status'] as Json } : {}) };
  if (!kind.status) return own;
  return 'status' in before ? { ...own, status: before['status'] } : without(own, 'status');
}

function withGeneration(kind: ServedKind, before: KubeObject, after: KubeObject): KubeObject {
  if (!kind.generation) return after;
  const generation = before.metadata.generation ?? 1;
  const bumped = equal(wished(kind, before), wished(kind, after)) ? generation : generation + 1;
  return { ...after, metadata: { ...after.metadata, generation: bumped } };
}

function wished(kind: ServedKind, object: KubeObject): object {
  const { metadata: _metadata, apiVersion: _version, ...rest } = object;
  return kind.status ? without(rest as KubeObject, 'status') : rest;
}

/** A write that changes nothing is not a write: no new version, no event. */
function unchanged(before: KubeObject, after: KubeObject): boolean {
  const plain = (object: KubeObject): object => ({ ...object, metadata: { ...object.metadata, resourceVersion: '' } });
  return equal(plain(before), plain(after));
}

function invalid(kind: ServedKind, name: string, wrong: readonly string[]): Error {
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const said = wrong.length === 1 ? wrong[0] : `[${wrong.join(', ')}]`;
  return failure(422, `${qualified} "${name}" is invalid: ${said}`);
}
