import { createHash } from 'node:crypto';
import { printJson, type ReleaseSnapshot } from '@plumb/api';
import type { UnitMemory } from '../delivery/unit.ts';
import { chartOf, type ReleaseRecord } from './record.ts';

// What records said that the agent brought into force itself, or found and believed: one that says otherwise was edited by others, or is theirs.

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

/** From now on what this record says is known. `content` is as `contentOf` has it of the record. */
export function vouchFor({ vouched }: Vouching, named: Named, content: string): void {
  const id = idOf(named);
  vouched.delete(id);
  vouched.set(id, content);
  const [oldest] = vouched.keys();
  if (vouched.size > MOST && oldest !== undefined) vouched.delete(oldest);
}

/** @param content as `contentOf` has it of the record */
export function isVouchedFor({ vouched }: Vouching, named: Named, content: string): boolean {
  return vouched.get(idOf(named)) === content;
}

/**
 * Whether a record is not what the agent knows of its release. Of a release that it knows nothing of, none is; nor is one that the status has as deployed and
 * the agent has not: another replica brought that in.
 */
export function isStrange(
  { vouched }: Vouching,
  { named, content }: { named: Named; content: string },
  history: readonly ReleaseSnapshot[] = [],
): boolean {
  const id = idOf(named);
  const known = vouched.get(id);
  if (known !== undefined) return known !== content;
  const isTold = history.some((one) => idOf(one) === id && one.status === 'deployed');
  const release = releaseIn(id);
  return !isTold && vouched.keys().some((other) => releaseIn(other) === release);
}

function releaseIn(id: string): string {
  return id.slice(0, id.lastIndexOf('.v'));
}

function idOf({ namespace, name, version }: Named): string {
  return `${namespace}/${name}.v${version}`;
}
