import type { Forge, PullRequest, Review } from './forge.ts';
import { inside, listIn, numberIn, textIn, timeIn, type ForgeApi } from './forge-api.ts';

const MOST_PAGES = 20;
/** Digits of an id that it tells of a pull request's commits. */
const DIGITS = 12;

/**
 * Bitbucket Cloud ("The Bitbucket Cloud REST API", pull requests). Names there are not unique: people are told by their account ids. It does not say of
 * which commit an approval is: one counts that came after every other update of the pull request but its merge.
 */
export function bitbucket(api: ForgeApi, repository: string): Forge {
  const root = `/repositories/${repository}`;
  return {
    pullsOf: async (commit) => {
      const found = await values(api, `${root}/commit/${commit}/pullrequests?pagelen=50`);
      const pulls: PullRequest[] = [];
      for (const one of found) {
        const pull = await api.get(`${root}/pullrequests/${numberIn(one, 'id')}`);
        if (textIn(pull, 'state') !== 'MERGED') continue;
        const head = await headOf(api, root, pull);
        if (head !== null) pulls.push(pullIn(pull, head));
      }
      return pulls;
    },
    commitsOf: async ({ number }) =>
      (await values(api, `${root}/pullrequests/${number}/commits?pagelen=100`)).map((one) => textIn(one, 'hash')),
    reviewsOf: async ({ number, head }, named) => {
      const pull = await api.get(`${root}/pullrequests/${number}`);
      const approving = listIn(pull, 'participants')
        .filter((one) => inside(one, 'approved') === true && textIn(one, 'state') === 'approved')
        .map((one) => textIn(one, 'user', 'account_id'));
      const activity = await values(api, `${root}/pullrequests/${number}/activity?pagelen=50`);
      return approvalsAfter(activity, head).filter(({ by }) => approving.includes(by) && named?.(by) === true);
    },
    isSame: async (head, { id }) => {
      const found = await api.get(`${root}/diffstat/${id}..${head}?topic=false&pagelen=1`);
      const diffs = inside(found, 'values');
      return Array.isArray(diffs) && diffs.length === 0;
    },
  };
}

/** A list, page by page as `next` leads, but never elsewhere. */
async function values(api: ForgeApi, path: string): Promise<unknown[]> {
  const all: unknown[] = [];
  const separator = path.indexOf('?');
  let query = path.slice(separator);
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await api.get(`${path.slice(0, separator)}${query}`);
    if (!Array.isArray(inside(answer, 'values'))) throw new Error(`the answer to ${path} is no list`);
    all.push(...listIn(answer, 'values'));
    const next = textIn(answer, 'next');
    if (next === '') return all;
    query = URL.parse(next)?.search ?? '';
  }
  throw new Error(`there are more than ${MOST_PAGES} pages of ${path}`);
}

/** The whole id of the last commit: of the one that is told there may be others with the same digits. */
async function headOf(api: ForgeApi, root: string, pull: unknown): Promise<string | null> {
  const told = textIn(pull, 'source', 'commit', 'hash');
  const [first] = await values(api, `${root}/pullrequests/${numberIn(pull, 'id')}/commits?pagelen=100`);
  const head = textIn(first, 'hash');
  return told.length >= DIGITS && head.startsWith(told) ? head : null;
}

/** Whoever changes anything of a pull request, its title even, undoes the approvals before. */
function approvalsAfter(activity: readonly unknown[], head: string): Review[] {
  const updates = activity.map((one) => inside(one, 'update')).filter((one) => one !== undefined);
  const open = updates.filter((one) => textIn(one, 'state') !== 'MERGED');
  const merges = updates.filter((one) => textIn(one, 'state') === 'MERGED');
  const isWhole = merges.length > 0 && merges.every((one) => isOf(one, head)) && open.some((one) => isOf(one, head));
  if (!isWhole) return [];
  const since = Math.max(...open.map((one) => timeIn(one, 'date')));
  return activity
    .map((one) => inside(one, 'approval'))
    .map((one) => ({ by: textIn(one, 'user', 'account_id'), at: timeIn(one, 'date') }))
    .filter(({ by, at }) => by !== '' && at > since);
}

function isOf(update: unknown, head: string): boolean {
  const hash = textIn(update, 'source', 'commit', 'hash');
  return hash.length >= DIGITS && head.startsWith(hash);
}

function pullIn(pull: unknown, head: string): PullRequest {
  const landed = textIn(pull, 'merge_commit', 'hash');
  return {
    number: numberIn(pull, 'id'),
    author: textIn(pull, 'author', 'account_id'),
    head,
    landed: landed.length < DIGITS ? [] : [landed],
  };
}
