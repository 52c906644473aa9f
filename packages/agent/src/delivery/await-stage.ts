import { displayKey, keyId, PlumbError } from '@plumb/api';
import type { Plan, Stage } from '@plumb/core';
import { sleep } from '../runtime/clock.ts';
import type { ApplyContext } from './apply.ts';
import { definedKinds } from './defined-kinds.ts';
import { storedOf } from './send.ts';
import { bodyOf } from './unit.ts';

/** The next stage may need the kinds, namespaces, roles and classes that were written in this one: they must be in force first. */
export async function awaitStage(stage: Stage, plan: Plan, context: ApplyContext): Promise<void> {
  const written = stage.actions;
  if (written.length === 0 || stage.name === 'custom' || stage.name === 'rest') return;
  const ids = written.map((action) => keyId(action.key));
  const current = await context.live.until(
    () => ids.every((id) => context.live.get(id)?.health.status === 'Current'),
    context.stageTimeout,
    context.signal,
  );
  if (!current) {
    const late = written.filter((action) => context.live.get(keyId(action.key))?.health.status !== 'Current');
    const names = late.map((action) => displayKey(action.key)).join(', ');
    throw new PlumbError('timeout', `timeout waiting for: ${names}`, { fault: 'system', policy: 'retry' });
  }
  await awaitServed(definedKinds(written.map((action) => bodyOf(storedOf(action, context)))), plan, context);
}

/** A new kind shows up in discovery a moment after its definition is established; discovery has no watch. */
async function awaitServed(kinds: Set<string>, plan: Plan, context: ApplyContext): Promise<void> {
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
