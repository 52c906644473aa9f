import {
  bringing,
  headOf,
  paged,
  pullOf,
  type ForgeModel,
  type Speak,
  type ToldPull,
  type ToldReview,
} from './forge-model.ts';

/** GitLab forgets an approval that is taken back, and does not say of which commit one is. */
export const speakGitlab: Speak = ({ path, query, model }) => {
  const [root, project, kind, ...rest] = path;
  if (root !== 'projects' || project !== model.repository) return null;
  const list = (items: object[]): object[] => paged(items, query, Math.min(100, Number(query.get('per_page') ?? 20)));
  if (kind === 'repository' && rest[0] === 'compare') {
    const [from, to] = [query.get('from') ?? '', query.get('to') ?? ''];
    if (query.get('straight') !== 'true') return null;
    return { diffs: model.trees[from] === model.trees[to] ? [] : [{ new_path: 'a' }], compare_timeout: false };
  }
  if (kind === 'repository') return list(bringing(model, rest[1] ?? '').map(told));
  if (kind === 'members') {
    const login = loginOf(model, Number(rest[1]));
    return login === undefined ? null : { access_level: model.writers.includes(login) ? 30 : 20 };
  }
  const pull = kind === 'merge_requests' ? pullOf(model, rest[0]) : undefined;
  if (pull === undefined) return null;
  if (rest[1] === 'commits') return list(pull.commits.map((id) => ({ id })));
  if (rest[1] === 'versions') {
    const versions = pull.heads.map(({ id, at }, index) => ({ id: index + 1, head_commit_sha: id, created_at: at }));
    return list(versions.toReversed());
  }
  const approved = standing(pull.reviews).map(({ by, at }) => ({
    user: { username: by, id: idOf(model, by) },
    approved_at: at,
  }));
  return rest[1] === 'approvals' ? { approved_by: approved } : null;
};

function standing(reviews: readonly ToldReview[]): ToldReview[] {
  const last = new Map(reviews.filter(({ what }) => what !== 'comment').map((one) => [one.by, one]));
  return [...last.values()].filter(({ what }) => what === 'approve');
}

function logins({ pulls }: ForgeModel): string[] {
  return [...new Set(pulls.flatMap(({ reviews }) => reviews.map(({ by }) => by)))];
}

function idOf(model: ForgeModel, login: string): number {
  return logins(model).indexOf(login) + 1;
}

function loginOf(model: ForgeModel, id: number): string | undefined {
  return logins(model)[id - 1];
}

function told(pull: ToldPull): object {
  return {
    iid: pull.number,
    state: pull.state === 'merged' ? 'merged' : 'opened',
    author: { username: pull.author },
    sha: headOf(pull),
    merge_commit_sha: pull.landed,
    squash_commit_sha: null,
  };
}
