import { systemError } from '@plumb/api';
import type { Resolved } from './git-sources.ts';
import { correctable } from './git/address.ts';
import { cloneMessage, refNotFound } from './git/failure.ts';
import { INCOMING, type Mirror } from './git/mirror.ts';
import { revisionOf, tagRef, type Wanted } from './git/reference.ts';
import type { Remote, RemoteRef } from './git/remote.ts';
import { selectVersions } from './semver/range.ts';

/** What a ref is now, and the tag it was asked for by: its short name, and the id of its object where it has one. */
export interface Found extends Resolved {
  tag?: { name: string; id: string | null };
}

interface Exchange {
  remote: Remote;
  mirror: Mirror;
  /** The object of an annotated tag is needed too, not only the commit it leads to. */
  withTag: boolean;
}

/** Asks the remote what a ref is now, and fetches its commit when the mirror has it not. */
export async function resolveRef(exchange: Exchange, wanted: Wanted): Promise<Found> {
  const { remote, mirror } = exchange;
  if (wanted.kind === 'commit') return resolveCommit(remote, mirror, wanted);
  if (wanted.kind === 'semver') return resolveRange(exchange, wanted.range);
  if (wanted.kind === 'any') return fetchName(exchange, wanted);
  const scope = scopeOf(wanted.ref);
  const found = find(remote, await remote.list(scope, wanted.ref), wanted.ref);
  return fetchRef(exchange, { kind: wanted.kind, ...found });
}

function scopeOf(ref: string): 'heads' | 'tags' | 'all' {
  if (ref.startsWith('refs/heads/')) return 'heads';
  return ref.startsWith('refs/tags/') ? 'tags' : 'all';
}

function find(remote: Remote, refs: readonly RemoteRef[], ref: string): RemoteRef {
  const found = refs.find((candidate) => candidate.ref === ref);
  if (found !== undefined) return found;
  const context = remote.failureContext(ref);
  throw refs.length === 0 && ref.startsWith('refs/heads/') ? emptyRemote() : refNotFound(context);
}

/** A fetch may find more later; the words are Flux's. */
function emptyRemote(): Error {
  return correctable('source-empty', 'git repository is empty');
}

interface Target extends RemoteRef {
  kind: Wanted['kind'];
}

async function fetchRef(exchange: Exchange, target: Target): Promise<Found> {
  const { objects } = exchange.mirror;
  const known = await objects.commit(target.commit);
  const lacksTag = exchange.withTag && target.tag !== undefined && !(await objects.has(target.tag));
  if (known !== null && !lacksTag) return withTagOf(target, target.tag ?? null, resolved(target, known));
  // The ref may have moved since it was listed: what arrived counts.
  return fetchName(exchange, target);
}

type Named = Pick<Target, 'kind' | 'ref'>;

/** One exchange, which brings no object when nothing moved. Git's own rules hold for a short name: a tag goes before a branch. */
async function fetchName({ remote, mirror, withTag }: Exchange, target: Named): Promise<Found> {
  await remote.fetch([`+${target.ref}:${INCOMING}`], 1, target.ref);
  const arrived = await mirror.objects.commit(`${INCOMING}^{commit}`);
  if (arrived === null) {
    const { url } = remote.failureContext(target.ref);
    throw correctable('source-failed', cloneMessage({ url }, `'${target.ref}' does not lead to a commit`));
  }
  const object = withTag ? await mirror.objects.raw(INCOMING) : null;
  return withTagOf(target, object?.type === 'tag' ? object.id : null, resolved(target, arrived));
}

function withTagOf({ ref }: Named, id: string | null, found: Resolved): Found {
  return ref.startsWith('refs/tags/') ? { ...found, tag: { name: ref.slice('refs/tags/'.length), id } } : found;
}

async function resolveRange(exchange: Exchange, range: string): Promise<Found> {
  const { remote, mirror } = exchange;
  const refs = await remote.list('tags', range);
  const tags = new Map(refs.map((ref) => [ref.ref.slice('refs/tags/'.length), ref]));
  const chosen = selectVersions(range, [...tags.keys()]);
  if (chosen.length === 0) {
    const { url } = remote.failureContext(range);
    throw correctable('source-failed', cloneMessage({ url }, `no match found for semver: ${range}`));
  }
  // Versions that differ only in their build part have no order: the youngest commit wins, as in Flux.
  let best: { found: Found; committed: number } | undefined;
  for (const tag of chosen) {
    const target: Target = { commit: '', ...tags.get(tag), kind: 'semver', ref: tagRef(tag) };
    const found = await fetchRef(exchange, target);
    const committed = (await mirror.objects.commit(found.commit))?.committed ?? 0;
    if (best === undefined || committed > best.committed) best = { found, committed };
  }
  if (best === undefined) throw systemError('internal', 'no version was chosen');
  return best.found;
}

async function resolveCommit(
  remote: Remote,
  mirror: Mirror,
  wanted: Extract<Wanted, { kind: 'commit' }>,
): Promise<Resolved> {
  const refs = await remote.list('heads', wanted.ref === '' ? 'HEAD' : wanted.ref);
  const target: Target = { kind: 'commit', ref: wanted.ref, commit: wanted.commit };
  if (wanted.ref !== '') return resolveOnBranch(remote, mirror, target, find(remote, refs, wanted.ref));
  let known = await mirror.objects.commit(wanted.commit);
  if (known === null && (await remote.fetch([`+${wanted.commit}:${INCOMING}`], 1, wanted.commit))) {
    known = await mirror.objects.commit(wanted.commit);
  }
  if (known === null) {
    // A server that gives out no commit by its id alone: take all branches and tags.
    await remote.fetch(
      ['+refs/heads/*:refs/plumb/heads/*', '+refs/tags/*:refs/plumb/tags/*'],
      depthOf(mirror),
      wanted.commit,
    );
    known = await mirror.objects.commit(wanted.commit);
  }
  if (known === null) throw commitNotFound(remote, target);
  return resolved(target, known);
}

/** A commit pinned on a branch must be in that branch's history, so the history is needed. */
async function resolveOnBranch(remote: Remote, mirror: Mirror, target: Target, listed: RemoteRef): Promise<Resolved> {
  let tip = mirror.shallow ? null : await mirror.objects.commit(listed.commit);
  if (tip === null) {
    await remote.fetch([`+${target.ref}:${INCOMING}`], depthOf(mirror), target.ref);
    tip = await mirror.objects.commit(`${INCOMING}^{commit}`);
  }
  const known = await mirror.objects.commit(target.commit);
  if (known === null || tip === null || !(await mirror.isAncestor(known.id, tip.id)))
    throw commitNotFound(remote, target);
  return resolved(target, known);
}

function depthOf(mirror: Mirror): 'whole' | 'unshallow' {
  return mirror.shallow ? 'unshallow' : 'whole';
}

function commitNotFound(remote: Remote, { ref, commit }: Target): Error {
  const { url } = remote.failureContext(ref);
  const where = ref === '' ? '' : ` on branch '${ref.slice('refs/heads/'.length)}'`;
  return correctable(
    'source-failed',
    cloneMessage({ url }, `unable to resolve commit object for '${commit}': object not found${where}`),
  );
}

function resolved(target: Named, { id, subject }: { id: string; subject: string }): Resolved {
  return { revision: revisionOf(target.kind, target.ref, id), commit: id, subject };
}
