import type { Forge } from './forge.ts';
import { inside, numberIn, textIn, timeIn, type ForgeApi } from './forge-api.ts';
import { approvalsIn } from './latest.ts';

/** It may give out fewer items than it is asked for, so that only an empty page is the last. */
const UNTIL_EMPTY = 0;
/** What is for or against a pull request. */
const SPEAKING = ['APPROVED', 'REQUEST_CHANGES'];

/** Gitea and Forgejo ("Gitea API", repository). It tells pull requests by the commits they were merged as alone, and whether who reviews may write (`official`). */
export function gitea(api: ForgeApi, repository: string): Forge {
  const root = `/repos/${repository}`;
  return {
    pullsOf: async (commit) => {
      const pull = await api.find(`${root}/commits/${commit}/pull`);
      if (pull === null) {
        // It says the same of a repository that it does not know.
        await api.get(root);
        return [];
      }
      if (inside(pull, 'merged') !== true) return [];
      const landed = textIn(pull, 'merge_commit_sha');
      return [
        {
          number: numberIn(pull, 'number'),
          author: textIn(pull, 'user', 'login'),
          head: textIn(pull, 'head', 'sha'),
          landed: landed === '' ? [] : [landed],
        },
      ];
    },
    commitsOf: async ({ number }) =>
      (await api.list(`${root}/pulls/${number}/commits?limit=50`, UNTIL_EMPTY)).map((one) => textIn(one, 'sha')),
    reviewsOf: async ({ number, head }, named) => {
      const found = await api.list(`${root}/pulls/${number}/reviews?limit=50`, UNTIL_EMPTY);
      const opinions = found
        .filter((one) => SPEAKING.includes(textIn(one, 'state')))
        .toSorted(
          (a, b) => timeIn(a, 'submitted_at') - timeIn(b, 'submitted_at') || numberIn(a, 'id') - numberIn(b, 'id'),
        )
        .map((one) => ({
          by: textIn(one, 'user', 'login'),
          at: timeIn(one, 'submitted_at'),
          isApproval: isApproval(one, head) && (named !== null || inside(one, 'official') === true),
        }));
      return approvalsIn(opinions).filter(({ by }) => named === null || named(by));
    },
    isSame: async (head, { tree }) => {
      const found = await api.get(`${root}/git/commits/${head}?stat=false&verification=false&files=false`);
      return tree !== '' && textIn(found, 'commit', 'tree', 'sha') === tree;
    },
  };
}

function isApproval(review: unknown, head: string): boolean {
  return (
    textIn(review, 'state') === 'APPROVED' &&
    textIn(review, 'commit_id') === head &&
    inside(review, 'stale') === false &&
    inside(review, 'dismissed') === false
  );
}
