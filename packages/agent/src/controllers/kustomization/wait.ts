import type { Kustomization, ObjectKey, Source } from '@plumb/api';
import { kustomizationMessages as messages, say } from '@plumb/api';
import { aggregate } from '@plumb/core';
import { whileThere } from '../../delivery/destination.ts';
import { usesSecrets } from '../../delivery/hide-secrets.ts';
import { judge } from '../../delivery/judge.ts';
import { timeoutOf } from '../../delivery/prepare.ts';
import { healthNow, healthTargets, isInView, lookAgain } from '../../delivery/settle.ts';
import type { Sight } from '../../delivery/settle.ts';
import type { Delivered, Failed, Settling, UnitMemory } from '../../delivery/unit.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import type { Hands } from './act.ts';
import { isHeld } from './gate-news.ts';
import { actingAs, tenantOf } from '../../delivery/acting-as.ts';
import { siteOf, unreachable } from '../../delivery/approach.ts';
import { retryIntervalOf } from './decide.ts';
import type { Facts } from './facts.ts';
import { NOTHING } from './facts.ts';

/** While a delivery settles, its progress is told after this long; most are healthy before. */
const TELL_AFTER = 1_000;
/** How often a kind that is not served (discovery has no watch), a right and a verdict that were not to be had are looked for. Milliseconds. */
const LOOK_AGAIN = 5_000;

interface Context {
  memory: UnitMemory;
  hands: Hands;
}

/** After a delivery: health is a subscription, no worker waits for it. */
export async function beginWait(
  object: Kustomization,
  facts: Facts,
  context: Context & { startedAt: number },
): Promise<Outcome<Facts>> {
  const { memory, startedAt } = context;
  const { bundle } = memory;
  const targets = bundle === null ? [] : await healthTargets(object, bundle, facts.changes, sightOf(object, context));
  const deadline = startedAt + facts.timeout;
  memory.settling = targets.length === 0 ? null : { startedAt, deadline, targets, lookAgainAt: 0, failed: false };
  if (memory.settling !== null) await judgeTargets(object, memory.settling, context);
  return goOnWaiting(object, facts, context);
}

function sightOf(object: Kustomization, context: Context): Sight {
  const site = siteOf(context);
  return { ...site, unit: context.memory.uid, tenant: tenantOf(object, { ...context.hands, cluster: site.cluster }) };
}

/** Objects with expressions of their own are judged before anybody looks at their health. */
async function judgeTargets(object: Kustomization, settling: Settling, context: Context): Promise<void> {
  const { memory, hands } = context;
  const { wait, healthCheckExprs = [] } = object.spec;
  memory.verdicts.begin(
    healthCheckExprs,
    settling.targets.filter(isInView).map(({ key }) => key),
  );
  const now = hands.clock.now();
  const again = now >= settling.lookAgainAt;
  if (again) settling.lookAgainAt = nextLook(settling, now);
  const { live, cluster } = siteOf(context);
  const acting = actingAs(object, { ...hands, cluster });
  const hidesValues = usesSecrets(object, memory.bundle);
  await judge({ ...hands, live, cluster: acting, unit: memory, own: wait === true, hidesValues }, again);
}

/** However many changes wake the unit, what is not to be had is looked for rarely; once more when the wait is over. */
function nextLook({ deadline }: Settling, now: number): number {
  const next = now + LOOK_AGAIN;
  return now < deadline ? Math.min(next, deadline) : next;
}

/** Looks at the health that is known now. Called again at each change of it, and at the deadline. */
export async function actSettle(object: Kustomization, context: Context): Promise<Outcome<Facts>> {
  const { memory, hands } = context;
  const { destination, delivered } = memory;
  const facts = { ...NOTHING, timeout: timeoutOf(object), ...revisionsOf(delivered) };
  const there = whileThere(destination ?? hands.clusters.own, hands.clock);
  const signal = AbortSignal.any([hands.signal, there.signal]);
  try {
    return (
      unreachable(object, facts, context) ?? (await lookNow(object, facts, { memory, hands: { ...hands, signal } }))
    );
  } catch (thrown) {
    const away = unreachable(object, facts, context);
    if (away === null) throw thrown;
    return away;
  } finally {
    there.stop();
  }
}

async function lookNow(object: Kustomization, facts: Facts, context: Context): Promise<Outcome<Facts>> {
  const { settling } = context.memory;
  if (settling !== null) {
    const isDue = context.hands.clock.now() >= settling.lookAgainAt;
    if (isDue) settling.targets = await lookAgain(object, settling.targets, sightOf(object, context));
    await judgeTargets(object, settling, context);
  }
  return goOnWaiting(object, facts, context);
}

/** The revisions of what was delivered last. */
export function revisionsOf(delivered: Delivered | null): Pick<Facts, 'revision' | 'originRevision'> {
  if (delivered === null) return {};
  const { revision, originRevision } = delivered;
  return { revision, originRevision };
}

export function goOnWaiting(object: Kustomization, facts: Facts, context: Context): Outcome<Facts> {
  const { memory } = context;
  const { settling, failed } = memory;
  const digest = memory.bundle?.digest;
  const all = { ...facts, ...(digest === undefined ? {} : { digest }) };
  if (settling === null) return { type: 'done', facts: all };
  const verdict = aggregate(healthNow(settling.targets, siteOf(context).live, memory));
  if (failed !== null && isHeld(memory)) return goOnHeld(all, verdict, { ...context, settling, failed });
  return judgeWait(object, all, verdict, { ...context, settling });
}

