import { asPlumbError, oneLine } from '@plumb/api';
import type { Engine } from '@plumb/engine';
import { formatOf } from '../git/object-format.ts';
import type { ObjectStore } from '../git/object-store.ts';
import type { RemoteRef } from '../git/remote.ts';
import type { CommitExchange } from '../fetcher.ts';
import type { SignedAs, SignedQuestion, SignedTag, SignedWords } from '../git-sources.ts';
import { commitIn, type HistoryContext } from '../history/history.ts';
import { check, type CheckContext } from './check.ts';
import { takeCommitApart, takeTagApart, type SignedObject } from './signed-object.ts';

export interface SignedContext extends HistoryContext {
  engine: Pick<Engine, 'openpgpVerify'> | undefined;
  /** Ends what is read from a mirror. */
  signal: AbortSignal;
}

/** Tags of one commit that are looked at. */
const MOST_TAGS = 20;
/** Bytes of the end of a message, where trailers stand. */
const LONGEST_END = 16 * 1024;
/** Milliseconds for what needs no remote. */
const LOCAL_WITHIN = 30_000;
const TAGS = 'refs/tags/';
const LONGEST_NAME = 100;

/** What is signed of a revision's commit: tags of exactly that commit, and the commit itself. */
export async function signedOf(question: SignedQuestion, context: SignedContext): Promise<SignedWords> {
  const commit = commitIn(question.revision);
  if (commit === null) return { unknown: `'${oneLine(question.revision).slice(0, LONGEST_NAME)}' names no commit` };
  try {
    const here = question.isWanted === null ? await lookHere(commit, question, context) : null;
    if (here !== null) return here;
    const format = formatOf(commit) ?? 'sha1';
    return await context.fetching({ format, without: 'folders' }, (exchange) =>
      lookThere(commit, question, { context, exchange }),
    );
  } catch (error) {
    return { unknown: asPlumbError(error).message };
  }
}

async function lookHere(commit: string, question: SignedQuestion, context: SignedContext): Promise<SignedWords | null> {
  const mirror = await context.holding(commit);
  const { engine, signal } = context;
  const bounds = { engine, signal, deadline: performance.now() + LOCAL_WITHIN, validAt: Date.now() / 1_000 };
  const head = mirror === null ? null : await readHead(commit, question, { objects: mirror.objects, ...bounds });
  return head === null ? null : { commit, head, tags: [], left: 0 };
}

async function lookThere(
  commit: string,
  question: SignedQuestion,
  { context, exchange }: { context: SignedContext; exchange: CommitExchange },
): Promise<SignedWords> {
  const { mirror, remote, deadline, signal } = exchange;
  const { isWanted, isHeadWanted } = question;
  const listed = isWanted === null ? [] : await remote.list('tags', commit);
  const named = listed.filter((one) => one.commit === commit && isWanted?.(nameOf(one)) === true);
  // Those without a tag object cannot be signed, and take no place of one that may be.
  const isSignable = ({ tag }: RemoteRef): number => (tag === undefined ? 1 : 0);
  const tags = named.toSorted((a, b) => isSignable(a) - isSignable(b) || (a.ref < b.ref ? -1 : 1)).slice(0, MOST_TAGS);
  const ids = tags.flatMap(({ tag }) => tag ?? []);
  const wanted = [...(isHeadWanted ? [commit] : []), ...ids].map((id, at) => `+${id}:refs/plumb/signed/${at}`);
  if (wanted.length > 0 && !(await remote.fetch(wanted, 1, commit)))
    return { unknown: `the remote does not give out commit ${commit} and its tags` };
  const { engine } = context;
  const reading = { objects: mirror.objects, engine, deadline, signal, validAt: Date.now() / 1_000 };
  const head = isHeadWanted ? await readHead(commit, question, reading) : null;
  if (isHeadWanted && head === null) return { unknown: `commit ${commit} is too large, or no commit` };
  const told: SignedTag[] = [];
  for (const tag of tags) {
    const name = nameOf(tag);
    told.push({ name: oneLine(name).slice(0, LONGEST_NAME), signed: await readTag(tag, question, reading) });
  }
  return { commit, head, tags: told, left: named.length - tags.length };
}

function nameOf({ ref }: RemoteRef): string {
  return ref.slice(TAGS.length);
}

type Reading = CheckContext & { objects: ObjectStore };

async function readHead(
  commit: string,
  question: SignedQuestion,
  reading: Reading,
): Promise<{ end: string; signed: SignedAs } | null> {
  const raw = await reading.objects.raw(commit);
  if (raw?.type !== 'commit') return null;
  const blank = raw.body.indexOf('\n\n');
  const message = blank < 0 ? Buffer.alloc(0) : raw.body.subarray(blank + 2);
  const end = message.toString('utf8', Math.max(0, message.length - LONGEST_END));
  const object = takeCommitApart(raw.body, formatOf(commit) ?? 'sha1');
  return { end, signed: await signedAs('commit', object, { question, reading }) };
}

/** What the remote says of a tag is its own: what was signed is the name and the commit in it. */
async function readTag({ ref, commit, tag }: RemoteRef, question: SignedQuestion, reading: Reading): Promise<SignedAs> {
  if (tag === undefined) return { problem: 'it is not signed: no annotated tag' };
  const raw = await reading.objects.raw(tag);
  const object = raw?.type === 'tag' ? takeTagApart(raw.body) : null;
  if (object === null) return { problem: 'it is too large, or no tag' };
  if (`${TAGS}${object.name}` !== ref)
    return { problem: `it was made as ${oneLine(object.name).slice(0, LONGEST_NAME)}, and goes by another name` };
  if (object.target.type !== 'commit' || object.target.id !== commit)
    return { problem: 'it was made of something else than this commit' };
  return signedAs('tag', object, { question, reading });
}

async function signedAs(
  kind: 'commit' | 'tag',
  object: SignedObject,
  { question, reading }: { question: SignedQuestion; reading: Reading },
): Promise<SignedAs> {
  if (object.signature.trim() === '') return { problem: 'it is not signed' };
  const verdict = await check(kind, object, { wanted: question, context: reading });
  if ('problem' in verdict) return { problem: oneLine(verdict.problem) };
  const { fingerprint, holders } = verdict;
  return { fingerprint, holders, at: object.signedAt * 1_000 };
}
