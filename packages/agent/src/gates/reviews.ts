import { oneLine, some, type KubeObject, type ReviewRule } from '@plumb/api';
import { referredNamespace, spelling, type EndorsedPart, type Endorsement, type Endorsements } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import type { RangeCommit } from '@plumb/sources';
import type { Clock } from '../runtime/clock.ts';
import { bitbucket } from './forges/bitbucket.ts';
import { coverageOf, type Covered } from './forges/coverage.ts';
import { ForgeApi } from './forges/forge-api.ts';
import type { PullRequest } from './forges/forge.ts';
import { gitea } from './forges/gitea.ts';
import { github } from './forges/github.ts';
import { gitlab } from './forges/gitlab.ts';
import { LateAnswers, type Trouble } from './late-answers.ts';

/** The commits that a revision is made of since what was applied last, and the address they come from; or why they cannot be told. */
export type SourceCommits = { commits: readonly RangeCommit[]; isNew: boolean; url: string } | { unknown: string };

/** The commits that are new; or why no word on a commit is about what changes. */
export async function newCommits(
  commits: () => Promise<SourceCommits>,
): Promise<Exclude<SourceCommits, { unknown: string }> | Trouble> {
  const range = await commits();
  if ('unknown' in range) return { trouble: `nobody knows which commits it is made of: ${range.unknown}` };
  // What differs then is not of a commit, and whoever looked at one did not see it.
  if (range.isNew) return range;
  return {
    trouble: 'no commit in it is new, or it takes back what was applied, so that no word on one is about what changes',
  };
}

/** What the reviews of a change are asked by. */
export interface ReviewQuestion {
  rule: ReviewRule;
  /** Of the Secret, where the rule names it: that of a ReleasePolicy. */
  namespace: string;
  /** Names all that the answer depends on. */
  id: string;
  commits: () => Promise<SourceCommits>;
  /** Told of an answer that was not waited for. */
  onLate: () => void;
}

/** How long a judgement waits for an answer. Milliseconds. */
const WITHIN = 5_000;
/** What one answer may take. Milliseconds. */
const LONGEST = 30_000;
/** An answer is as good as a new one for so long. Milliseconds. */
const GOOD_FOR = 50_000;
/** A change that waits for reviews is looked at again after this long. Milliseconds. */
export const REVIEWS_AGAIN = 60_000;
const MOST_ANSWERS = 1_000;
/** Commits that are named of those that came without a pull request. */
const NAMED = 3;

const FORGES = { GitHub: github, GitLab: gitlab, Gitea: gitea, Bitbucket: bitbucket } as const;
const PUBLIC: Readonly<Record<ReviewRule['provider'], string>> = {
  GitHub: 'https://api.github.com',
  GitLab: 'https://gitlab.com/api/v4',
  Gitea: '',
  Bitbucket: 'https://api.bitbucket.org/2.0',
};

/** Reviews at forges, as rules of approvals ask for them. */
export class Reviews {
  readonly #cluster: Cluster;
  readonly #answers: LateAnswers<Endorsements>;
  readonly #end = new AbortController();

  constructor({ cluster, clock }: { cluster: Cluster; clock: Clock }) {
    this.#cluster = cluster;
    this.#answers = new LateAnswers({ clock, most: MOST_ANSWERS });
  }

  /** What reviewers said; a forge that is slow is not waited for. */
  async ask(question: ReviewQuestion): Promise<Endorsements> {
    const asked = { key: question.id, ask: () => this.#findOut(question), countsFor: () => GOOD_FOR };
    const told = await this.#answers.answerTo(asked, { within: WITHIN, onLate: question.onLate });
    return told ?? { trouble: `${question.rule.provider} has not answered yet` };
  }

  done(): void {
    this.#end.abort();
  }

  async #findOut({ rule, namespace, commits }: ReviewQuestion): Promise<Endorsements> {
    const range = await newCommits(commits);
    if ('trouble' in range) return range;
    const repository = rule.repository ?? repositoryIn(range.url);
    const api = await this.#apiOf(rule, namespace);
    const forge = FORGES[rule.provider](api, repository);
    const provider = rule.provider.toLowerCase();
    const groups = await coverageOf(range.commits, forge);
    const named = namedBy(rule);
    const reviews = new Map<number, Endorsement[]>();
    for (const pull of new Map(groups.flatMap(({ pulls }) => pulls).map((one) => [one.number, one])).values()) {
      const found = await forge.reviewsOf(pull, named);
      const told = found.map(({ by, at }): Endorsement => {
        const name = `${provider}:${oneLine(by)}`;
        return { by: name, at, evidence: `review by ${name} of pull request ${pull.number} of ${repository}` };
      });
      reviews.set(pull.number, told);
    }
    return { parts: groups.map((group) => partOf(group, { reviews, repository, provider })) };
  }

