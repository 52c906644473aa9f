import { shardOwner } from '@plumb/core';
import type { AuditedRequest } from '../test/support/audit.ts';

/** What a replica said of the others. `name` is its own, `member` whom it speaks of, `at` in milliseconds since the epoch. */
export interface ReplicaNews {
  name: string;
  at: number;
  event: string;
  member: string;
  members: readonly string[];
}

/** The Flux objects whose changes are looked at, and what each unit declares, as `<plural>/<name>`. */
export interface Owned {
  namespace: string;
  source: string;
  units: readonly { name: string; objects: readonly string[] }[];
}

interface Work {
  id: string;
  writes: AuditedRequest[];
}

/**
 * Whether, by the audit log, no unit was changed by two replicas at once, nor by one that did not own it by the last agreement it had (I13).
 * `writes` in order of arrival; `handovers` counts how often one followed another.
 */
export function ownership(
  owned: Owned,
  writes: readonly AuditedRequest[],
  news: readonly ReplicaNews[],
): { problems: string[]; handovers: number } {
  const works = worksOf(owned, writes);
  const problems = works.flatMap((work) => [...overlaps(work), ...strangers(work, news)]);
  const handovers = works.flatMap((work) => changesOfHand(work)).length;
  return { problems, handovers };
}

function worksOf({ namespace, source, units }: Owned, writes: readonly AuditedRequest[]): Work[] {
  const named = (ids: readonly string[]): AuditedRequest[] =>
    writes.filter(({ resource, name }) => ids.includes(`${resource}/${name}`));
  return [
    { id: `GitRepository/${namespace}/${source}`, writes: named([`gitrepositories/${source}`]) },
    ...units.map(({ name, objects }) => ({
      id: `Kustomization/${namespace}/${name}`,
      writes: named([`kustomizations/${name}`, ...objects]),
    })),
  ];
}

function changesOfHand({ writes }: Work): { before: AuditedRequest; write: AuditedRequest; index: number }[] {
  return writes.flatMap((write, index) => {
    const before = writes[index - 1];
    return before === undefined || before.user === write.user ? [] : [{ before, write, index }];
  });
}

function overlaps(work: Work): string[] {
  return changesOfHand(work).flatMap(({ write, index }) => {
    const earlier = work.writes.slice(0, index).filter(({ user, to }) => user !== write.user && to > write.from);
    return earlier.map(({ user }) => `${work.id}: ${user} was not done when ${write.user} began`);
  });
}

/** The times of news are whole milliseconds. */
const ROUNDED = 1;

function strangers({ id, writes }: Work, news: readonly ReplicaNews[]): string[] {
  return writes.flatMap(({ user, from, verb, resource }) => {
    const last = news
      .filter(({ name, event, at }) => name === user && DECISIVE.has(event) && at <= from + ROUNDED)
      .reduce<ReplicaNews | null>((latest, one) => (latest === null || one.at >= latest.at ? one : latest), null);
    const owner = last?.event === 'agreed' ? shardOwner(id, last.members) : null;
    if (last !== null && owner === last.member) return [];
    return [`${id}: ${user} did ${verb} ${resource} ${knew(last, owner)}`];
  });
}

/** After a lost lease nothing is owned until there is another agreement. */
const DECISIVE: ReadonlySet<string> = new Set(['agreed', 'lease-lost']);

function knew(last: ReplicaNews | null, owner: string | null): string {
  if (last === null) return 'before any agreement';
  return last.event === 'agreed' ? `though by its agreement ${owner} owns it` : 'after its lease was lost';
}
