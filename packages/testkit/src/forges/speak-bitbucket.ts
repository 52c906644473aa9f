import { bringing, headOf, pullOf, type Speak, type Spoke, type Spoken, type ToldPull } from './forge-model.ts';

const DIGITS = 12;
/** Items of a page, whatever is asked for. */
const MOST = 3;

/** People are told by their account ids, commits of pull requests by twelve digits, and of no approval which commit it is of. */
export const speakBitbucket: Speak = (request) => {
  const { path, model } = request;
  const [root, owner, name, kind, id, what] = path;
  if (root !== 'repositories' || `${owner}/${name}` !== model.repository) return null;
  if (kind === 'commit' && what === 'pullrequests') {
    return page(
      bringing(model, id ?? '').map(({ number }) => ({ id: number })),
      request,
    );
  }
  if (kind === 'diffstat') {
    const [to = '', from = ''] = (id ?? '').split('..');
    return { values: model.trees[from] === model.trees[to] ? [] : [{ status: 'modified' }] };
  }
  const pull = kind === 'pullrequests' ? pullOf(model, id) : undefined;
  return pull === undefined ? null : ofPull(pull, what, request);
};

function ofPull(pull: ToldPull, what: string | undefined, request: Spoke): Spoken {
  if (what === undefined) return told(pull);
  if (what === 'commits')
    return page(
      pull.commits.toReversed().map((hash) => ({ hash })),
      request,
    );
  return what === 'activity' ? page(activityOf(pull), request) : null;
}

function page(items: object[], { path, query, root }: Spoke): object {
  const at = Number(query.get('page') ?? 1);
  const more = items.length > at * MOST;
  const next = { next: `${root}/${path.join('/')}?page=${at + 1}` };
  return { values: items.slice((at - 1) * MOST, at * MOST), ...(more && next) };
}

function told(pull: ToldPull): object {
  const last = new Map(pull.reviews.filter(({ what }) => what !== 'comment').map((one) => [one.by, one]));
  const participants = [...last.values()].map(({ by, what }) => ({
    user: { account_id: by },
    approved: what === 'approve',
    state: what === 'approve' ? 'approved' : what === 'reject' ? 'changes_requested' : null,
  }));
  return {
    id: pull.number,
    state: pull.state === 'merged' ? 'MERGED' : 'OPEN',
    author: { account_id: pull.author },
    source: { commit: { hash: headOf(pull).slice(0, DIGITS) } },
    merge_commit: pull.landed === null ? null : { hash: pull.landed.slice(0, DIGITS) },
    participants,
  };
}

function activityOf(pull: ToldPull): object[] {
  const update = (state: string, id: string, date: string): object => {
    return { update: { state, date, source: { commit: { hash: id.slice(0, DIGITS) } } } };
  };
  return [
    ...(pull.state === 'merged' ? [update('MERGED', headOf(pull), '2026-12-01T00:00:00Z')] : []),
    ...pull.reviews
      .filter(({ what }) => what === 'approve')
      .map(({ by, at }) => ({ approval: { date: at, user: { account_id: by } } })),
    ...pull.heads.map(({ id, at }) => update('OPEN', id, at)),
  ];
}
