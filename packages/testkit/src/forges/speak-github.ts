import { bringing, headOf, paged, pullOf, type ForgeModel, type Speak, type ToldPull } from './forge-model.ts';

const STATES = { approve: 'APPROVED', reject: 'CHANGES_REQUESTED', comment: 'COMMENTED', dismissed: 'DISMISSED' };

export const speakGithub: Speak = ({ path, query, model }) => {
  const [root, owner, name, kind, id, what] = path;
  if (root !== 'repos' || `${owner}/${name}` !== model.repository) return null;
  const list = (items: object[]): object[] => paged(items, query, Math.min(100, Number(query.get('per_page') ?? 30)));
  if (kind === 'commits' && what === 'pulls') return list(bringing(model, id ?? '').map((pull) => told(pull, model)));
  if (kind === 'git') return { sha: what, tree: { sha: model.trees[what ?? ''] } };
  if (kind === 'collaborators') return { permission: model.writers.includes(id ?? '') ? 'write' : 'read' };
  const pull = kind === 'pulls' ? pullOf(model, id) : undefined;
  if (pull === undefined) return null;
  if (what === 'commits') return list(pull.commits.map((sha) => ({ sha })));
  if (what !== 'reviews') return null;
  return list(
    pull.reviews.map((one) => ({
      user: { login: one.by },
      state: STATES[one.what],
      commit_id: one.of,
      submitted_at: one.at,
    })),
  );
};

function told(pull: ToldPull, { repository }: ForgeModel): object {
  return {
    number: pull.number,
    user: { login: pull.author },
    merged_at: pull.state === 'merged' ? '2026-11-01T00:00:00Z' : null,
    merge_commit_sha: pull.landed ?? headOf(pull),
    head: { sha: headOf(pull) },
    base: { ref: 'main', repo: { full_name: repository } },
  };
}
