import type { KubeObject, ObjectKey } from '@plumb/api';
import { asPlumbError, keyId } from '@plumb/api';
import { expressionsOf, healthBeforeExpressions, healthByExpressions } from '@plumb/core';
import type { ExpressionResult, Health } from '@plumb/core';
import type { Cluster } from '@plumb/kube';
import { settleAll } from '../runtime/parallel.ts';
import type { Expressions } from './expressions.ts';
import { OF_HEALTH } from './expressions.ts';
import type { LiveObjects } from './live.ts';
import { reader } from './read-live.ts';
import type { UnitMemory } from './unit.ts';
import type { Unjudged, Verdicts } from './verdicts.ts';
import { inputOf, versionOf } from './verdicts.ts';

export interface JudgeContext {
  /** Acts as the unit. */
  cluster: Cluster;
  unit: Pick<UnitMemory, 'ref' | 'verdicts'>;
  live: Pick<LiveObjects, 'get'>;
  expressions: Expressions;
  /** Whether the objects are the unit's own: then many are read by one list. */
  own: boolean;
  /** A value of any object may come from a Secret or an encrypted file: none is told. */
  hidesValues: boolean;
  parallel: number;
  signal: AbortSignal;
}

/** An object on its way to its verdict. */
interface Case extends Unjudged {
  json: string;
}

/** Objects are read and judged in pieces of so many: not all of them are held at once. */
const PIECE = 100;

/**
 * Brings in the verdicts that are missing on the objects a unit waits for, with one call to the engine for many. An object the watch has
 * not brought since the wait began is read, as the unit.
 * @param again tries those again too that could not be read or judged the last time
 * @throws only when the signal aborts
 */
export async function judge(context: JudgeContext, again: boolean): Promise<void> {
  const { unit, live, own, cluster, signal } = context;
  const open = unit.verdicts.takeOpen((id) => live.get(id), again);
  const unread = open.flatMap(({ key, json }) => (json === null ? [key] : []));
  const read = own ? reader(unread, context) : (key: ObjectKey) => cluster.get(key, { signal });
  for (let at = 0; at < open.length; at += PIECE) {
    const cases = await fetchMissing(open.slice(at, at + PIECE), read, context);
    const failure = await evaluate(cases, context);
    // An engine that fails one piece is spared the others for now.
    if (failure !== null) return leave(open.slice(at + PIECE), failure, unit.verdicts);
  }
}

function leave(open: readonly Unjudged[], health: Health, verdicts: Verdicts): void {
  for (const { key, version } of open) verdicts.put(keyId(key), { version, health, passing: true });
}

async function fetchMissing(
  open: readonly Unjudged[],
  read: (key: ObjectKey) => Promise<KubeObject | null>,
  { unit, parallel, signal }: JudgeContext,
): Promise<Case[]> {
  const answers = await settleAll(open, parallel, async (one): Promise<Case | null> => {
    if (one.json !== null) return { ...one, json: one.json };
    const object = await read(one.key);
    if (object === null) return null;
    const { uid = '', resourceVersion = '' } = object.metadata;
    const version = versionOf({ uid, resourceVersion });
    const health = healthBeforeExpressions(object);
    if (health === null) return { ...one, version, json: inputOf(object) };
    unit.verdicts.put(keyId(one.key), { version, health, passing: false });
    return null;
  });
  signal.throwIfAborted();
  return answers.flatMap((answer, index) => {
    const one = open[index] as Unjudged;
    if (answer.ok) return answer.value ?? [];
    const health: Health = { status: 'Unknown', message: asPlumbError(answer.error).message };
    unit.verdicts.put(keyId(one.key), { version: one.version, health, passing: true });
    return [];
  });
}

/** @returns the health that can be told of all of them, where the engine failed */
async function evaluate(
  cases: readonly Case[],
  { unit, expressions, hidesValues, signal }: JudgeContext,
): Promise<Health | null> {
  const asked = cases.map(({ entry }) => expressionsOf(entry));
  const distinct = [...new Set(asked.flat())];
  const inputs = cases.flatMap(({ json }, index) =>
    (asked[index] ?? []).map((expression) => ({ expression: distinct.indexOf(expression), json })),
  );
  const asker = { tenant: unit.ref.namespace, signal };
  const results = await resultsOf(() => expressions.evaluate(OF_HEALTH, { expressions: distinct, inputs }, asker));
  signal.throwIfAborted();
  if (!Array.isArray(results)) {
    leave(cases, results, unit.verdicts);
    return results;
  }
  let at = 0;
  for (const [index, { key, entry, version }] of cases.entries()) {
    const count = asked[index]?.length ?? 0;
    const health = healthByExpressions(entry, results.slice(at, at + count));
    at += count;
    const told = hidesValues || isSecret(key) ? masked(health) : health;
    unit.verdicts.put(keyId(key), { version, health: told, passing: false });
  }
  return null;
}

/** What the engine gave; where it failed, the health that can be told of all. */
async function resultsOf(call: () => Promise<ExpressionResult[]>): Promise<ExpressionResult[] | Health> {
  try {
    return await call();
  } catch (error) {
    return { status: 'Unknown', message: asPlumbError(error).message };
  }
}

function isSecret({ group, kind }: ObjectKey): boolean {
  return group === '' && kind === 'Secret';
}

/** CEL quotes what it looked for and what it could not read: that may be the secret (I8). */
function masked(health: Health): Health {
  if (health.status !== 'Unknown') return health;
  return { ...health, message: 'an expression failed; what it says is not shown, it may hold a secret' };
}
