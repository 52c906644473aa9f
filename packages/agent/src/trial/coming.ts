import type { ObjectKey } from '@plumb/api';
import type { Desired } from '@plumb/render';

/** What a change brings that other objects of the same change need. */
export class Coming {
  readonly #kinds = new Set<string>();
  readonly #namespaces = new Set<string>();

  constructor(objects: readonly Pick<Desired, 'body'>[]) {
    for (const { body } of objects) {
      if (body.kind === 'Namespace') this.#namespaces.add(body.metadata.name);
      if (body.kind !== 'CustomResourceDefinition') continue;
      const { group = '', names } = (body['spec'] ?? {}) as { group?: string; names?: { kind?: string } };
      this.#kinds.add(`${group}/${names?.kind ?? ''}`);
    }
  }

  hasKind({ group, kind }: Pick<ObjectKey, 'group' | 'kind'>): boolean {
    return this.#kinds.has(`${group}/${kind}`);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }
}
