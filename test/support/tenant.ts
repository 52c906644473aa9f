import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from './world.ts';

const RBAC = 'rbac.authorization.k8s.io';

export const ALL_VERBS: readonly string[] = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete'];

/** A service account of the world's namespace, and what it may do with ConfigMaps of the target namespace. */
export class Tenant {
  readonly #world: World;
  readonly #account: string;

  constructor(world: World, account: string) {
    this.#world = world;
    this.#account = account;
  }

  get user(): string {
    return `system:serviceaccount:${this.#world.namespace}:${this.#account}`;
  }

  async grant(verbs: readonly string[] = ALL_VERBS): Promise<void> {
    const { namespace, target } = this.#world;
    const name = this.#account;
    const metadata = { name, namespace: target };
    await this.#world.apply({
      apiVersion: `${RBAC}/v1`,
      kind: 'Role',
      metadata,
      rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: [...verbs] }],
    });
    await this.#world.apply({
      apiVersion: `${RBAC}/v1`,
      kind: 'RoleBinding',
      metadata,
      roleRef: { apiGroup: RBAC, kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    });
  }

  /** The API server's own caches learn of a changed role a moment later. */
  async untilMay(verb: 'get' | 'create' | 'patch' | 'delete', allowed: boolean): Promise<void> {
    const resourceAttributes = { verb, resource: 'configmaps', namespace: this.#world.target };
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: { name: '' },
      spec: { user: this.user, resourceAttributes },
    };
    for (;;) {
      const answer = await this.#world.cluster.create(review);
      if ((answer['status'] as { allowed: boolean }).allowed === allowed) return;
      await sleep(20);
    }
  }

  /** How the API server refuses it. */
  forbidden(verb: string): RegExp {
    return new RegExp(`User "${this.user}" cannot ${verb} resource "configmaps"`);
  }
}
