import { asPlumbError, oneLine, type ChangeAuthor } from '@plumb/api';
import { INCOMING, type Mirror } from '../git/mirror.ts';
import type { ObjectStore } from '../git/object-store.ts';
import { formatOf } from '../git/object-format.ts';
import type { Authors, Commits, RevisionRange } from '../git-sources.ts';
import type { CommitExchange, CommitsAsked } from '../fetcher.ts';
import { Lru } from '../lru.ts';
import { commitsOf } from './commits-of.ts';
import { commitsBetween, MOST_COMMITS, type Range } from './commits-since.ts';

export interface HistoryContext {
  /** The mirror that holds a commit. */
  holding: (commit: string) => Promise<Mirror | null>;
  /** Fetches commits from the remote without files, and without folders too where these are not asked for, in the source's turn. */
  fetching: <T>(asked: CommitsAsked, work: (exchange: CommitExchange) => Promise<T>) => Promise<T>;
}

/** Generations that are asked for: most changes are few commits, and a server may not be able to leave their files out. */
const DEPTHS = [50, MOST_COMMITS + 1];
const KEPT = 64;
/** Milliseconds for which it is not tried again to find out what could not be found out. */
const TRY_AGAIN = 60_000;
const BEFORE = 'refs/plumb/before';

/** All that is told of a range. */
type Told = { authors: Authors; commits: Commits };

interface Answer {
  told: Promise<Told>;
  /** A reading of performance.now(). */
  until: number;
}

/** Whose work the revisions of one source are. A commit's id names all that is before it, so that what was found out once stays true. */
export class History {
  readonly #answers = new Lru<string, Answer>(KEPT);

  async authors(range: RevisionRange, context: HistoryContext): Promise<Authors> {
    return (await this.#told(range, context)).authors;
  }

  async commits(range: RevisionRange, context: HistoryContext): Promise<Commits> {
    return (await this.#told(range, context)).commits;
  }

  #told({ revision, since, paths = [] }: RevisionRange, context: HistoryContext): Promise<Told> {
    const head = commitIn(revision);
    if (head === null) return Promise.resolve(nothing(`'${oneLine(revision).slice(0, 100)}' names no commit`));
    const before = since === null ? null : commitIn(since);
    const id = JSON.stringify([head, before, paths]);
    const known = this.#answers.get(id);
    if (known !== undefined && performance.now() < known.until) return known.told;
    const answer: Answer = { told: findOut({ head, since: before, paths }, context), until: Number.POSITIVE_INFINITY };
    this.#answers.set(id, answer);
    void answer.told.then((told) => {
      if ('unknown' in told.authors) answer.until = performance.now() + TRY_AGAIN;
    });
    return answer.told;
  }
}

function nothing(unknown: string): Told {
  return { authors: { unknown }, commits: { unknown } };
}

interface Wanted {
  head: string;
  since: string | null;
  paths: readonly string[];
}

async function findOut(wanted: Wanted, context: HistoryContext): Promise<Told> {
  try {
    const here = await lookHere(wanted, context);
    const range = 'lacks' in here ? await lookThere(wanted, context) : here;
    return toldOf(range, wanted.since);
  } catch (error) {
    return nothing(`its history cannot be read: ${asPlumbError(error).message}`);
  }
}

async function lookHere(wanted: Wanted, { holding }: HistoryContext): Promise<Range> {
  const mirror = await holding(wanted.head);
  return mirror === null ? { lacks: wanted.head } : look(mirror.objects, wanted);
}

async function look(objects: Pick<ObjectStore, 'raw'>, { head, since, paths }: Wanted): Promise<Range> {
  const range = await commitsBetween(objects, head, since);
  if (paths.length === 0 || !('commits' in range)) return range;
  const made = await commitsOf(objects, head, paths);
  if (!('commits' in made)) return made;
  const known = new Set(range.commits.map(({ id }) => id));
  const all = [...range.commits, ...made.commits.filter(({ id }) => !known.has(id))];
  return all.length > MOST_COMMITS ? { tooMany: true } : { ...range, commits: all };
}

async function lookThere(asked: Wanted, { fetching, holding }: HistoryContext): Promise<Range> {
  const { head, since, paths } = asked;
  // What the remote has lost may be here still.
  const here = since === null ? null : await holding(since);
  const format = formatOf(head) ?? 'sha1';
  return fetching({ format, without: paths.length === 0 ? 'folders' : 'files' }, async ({ mirror, remote }) => {
    const wanted = [`+${head}:${INCOMING}`];
    const both = since === null || formatOf(since) !== formatOf(head) ? wanted : [...wanted, `+${since}:${BEFORE}`];
    let given = both;
    let range: Range = { lacks: head };
    const objects: Pick<ObjectStore, 'raw'> = {
      raw: async (id) => (await mirror.objects.raw(id)) ?? (await here?.objects.raw(id)) ?? null,
    };
    for (const depth of DEPTHS) {
      // The revision that was applied last may be in the remote no more.
      if (!(await remote.fetch(given, depth, head))) {
        given = wanted;
        if (given === both || !(await remote.fetch(given, depth, head))) return { lacks: head };
      }
      range = await look(objects, asked);
      if (!('lacks' in range)) return range;
    }
    return range;
  });
}

/** What is told of a range. @param since the revision it is counted from */
export function toldOf(range: Range, since: string | null): Told {
  const than = since === null ? 'nothing of it was applied yet' : `counted from ${since}, which was applied last`;
  if ('path' in range && range.path !== undefined) {
    const why = 'tooMany' in range ? 'is the work of too many commits' : 'is older than the history that can be had';
    const next = 'move it to another name, which makes it the work of whoever does, or break the glass';
    return nothing(`what is at ${oneLine(range.path).slice(0, 200)}, which it reads anew, ${why}: ${next}`);
  }
  if ('tooMany' in range) return nothing(`it has more than ${MOST_COMMITS} commits, ${than}`);
  if ('lacks' in range) return nothing(`commit ${range.lacks} of its history is not to be had (${than})`);
  if ('nameless' in range) return nothing(`commit ${range.nameless} does not say who wrote and committed it`);
  const people = new Map<string, ChangeAuthor>();
  for (const person of range.commits.flatMap((commit) => commit.people))
    people.set(JSON.stringify([person.name, person.email]), person);
  const commits = range.commits.map(({ id, tree, parents, people: own }) => ({ id, tree, parents, people: own }));
  return {
    authors: { authors: [...people.values()], message: range.commits[0]?.message ?? '' },
    commits: { commits, isNew: !range.isBack },
  };
}

/** The commit of a revision, as statuses have it: `main@sha1:<id>`, `sha1:<id>`; null when it names none. */
export function commitIn(revision: string): string | null {
  const [, format, id = ''] = /(?:^|@)(sha1|sha256):([0-9a-f]+)$/.exec(revision) ?? [];
  return format !== undefined && formatOf(id) === format ? id : null;
}