  async #apiOf({ provider, url, secretRef }: ReviewRule, namespace: string): Promise<ForgeApi> {
    const place = { namespace: referredNamespace(secretRef, namespace), name: secretRef.name };
    const tokenIn = `Secret ${place.namespace}/${place.name}`;
    const signal = this.#end.signal;
    const key = { group: '', version: 'v1', kind: 'Secret', ...place };
    const secret = await this.#cluster.get(key, { signal });
    const token = textOf(secret, 'token');
    if (!/^[\x21-\x7e]+$/.test(token))
      throw new Error(`${tokenIn} ${secret === null ? 'is not there' : 'holds no token'}`);
    const authorization = `${provider === 'Gitea' ? 'token' : 'Bearer'} ${token}`;
    return new ForgeApi({
      url: (url ?? PUBLIC[provider]).replace(/\/+$/, ''),
      headers: { authorization },
      ca: textOf(secret, 'ca.crt') || undefined,
      tokenIn,
      isTenants: namespace !== '',
      deadline: performance.now() + LONGEST,
      signal,
    });
  }
}

/** Without the blanks around. */
function textOf(secret: KubeObject | null, field: string): string {
  const data = (secret?.['data'] ?? {}) as Record<string, string | undefined>;
  return Buffer.from(data[field] ?? '', 'base64')
    .toString('utf8')
    .trim();
}

function namedBy({ reviewers = [] }: ReviewRule): ((login: string) => boolean) | null {
  if (reviewers.length === 0) return null;
  const known = new Set(reviewers.map(spelling));
  return (login) => known.has(spelling(login));
}

/** `https://github.com/shop/apps.git` and `ssh://git@github.com/shop/apps` are shop/apps. @throws Error where it names none */
function repositoryIn(address: string): string {
  const path = (URL.parse(address)?.pathname ?? '').replace(/^\/+|\/+$/g, '').replace(/\.git$/, '');
  if (/^[\w.-]+(\/[\w.-]+)+$/.test(path)) return path;
  throw new Error(
    `the address of its GitRepository, ${oneLine(address).slice(0, 100)}, names no repository: name it by reviews.repository`,
  );
}

/** Nobody reviews what they brought themselves. */
function partOf(
  { commits, pulls, other }: Covered,
  context: { reviews: ReadonlyMap<number, readonly Endorsement[]>; repository: string; provider: string },
): EndorsedPart {
  const { reviews, repository, provider } = context;
  if (pulls.length === 0) return { wanted: `review of ${namedCommits(commits)}, ${whyNone(other)}`, by: [] };
  const authors = pulls.map(({ author }) => spelling(`${provider}:${author}`));
  const by = pulls
    .flatMap(({ number }) => reviews.get(number) ?? [])
    .filter((one) => !authors.includes(spelling(one.by)));
  return { wanted: `review of pull request ${pulls.map(({ number }) => number).join(' or ')} of ${repository}`, by };
}

function whyNone(other: PullRequest | null): string {
  if (other === null) return 'which came with no merged pull request';
  return `merged with pull request ${other.number}, but not as that was reviewed (bring its branch up to date before it is merged)`;
}

function namedCommits(ids: readonly string[]): string {
  const short = ids.map((id) => id.slice(0, 12));
  return `commit${ids.length === 1 ? '' : 's'} ${some(short, NAMED)}`;
}
