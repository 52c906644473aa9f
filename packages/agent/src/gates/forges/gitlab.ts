import type { Forge, PullRequest, Review } from './forge.ts';
import { inside, listIn, numberIn, textIn, timeIn, type ForgeApi } from './forge-api.ts';

const PAGE = 100;
/** From Developer on one may write ("Members API", access_level). */
const DEVELOPER = 30;

/**
 * GitLab ("Merge requests API", "Merge request approvals API"). It does not say of which commit an approval is: one counts that was given after the last
 * version came, by GitLab's own clock.
 */
export function gitlab(api: ForgeApi, repository: string): Forge {
  const root = `/projects/${encodeURIComponent(repository)}`;
  const mayWrite = async (id: number): Promise<boolean> =>
    numberIn(await api.find(`${root}/members/all/${id}`), 'access_level') >= DEVELOPER;
  return {
    pullsOf: async (commit) => {
      const found = await api.list(`${root}/repository/commits/${commit}/merge_requests?per_page=${PAGE}`, PAGE);
      return found.filter((one) => textIn(one, 'state') === 'merged').map(pullIn);
    },
    commitsOf: async ({ number }) =>
      (await api.list(`${root}/merge_requests/${number}/commits?per_page=${PAGE}`, PAGE)).map((one) =>
        textIn(one, 'id'),
      ),
    reviewsOf: async ({ number, head }, named) => {
      const since = lastVersion(
        await api.list(`${root}/merge_requests/${number}/versions?per_page=${PAGE}`, PAGE),
        head,
      );
      const found = listIn(await api.get(`${root}/merge_requests/${number}/approvals`), 'approved_by');
      const reviews: Review[] = [];
      for (const one of found) {
        const [by, at] = [textIn(one, 'user', 'username'), timeIn(one, 'approved_at')];
        // Of what is not told, as by versions that do not know when it was, nobody can say of what it is.
        if (by === '' || !(at > since)) continue;
        if (named === null ? await mayWrite(numberIn(one, 'user', 'id')) : named(by)) reviews.push({ by, at });
      }
      return reviews;
    },
    isSame: async (head, { id }) => {
      const found = await api.get(`${root}/repository/compare?from=${head}&to=${id}&straight=true`);
      const diffs = inside(found, 'diffs');
      return inside(found, 'compare_timeout') === false && Array.isArray(diffs) && diffs.length === 0;
    },
  };
}

/** When the last version came, in milliseconds since the epoch; NaN where it is not that of the last commit. */
function lastVersion(versions: readonly unknown[], head: string): number {
  const newest = versions.toSorted((a, b) => numberIn(b, 'id') - numberIn(a, 'id'))[0];
  return textIn(newest, 'head_commit_sha') === head ? timeIn(newest, 'created_at') : Number.NaN;
}

function pullIn(pull: unknown): PullRequest {
  return {
    number: numberIn(pull, 'iid'),
    author: textIn(pull, 'author', 'username'),
    head: textIn(pull, 'sha'),
    landed: [textIn(pull, 'merge_commit_sha'), textIn(pull, 'squash_commit_sha')].filter((id) => id !== ''),
  };
}