function judgeWait(
  object: Kustomization,
  all: Facts,
  verdict: ReturnType<typeof aggregate>,
  { memory, hands, settling }: Context & { settling: Settling },
): Outcome<Facts> {
  const now = hands.clock.now();
  const took = now - settling.startedAt;
  if (verdict.status === 'current') {
    memory.settling = null;
    memory.verdicts.end();
    memory.failed = null;
    return { type: 'done', facts: { ...all, took, health: 'passed' } };
  }
  const lost = verdict.status === 'failed' || now >= settling.deadline;
  if (settling.failed) {
    const after = Math.max(0, (memory.failed?.retryAt ?? now) - now);
    const said = say(messages.unhealthy, { error: verdict.message });
    return { type: 'retry', facts: { ...all, health: 'failed' }, said, after };
  }
  if (!lost) {
    const tellAt = settling.startedAt + TELL_AFTER;
    const wait = now < tellAt ? tellAt - now : settling.deadline - now;
    const isWatched = settling.targets.every(isInView) && !memory.verdicts.passing;
    const look = isWatched ? wait : LOOK_AGAIN;
    return { type: 'again', facts: { ...all, took, health: 'waiting' }, after: Math.min(wait, look) };
  }
  settling.failed = true;
  const after = retryIntervalOf(object);
  const said = say(messages.healthFailed, { took, error: verdict.message });
  memory.failed = { said, inputs: memory.delivered?.inputs ?? '', retryAt: now + after, count: 1 };
  return { type: 'retry', facts: { ...all, took, health: 'failed' }, said, after };
}

/** Something newer is held, which is told: what was delivered before it is still waited for, and what comes of that is told beside. */
function goOnHeld(
  { revision, originRevision, ...facts }: Facts,
  verdict: ReturnType<typeof aggregate>,
  { memory, hands, settling, failed }: Context & { settling: Settling; failed: Failed },
): Outcome<Facts> {
  const now = hands.clock.now();
  const took = now - settling.startedAt;
  const after = Math.max(0, failed.retryAt - now);
  const { digest } = facts;
  const about = {
    ...(revision !== undefined && { revision }),
    ...(originRevision !== undefined && { originRevision }),
  };
  const held: Facts = { ...NOTHING, ...about, ...(digest !== undefined && { digest }), took };
  if (verdict.status === 'current') {
    memory.settling = null;
    memory.verdicts.end();
    return { type: 'retry', facts: { ...facts, held: { ...held, health: 'passed' } }, said: failed.said, after };
  }
  const isLost = verdict.status === 'failed' || now >= settling.deadline;
  if (isLost && !settling.failed) {
    settling.failed = true;
    const lost = say(messages.healthFailed, { took, error: verdict.message });
    return { type: 'retry', facts: { ...facts, held: { ...held, health: 'failed', lost } }, said: failed.said, after };
  }
  const isWatched = settling.failed || (settling.targets.every(isInView) && !memory.verdicts.passing);
  const end = settling.failed ? after : settling.deadline - now;
  return { type: 'again', facts, after: Math.min(after, end, isWatched ? after : LOOK_AGAIN) };
}

/** What is held back ends no wait for what was delivered before it. */
export function resumeWait(before: Settling | null, { memory, hands }: Context): number | null {
  if (before === null || memory.settling !== null) return null;
  memory.settling = before;
  return before.failed ? null : Math.max(0, before.deadline - hands.clock.now());
}

/**
 * Something newer is to be delivered: what was waited for no longer matters.
 * @returns what cut short a wait that people were told of; null for none
 */
export function endWait(
  object: Kustomization,
  source: Source | undefined,
  inputs: string,
  { memory, hands }: Context,
): Pick<ObjectKey, 'kind' | 'namespace' | 'name'> | null {
  const { settling, delivered } = memory;
  memory.settling = null;
  memory.verdicts.end();
  if (settling === null || settling.failed || hands.clock.now() < settling.startedAt + TELL_AFTER) return null;
  const { uid, generation, name, namespace = '' } = object.metadata;
  const [before = '', ...configsBefore] = delivered?.inputs.split('\n') ?? [];
  const [now = '', ...configs] = inputs.split('\n');
  const itself = { kind: 'Kustomization', namespace, name };
  if (!before.startsWith(`${[uid, generation].join(' ')} `)) return itself;
  if (before !== now && source !== undefined)
    return { kind: source.kind, namespace: source.metadata.namespace ?? '', name: source.metadata.name };
  return changedConfig(configsBefore, configs) ?? itself;
}

/** The first config of which one of the lists has another version; a line is `<kind>/<namespace>/<name> <version>`. */
function changedConfig(
  before: readonly string[],
  now: readonly string[],
): Pick<ObjectKey, 'kind' | 'namespace' | 'name'> | null {
  const changed = [...now.filter((line) => !before.includes(line)), ...before.filter((line) => !now.includes(line))][0];
  const [kind, namespace, name] = changed?.split(' ', 1)[0]?.split('/') ?? [];
  return kind === undefined || namespace === undefined || name === undefined ? null : { kind, namespace, name };
}
