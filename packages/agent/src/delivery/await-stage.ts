import { displayKey, keyId, PlumbError } from '@plumb/api';
import type { Action, Plan } from '@plumb/core';
import { sleep } from '../runtime/clock.ts';
import type { ApplyContext } from './apply.ts';
import { definedKinds } from './defined-kinds.ts';
import { storedOf } from './send.ts';
import { bodyOf } from './unit.ts';

/** An object of a stage that the next one waits for. */
export interface Awaited {
  action: Action;
  /** This run wrote it: what it defines may not be served yet. */
  written: boolean;
}

/**
 * The next stage may need the kinds, namespaces, roles and classes of this one: they must be in force first, also those that an earlier run wrote and
 * waited for in vain.
 * @returns those whose kinds may not be served yet
 * @throws PlumbError `timeout` that names those that are not in force by then, `apply-failed` that names one that was deleted meanwhile
 */
export async function awaitStage(awaited: readonly Awaited[], context: ApplyContext): Promise<Action[]> {
  const { live, unit } = context;
  const isLate = ({ action }: Awaited): boolean => live.get(keyId(action.key))?.health.status !== 'Current';
  const isGone = ({ action }: Awaited): boolean => live.get(keyId(action.key)) === undefined;
  const fresh = awaited.filter((one) => one.written || isLate(one));
  for (const one of awaited) if (!isLate(one)) unit.overdue.delete(keyId(one.action.key));
  if (fresh.length === 0) return [];
  // A worker that waits is one that others wait for: once is enough.
  const isHopeless = fresh.every(({ written, action }) => !written && unit.overdue.has(keyId(action.key)));
  if (isHopeless) throw late(awaited.filter(isLate));
  const isOver = (): boolean => !awaited.some(isLate) || awaited.some(isGone);
  const ended = await live.until(isOver, context.stageTimeout, context.signal);
  const gone = awaited.find(isGone);
  if (gone !== undefined) {
    const text = `${displayKey(gone.action.key)} was deleted while what comes after it waited for it`;
    throw new PlumbError('apply-failed', text, { fault: 'system', policy: 'retry' });
  }
  const isOverdue = !context.signal.aborted || isTimeout(context.signal.reason);
  for (const one of awaited) {
    const id = keyId(one.action.key);
    if (!isLate(one)) unit.overdue.delete(id);
    else if (isOverdue) unit.overdue.add(id);
  }
  if (!ended) throw late(awaited.filter(isLate));
  return fresh.map(({ action }) => action);
}

/** Whether it was the unit's own time that ran out. */
function isTimeout(reason: unknown): boolean {
  return reason instanceof Error && reason.name === 'TimeoutError';
}

function late(awaited: readonly Awaited[]): PlumbError {
  const names = awaited.map(({ action }) => displayKey(action.key)).join(', ');
  return new PlumbError('timeout', `timeout waiting for: ${names}`, { fault: 'system', policy: 'retry' });
}

/** A new kind of these definitions shows up in discovery a moment after its definition is established; discovery has no watch. */
export async function awaitServed(definitions: readonly Action[], plan: Plan, context: ApplyContext): Promise<void> {
  const kinds = definedKinds(definitions.map((action) => bodyOf(storedOf(action, context))));
  if (kinds.size === 0) return;
  const { clock } = context;
  const end = clock.now() + context.stageTimeout;
  for (let wait = 50; clock.now() < end && !context.signal.aborted; wait = Math.min(wait * 2, 1_000)) {
    const served = await context.cluster.discover({ refresh: true, signal: context.signal });
    const names = new Set(served.map((info) => `${info.group}/${info.version}/${info.kind}`));
    if (kinds.isSubsetOf(names)) break;
    await sleep(clock, wait);
  }
  await context.live.watchKinds(plan.stages.flatMap((stage) => stage.actions.map((action) => action.key)));
}
