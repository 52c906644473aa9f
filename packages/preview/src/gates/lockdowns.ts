import { randomBytes } from 'node:crypto';
import { expressionFlaw } from '@plumb/agent';
import {
  checkLockdown,
  formatTime,
  LOCKDOWN,
  ownMessages,
  parseDuration,
  say,
  userError,
  type JsonObject,
  type Lockdown,
  type LockdownSpec,
} from '@plumb/api';
import { lockdownFacts } from '@plumb/core';
import type { Engine } from '@plumb/engine';
import { asking, type GateCluster } from './asking.ts';
import { whoAmI } from './who-am-i.ts';

export interface LockdownWish {
  /** Empty: one is made up. */
  name: string;
  reason: string;
  /** RFC 3339; or empty, where `lasts` says it. */
  until: string;
  /** A duration, from now on by the clock of the API server; or empty. */
  lasts: string;
  select: NonNullable<LockdownSpec['select']>;
  /** None: the usual ones. */
  causes: readonly string[];
  /** Let pass what so many of these people approve; 0: nothing. Nobody named: whoever may approve. */
  approvals: { count: number; users: readonly string[]; groups: readonly string[] };
  /** Let pass what holds these, as name=expression. */
  checks: readonly string[];
}

/**
 * Stops changes, in the name that the API server knows.
 * @param engine reads the expressions of checks
 * @throws PlumbError where the wish makes no sense or is refused
 */
export async function lockDown(
  cluster: GateCluster,
  wish: LockdownWish,
  engine: Pick<Engine, 'celCheck'>,
  signal: AbortSignal,
): Promise<Lockdown> {
  if (wish.reason === '') throw userError('invalid-spec', 'whoever is stopped wants to know why: give --reason');
  const who = await whoAmI(cluster, signal);
  const until = endOf(wish, cluster.connection.time ?? Date.now());
  const { reason, select, causes } = wish;
  const name = wish.name === '' ? `lockdown-${randomBytes(4).toString('hex')}` : wish.name;
  const spec = {
    ...(Object.keys(select).length > 0 && { select }),
    reason,
    by: who.name,
    until: formatTime(new Date(until)),
    ...rulesOf(wish),
    ...(causes.length > 0 && { causes }),
  };
  const object = {
    apiVersion: 'plumb.dev/v1',
    kind: 'Lockdown',
    metadata: { name },
    spec: spec as unknown as JsonObject,
  };
  const checked = checkLockdown(object);
  if (!checked.ok) throw userError('invalid-spec', `the lockdown: ${say(ownMessages.invalidSpec, checked).text}`);
  const problem = lockdownFacts(object).flaw ?? (await expressionFlaw(checked.value, engine));
  if (problem !== null) throw userError('invalid-spec', `the lockdown: ${problem}`);
  return (await asking(cluster, LOCKDOWN, 'create', () => cluster.create(object, { signal }))) as unknown as Lockdown;
}

/** The name of the rule that asks for the approvals of a wish. */
const APPROVALS = 'people';

/** What lets changes pass in spite of the lockdown; nothing where it stops all. */
function rulesOf({ approvals, checks }: LockdownWish): Pick<LockdownSpec, 'approvals' | 'checks'> {
  const { count, users, groups } = approvals;
  if (count === 0 && users.length + groups.length > 0)
    throw userError(
      'invalid-spec',
      'it is said whose approvals count, and not how many are needed: give --require-approvals',
    );
  const people = { ...(users.length > 0 && { users: [...users] }), ...(groups.length > 0 && { groups: [...groups] }) };
  return {
    ...(count > 0 && { approvals: [{ name: APPROVALS, count, ...people }] }),
    ...(checks.length > 0 && { checks: checks.map(checkOf) }),
  };
}

function checkOf(given: string): NonNullable<LockdownSpec['checks']>[number] {
  const { name = '', expression = '' } = /^(?<name>[\w.-]+) *=(?!=)(?<expression>.*\S.*)$/s.exec(given)?.groups ?? {};
  if (name !== '') return { name, expression: expression.trim() };
  throw userError('invalid-spec', `--check '${given}' is no name=expression, as no-jobs=object.kind != 'Job'`);
}

/** RFC 3339 with an offset: a time without one is another time elsewhere. */
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})$/;

function endOf({ until, lasts }: LockdownWish, now: number): number {
  if ((until === '') === (lasts === ''))
    throw userError('invalid-spec', 'a lockdown ends by itself: say when, with either --until or --for');
  if (lasts !== '') return now + longer(parseDuration(lasts), lasts);
  const end = MOMENT.test(until) ? Date.parse(until) : Number.NaN;
  if (Number.isNaN(end))
    throw userError('invalid-spec', `--until '${until}' is no time as 2026-11-27T18:00:00Z or 2026-11-27T10:00-08:00`);
  if (end <= now)
    throw userError(
      'invalid-spec',
      `--until '${until}' is in the past: the cluster has ${formatTime(new Date(now))} now`,
    );
  return end;
}

function longer(lasts: number, given: string): number {
  if (lasts >= 1_000) return lasts;
  throw userError('invalid-spec', `--for must be longer than ${given}`);
}

/** Ends a lockdown. @throws PlumbError `api-not-found`, with those that there are */
export async function endLockdown(cluster: GateCluster, name: string, signal: AbortSignal): Promise<void> {
  const key = { ...LOCKDOWN, namespace: '', name };
  const was = await asking(cluster, LOCKDOWN, 'delete', () => cluster.delete(key, { signal }));
  if (was) return;
  throw userError(
    'api-not-found',
    `there is no Lockdown ${name} in the cluster; 'plumb lockdown list' shows those there are`,
  );
}

/** All lockdowns, those that end last first; and the time by the API server's clock. */
export async function listLockdowns(
  cluster: GateCluster,
  signal: AbortSignal,
): Promise<{ lockdowns: Lockdown[]; now: number }> {
  const { items } = await asking(cluster, LOCKDOWN, 'list', () => cluster.list(LOCKDOWN, { signal }));
  const lockdowns = (items as unknown as Lockdown[]).toSorted((a, b) => endTime(b) - endTime(a));
  return { lockdowns, now: cluster.connection.time ?? Date.now() };
}

export function endTime({ spec }: Pick<Lockdown, 'spec'>): number {
  return Date.parse(spec.until);
}
