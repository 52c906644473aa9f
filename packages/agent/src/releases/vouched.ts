import { createHash } from 'node:crypto';
import { asPlumbError, HELM_APPLY_MANAGER, printJson } from '@plumb/api';
import { matchesLive } from '@plumb/core';
import { declaredOf, type StoredBundle, type UnitMemory } from '../delivery/unit.ts';
import { settleAll } from '../runtime/parallel.ts';
import type { ActionContext } from './context.ts';
import { chartOf, type ReleaseRecord } from './record.ts';

// What the agent brought into force itself, through whatever gates there were, by the records it made: one that says otherwise was edited by others, or is theirs.

/** Records of one release that are remembered. */
const MOST = 32;

type Vouching = Pick<UnitMemory, 'vouched'>;
type Named = Pick<ReleaseRecord, 'name' | 'namespace' | 'version'>;

/** Names what a record brings into force. What changes of it later, such as its status or the runs of its tests, is no part of that. */
export function contentOf(record: ReleaseRecord): string {
  const { manifest = '', config = {}, hooks = [] } = record;
  const { name, version } = chartOf(record);
  const made = hooks.map(
    ({ path = '', manifest: text = '', events = [], weight = 0, delete_policies: policies = [] }) => {
      // Helm records what holds for one that says nothing, once it has run.
      return [path, text, events, weight, policies.length === 0 ? ['before-hook-creation'] : policies];
    },
  );
  return createHash('sha256')
    .update(printJson([name, version, config, manifest, made]))
    .digest('hex');
}

/** From now on what this record says is known to be ours. */
export function vouchFor({ vouched }: Vouching, record: ReleaseRecord): void {
  const id = idOf(record);
  vouched.delete(id);
  vouched.set(id, contentOf(record));
  const [oldest] = vouched.keys();
  if (vouched.size > MOST && oldest !== undefined) vouched.delete(oldest);
}

/** @param content as `contentOf` has it of the record */
export function isVouchedFor({ vouched }: Vouching, named: Named, content: string): boolean {
  return vouched.get(idOf(named)) === content;
}

/** Whether each object is as a stored release has it already: then nothing comes of what the record says. */
export async function isInPlace(
  { objects }: Pick<StoredBundle, 'objects'>,
  { cluster, parallel, signal }: Pick<ActionContext, 'cluster' | 'parallel' | 'signal'>,
): Promise<boolean> {
  const answers = await settleAll(objects, parallel, async (stored) => {
    const live = (await cluster.resource(stored.key)) === null ? null : await cluster.get(stored.key, { signal });
    return live !== null && matchesLive(declaredOf(stored, live), live, HELM_APPLY_MANAGER) === 'equal';
  });
  return answers.every((answer) => {
    if (answer.ok) return answer.value;
    // Who may not look at it cannot say that it is.
    if (asPlumbError(answer.error).code === 'api-forbidden') return false;
    throw answer.error;
  });
}

function idOf({ namespace, name, version }: Named): string {
  return `${namespace}/${name}.v${version}`;
}
