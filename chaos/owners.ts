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
  /** Kustomizations, where they do not say what else. */
  units: readonly { name: string; kind?: 'Kustomization' | 'HelmRelease'; objects: readonly string[] }[];
}

interface Work {
  id: string;
  writes: AuditedRequest[];
}

/**
 * Whether, by the audit log, no unit was changed by two replicas at once, by one that did not own it by the last agreement it had, or by one that
 * others had agreed without, whatever it knew of that itself (I13). `writes` in order of arrival; `handovers` counts how often one followed another.
 * The guard of a request asks for a margin before the end of a lease; a request that it let through and that arrives later all the same shows here.
 */
export function ownership(
  owned: Owned,
  writes: readonly AuditedRequest[],
  news: readonly ReplicaNews[],
): { problems: string[]; handovers: number } {
  const works = worksOf(owned, writes);
  const inForce = inForceOf(news);
  const problems = works.flatMap((work) => [...overlaps(work), ...strangers(work, inForce)]);
  const handovers = works.flatMap((work) => changesOfHand(work)).length;
  return { problems, handovers };
}

function worksOf({ namespace, source, units }: Owned, writes: readonly AuditedRequest[]): Work[] {
  const named = (ids: readonly string[]): AuditedRequest[] =>
    writes.filter(({ resource, name }) => ids.includes(`${resource}/${name}`));
  return [
    { id: `GitRepository/${namespace}/${source}`, writes: named([`gitrepositories/${source}`]) },
    ...units.map(({ name, kind = 'Kustomization', objects }) => ({
      id: `${kind}/${namespace}/${name}`,
      writes: named([`${kind.toLowerCase()}s/${name}`, ...objects]),
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

/** The times of news are whole milliseconds, cut off: what is said to be at one was up to so much later. */
const ROUNDED = 1;

/** After a lost lease, and in a new term, nothing is owned until there is another agreement. */
const DECISIVE: ReadonlySet<string> = new Set(['joined', 'agreed', 'lease-lost']);

/**
 * What decides who owns what, in order. One that the others have left out since it agreed has to join again first: what it still finds itself agreed
 * on, as one that goes on after a stop may, neither takes it in again nor leaves another out.
 */
function inForceOf(news: readonly ReplicaNews[]): ReplicaNews[] {
  const inForce: ReplicaNews[] = [];
  for (const one of news.filter(({ event }) => DECISIVE.has(event)).toSorted((a, b) => a.at - b.at)) {
    const last = inForce.findLast(({ name }) => name === one.name);
    const isLate = one.event === 'agreed' && last !== undefined && agreedWithout(last, inForce, one.at - 1) !== null;
    if (!isLate) inForce.push(one);
  }
  return inForce;
}

function strangers({ id, writes }: Work, inForce: readonly ReplicaNews[]): string[] {
  return writes.flatMap(({ user, from, verb, resource }) => {
    const last = inForce.findLast(({ name, at }) => name === user && at <= from + ROUNDED) ?? null;
    const wrong = wrongOf(id, last, last && agreedWithout(last, inForce, from - ROUNDED));
    return wrong === null ? [] : [`${id}: ${user} did ${verb} ${resource} ${wrong}`];
  });
}

/** Another that was agreed, after an agreement and up to a moment, on members that this one's is not among. */
function agreedWithout(own: ReplicaNews, inForce: readonly ReplicaNews[], until: number): ReplicaNews | null {
  if (own.event !== 'agreed') return null;
  const without = inForce.find(
    ({ name, event, at, members }) =>
      name !== own.name && event === 'agreed' && at > own.at && at <= until && !members.includes(own.member),
  );
  return without ?? null;
}

function wrongOf(id: string, last: ReplicaNews | null, without: ReplicaNews | null): string | null {
  if (last === null || last.event === 'joined') return 'before any agreement';
  if (last.event === 'lease-lost') return 'after its lease was lost';
  const owner = shardOwner(id, last.members);
  if (owner !== last.member) return `though by its agreement ${owner} owns it`;
  return without === null ? null : `after ${without.name} was agreed without it`;
}
