import { userError } from '@plumb/api';
import { correctable } from '../git/address.ts';
import { formatOf } from '../git/object-format.ts';
import type { ObjectStore } from '../git/object-store.ts';
import type { Wanted } from '../git/reference.ts';
import type { Verification, Verified } from '../git-sources.ts';
import { check, type CheckContext } from './check.ts';
import { takeCommitApart, takeTagApart, type TagObject } from './signed-object.ts';

/** What is to be verified. */
export interface Subject {
  commit: string;
  /** The tag that was asked for: its short name, and the id of its object, which a lightweight one has not. */
  tag: { name: string; id: string | null } | null;
}

export interface VerifyContext extends CheckContext {
  objects: ObjectStore;
}

/** @throws PlumbError `no-tag` when no tag is asked for, so that none can be verified */
export function mustNameTag(wanted: Wanted): void {
  if (wanted.kind === 'semver' || (wanted.kind !== 'commit' && wanted.ref.startsWith('refs/tags/'))) return;
  throw userError('no-tag', "cannot verify tag object's signature if a tag reference is not specified");
}

/** Tags may name tags. */
const MAX_TAGS = 10;

/**
 * Verifies what spec.verify asks for.
 * @throws PlumbError `invalid-tag-signature`, `invalid-commit-signature`, `unsigned-tag`, `engine-failed` (could not be checked)
 */
export async function verify(subject: Subject, wanted: Verification, context: VerifyContext): Promise<Verified> {
  const verified: Verified = { mode: wanted.mode };
  if (wanted.mode !== 'HEAD') verified.tag = await verifyTag(subject, wanted, context);
  if (wanted.mode !== 'Tag') verified.commit = await verifyCommit(subject.commit, wanted, context);
  return verified;
}

async function verifyTag({ tag, commit }: Subject, wanted: Verification, context: VerifyContext): Promise<SignedBy> {
  const { name, id } = tag ?? { name: '', id: null };
  const object = id === null ? null : await readTag(id, context.objects);
  const shown = id === null || object === null ? name : `${object.name}@${id}`;
  if (object === null || object.signature === '') {
    const words = `cannot verify signature of tag '${shown}' since it is not signed`;
    throw correctable('unsigned-tag', words);
  }
  const failed = (why: string): Error =>
    correctable('invalid-tag-signature', `signature verification of tag '${shown}' failed: ${why}`);
  const verdict = await check('tag', object, { wanted, context });
  if ('problem' in verdict) throw failed(verdict.problem);
  // The remote says by itself which commit a tag leads to; what was signed counts.
  const target = await peel(object, context.objects);
  if (target !== commit) throw failed(`it leads to ${target ?? 'no commit'}, not to commit ${commit}`);
  return { name: shown, key: verdict.key };
}

type SignedBy = NonNullable<Verified['tag']>;

async function verifyCommit(id: string, wanted: Verification, context: VerifyContext): Promise<SignedBy> {
  const failed = (why: string): Error =>
    correctable('invalid-commit-signature', `signature verification of commit '${id}' failed: ${why}`);
  const raw = await context.objects.raw(id);
  if (raw?.type !== 'commit') throw failed('it is too large, or no commit');
  const object = takeCommitApart(raw.body, formatOf(id) ?? 'sha1');
  const verdict = await check('commit', object, { wanted, context });
  if ('problem' in verdict) throw failed(verdict.problem);
  return { name: id, key: verdict.key };
}

async function readTag(id: string, objects: ObjectStore): Promise<TagObject | null> {
  const raw = await objects.raw(id);
  return raw?.type === 'tag' ? takeTagApart(raw.body) : null;
}

/** The commit that a tag leads to, by way of further tags where it does. */
async function peel({ target }: TagObject, objects: ObjectStore): Promise<string | null> {
  let at = target;
  for (let tags = 0; tags < MAX_TAGS && at.type === 'tag'; tags += 1) {
    const next = await readTag(at.id, objects);
    if (next === null) return null;
    at = next.target;
  }
  return at.type === 'commit' ? at.id : null;
}
