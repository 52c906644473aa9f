import { headOf, paged, pullOf, type Speak } from './forge-model.ts';

const STATES = { approve: 'APPROVED', reject: 'REQUEST_CHANGES', comment: 'COMMENT', dismissed: 'APPROVED' };
/** It may hold back more than it is asked to (MAX_RESPONSE_ITEMS). */
const MOST = 2;

export const speakGitea: Speak = ({ path, query, model }) => {
  const [root, owner, name, kind, id, what] = path;
  if (root !== 'repos' || `${owner}/${name}` !== model.repository) return null;
  if (kind === undefined) return { full_name: model.repository };
  // It knows pull requests by the commit that they were merged as, and by no other.
  if (kind === 'commits' && what === 'pull') {
    const pull = model.pulls.find((one) => one.state === 'merged' && (one.landed ?? headOf(one)) === id);
    if (pull === undefined) return null;
    const landed = pull.landed ?? headOf(pull);
    const { number, author } = pull;
    return { number, user: { login: author }, merged: true, merge_commit_sha: landed, head: { sha: headOf(pull) } };
  }
  if (kind === 'git') return { sha: what, commit: { tree: { sha: model.trees[what ?? ''] } } };
  const pull = kind === 'pulls' ? pullOf(model, id) : undefined;
  if (pull === undefined) return null;
  const list = (items: object[]): object[] => paged(items, query, MOST);
  if (what === 'commits') return list(pull.commits.map((sha) => ({ sha })));
  if (what !== 'reviews') return null;
  return list(
    pull.reviews.map((one, index) => ({
      id: index + 1,
      user: { login: one.by },
      state: STATES[one.what],
      commit_id: one.of,
      submitted_at: one.at,
      stale: one.of !== headOf(pull),
      dismissed: one.what === 'dismissed',
      official: model.writers.includes(one.by),
    })),
  );
};
