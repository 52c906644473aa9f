import type { Forge, PullRequest } from './forge.ts';
import { inside, numberIn, textIn, timeIn, type ForgeApi } from './forge-api.ts';
import { approvalsIn } from './latest.ts';

const PAGE = 100;
/** What says nothing for or against a pull request. */
const SILENT = ['COMMENTED', 'PENDING'];
const MAY_WRITE = ['admin', 'write'];

/** GitHub ("REST API endpoints for pull request reviews", "… for commits"). */
export function github(api: ForgeApi, repository: string): Forge {
  const root = `/repos/${repository}`;
  const mayWrite = async (login: string): Promise<boolean> => {
    const found = await api.find(`${root}/collaborators/${encodeURIComponent(login)}/permission`);
    return MAY_WRITE.includes(textIn(found, 'permission'));
  };
  return {
    pullsOf: async (commit) => {
      const found = await api.list(`${root}/commits/${commit}/pulls?per_page=${PAGE}`, PAGE);
      return found.filter((one) => textIn(one, 'merged_at') !== '' && isHere(one, repository)).map(pullIn);
    },
    commitsOf: async ({ number }) =>
      (await api.list(`${root}/pulls/${number}/commits?per_page=${PAGE}`, PAGE)).map((one) => textIn(one, 'sha')),
    reviewsOf: async ({ number, head }, named) => {
      const found = await api.list(`${root}/pulls/${number}/reviews?per_page=${PAGE}`, PAGE);
      const opinions = found
        .filter((one) => !SILENT.includes(textIn(one, 'state')))
        .map((one) => ({
          by: textIn(one, 'user', 'login'),
          at: timeIn(one, 'submitted_at'),
          isApproval: textIn(one, 'state') === 'APPROVED' && textIn(one, 'commit_id') === head,
        }));
      const approvals = approvalsIn(opinions);
      if (named !== null) return approvals.filter(({ by }) => named(by));
      const may = await Promise.all(approvals.map(({ by }) => mayWrite(by)));
      return approvals.filter((_one, index) => may[index] === true);
    },
    isSame: async (head, { tree }) => {
      const found = await api.get(`${root}/git/commits/${head}`);
      return tree !== '' && textIn(found, 'tree', 'sha') === tree;
    },
  };
}

/** Those of forks are somebody else's. */
function isHere(pull: unknown, repository: string): boolean {
  return textIn(pull, 'base', 'repo', 'full_name').toLowerCase() === repository.toLowerCase();
}

function pullIn(pull: unknown): PullRequest {
  const landed = inside(pull, 'merge_commit_sha');
  return {
    number: numberIn(pull, 'number'),
    author: textIn(pull, 'user', 'login'),
    head: textIn(pull, 'head', 'sha'),
    landed: typeof landed === 'string' ? [landed] : [],
  };
}
