import {
  bringing,
  headOf,
  paged,
  pullOf,
  type ForgeModel,
  type Speak,
  type Spoke,
  type Spoken,
  type ToldPull,
  type ToldReview,
} from './forge-model.ts';

/** GitLab forgets an approval that is taken back, and does not say of which commit one is. */
export const speakGitlab: Speak = (request) => {
  const [root, project, kind] = request.path;
  if (root !== 'projects' || project !== request.model.repository) return null;
  if (kind === 'repository') return ofRepository(request);
  if (kind === 'members') return ofMember(request);
  return kind === 'merge_requests' ? ofMergeRequest(request) : null;
};

function listed(items: object[], query: URLSearchParams): object[] {
  return paged(items, query, Math.min(100, Number(query.get('per_page') ?? 20)));
}

function ofRepository({ path, query, model }: Spoke): Spoken {
  const [, , , what, id = ''] = path;
  if (what !== 'compare') return listed(bringing(model, id).map(told), query);
  const [from, to] = [query.get('from') ?? '', query.get('to') ?? ''];
  if (query.get('straight') !== 'true') return null;
  return { diffs: model.trees[from] === model.trees[to] ? [] : [{ new_path: 'a' }], compare_timeout: false };
}

function ofMember({ path, model }: Spoke): Spoken {
  const login = loginOf(model, Number(path[4]));
  return login === undefined ? null : { access_level: model.writers.includes(login) ? 30 : 20 };
}

function ofMergeRequest({ path, query, model }: Spoke): Spoken {
  const [, , , number, what] = path;
  const pull = pullOf(model, number);
  if (pull === undefined) return null;
  if (what === 'commits')
    return listed(
      pull.commits.map((id) => ({ id })),
      query,
    );
  if (what === 'versions') {
    const versions = pull.heads.map(({ id, at }, index) => ({ id: index + 1, head_commit_sha: id, created_at: at }));
    return listed(versions.toReversed(), query);
  }
  const approved = standing(pull.reviews).map(({ by, at }) => ({
    user: { username: by, id: idOf(model, by) },
    approved_at: at,
  }));
  return what === 'approvals' ? { approved_by: approved } : null;
}

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
