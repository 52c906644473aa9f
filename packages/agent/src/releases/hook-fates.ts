import { asPlumbError, HELM_APPLY_MANAGER, keyId, keyOf, parseApiVersion } from '@plumb/api';
import type { KubeObject, ObjectKey } from '@plumb/api';
import {
  deletesHook,
  isMadeAsHook,
  isProtectedByDefault,
  isSameUnit,
  ownerOf,
  releaseNamespaceOf,
  type HookEvent,
} from '@plumb/core';
import { hookObjects, type RenderedRelease } from '@plumb/render';
import type { Content } from '../gates/content.ts';
import { settleAll } from '../runtime/parallel.ts';
import { namespacedIn, type ActionContext } from './context.ts';
import type { HookRecord } from './record.ts';

/** What is asked of a hook before it runs. */
export type HookText = Pick<
  RenderedRelease['hooks'][number],
  'path' | 'manifest' | 'events' | 'kind' | 'deletePolicies'
>;

/** An object that a hook makes. */
export interface HookContent extends Content {
  hook: HookText;
}

/** What stands where a hook makes its own, and is deleted for that. */
export interface Remade extends HookContent {
  uid: string;
  /** An earlier run of the hook made it. */
  isOwn: boolean;
}

/** A hook as a record has it. */
export function hookText({
  path = '',
  manifest = '',
  events = [],
  kind = '',
  delete_policies = [],
}: HookRecord): HookText {
  return { path, manifest, events, kind, deletePolicies: delete_policies };
}

export async function hookContents(
  hooks: readonly HookText[],
  { release, cluster }: Pick<ActionContext, 'release' | 'cluster'>,
): Promise<HookContent[]> {
  const namespace = releaseNamespaceOf(release);
  const identity = { release: { name: release.metadata.name, namespace, revision: 1, isUpgrade: false } };
  const found = await Promise.all(
    hooks.map((hook) => hookObjects(hook, identity, { isNamespaced: namespacedIn(cluster) })),
  );
  return found.flatMap((bodies, index) =>
    bodies.flatMap((body): HookContent[] => {
      const hook = hooks[index];
      if (hook === undefined) return [];
      const key = body.metadata.name === '' ? { ...nameless(body.apiVersion, body.kind), namespace } : keyOf(body);
      return [{ key, body, path: hook.path, role: `hook: ${hook.events.join(', ')}`, hook }];
    }),
  );
}

/** A hook may leave its name to the API server. */
function nameless(apiVersion: string, kind: string): Omit<ObjectKey, 'namespace'> {
  return { ...parseApiVersion(apiVersion), kind, name: '' };
}

/**
 * Which objects gates are to see before a hook deletes them: where no rule is about the release, only what the limits that all have protect. Anything else is
 * deleted by its name, unread.
 */
export async function seenByGates({ gates }: Pick<ActionContext, 'gates'>): Promise<(key: ObjectKey) => boolean> {
  if (gates === null || !(await gates.keeper.isOnGuard())) return () => false;
  return (await gates.keeper.governs(gates)) ? () => true : isProtectedByDefault;
}

/**
 * What is there now and would be deleted by hooks of these events before they make theirs, of what gates are to see.
 * @param recorded hooks of records whose hooks may have made it
 */
export async function remadeByHooks(
  contents: readonly HookContent[],
  { running, recorded }: { running: readonly HookEvent[]; recorded: readonly HookRecord[] },
  context: ActionContext,
): Promise<Remade[]> {
  const { unit, parallel } = context;
  const isSeen = await seenByGates(context);
  const named = contents.filter(
    ({ key, hook }) => key.name !== '' && isSeen(key) && running.some((event) => hook.events.includes(event)),
  );
  if (named.length === 0) return [];
  const known = new Set((await hookContents(recorded.map(hookText), context)).map(({ key }) => keyId(key)));
  const found = await settleAll(named, parallel, async (one): Promise<Remade | null> => {
    const live = await readHook(one.key, context);
    if (live === null || !isDeletedFor(one.hook, live, unit.ref)) return null;
    const isOwn = isMadeAsHook(live, unit.ref, known.has(keyId(one.key)));
    return { ...one, uid: live.metadata.uid ?? '', isOwn };
  });
  return found.flatMap((answer) => {
    if (!answer.ok) throw answer.error;
    return answer.value === null ? [] : [answer.value];
  });
}

/** What is there under the name of a hook; null also where that may not be read: then nothing is deleted there. */
export async function readHook(
  key: ObjectKey,
  { cluster, signal }: Pick<ActionContext, 'cluster' | 'signal'>,
): Promise<KubeObject | null> {
  if ((await cluster.resource(key)) === null) return null;
  try {
    return await cluster.get(key, { signal });
  } catch (thrown) {
    if (asPlumbError(thrown).code === 'api-forbidden') return null;
    throw thrown;
  }
}

/** Whether a hook deletes what bears its name before it makes its own: by its policy, or because it is the release's. */
function isDeletedFor(
  { kind, deletePolicies }: HookText,
  live: KubeObject,
  unit: ActionContext['unit']['ref'],
): boolean {
  const isOurs = isSameUnit(ownerOf(live, HELM_APPLY_MANAGER), unit);
  return isOurs || deletesHook({ kind, delete_policies: deletePolicies }, 'before-hook-creation');
}
