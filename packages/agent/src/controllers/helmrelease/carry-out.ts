import type { HelmRelease, Said } from '@plumb/api';
import { Superseded } from '../../releases/context.ts';
import type { Outcome } from '../../runtime/outcome.ts';
import { actAbsorb, actReconcile, actRepair, TELL_AFTER, type Hands } from './act.ts';
import type { Step } from './decide.ts';
import { NO_FACTS, type Facts } from './facts.ts';
import type { ReleaseMemory } from './memory.ts';

interface Context {
  memory: ReleaseMemory;
  hands: Hands;
}

/** Does what was decided, for as long as it need not wait for others. */
export async function carryOut(
  object: HelmRelease,
  step: Exclude<Step, { do: 'forget' | 'finalize' | 'rest' | 'idle' }>,
  { memory, hands, inputs }: Context & { inputs: string },
): Promise<Outcome<Facts>> {
  switch (step.do) {
    case 'refuse':
      return { type: 'terminal', facts: NO_FACTS, said: step.said };
    case 'absorb':
      return actAbsorb(object, step.flaw, { memory, hands });
    case 'await':
      return awaitOthers(object, step, { memory, hands });
    case 'repair':
      return { type: 'retry', facts: await actRepair(object, { memory, hands }), said: step.said, after: step.after };
    case 'cancel':
      memory.job?.cancel(new Superseded(step.trigger));
      return waiting({ memory, hands });
    case 'wait':
      return waiting({ memory, hands });
    case 'reconcile':
      return actReconcile(object, { ...step, inputs }, { memory, hands });
  }
}

/** An action is under way: what lasts is told. */
function waiting({ memory: { task }, hands }: Context): Outcome<Facts> {
  if (task === null) return { type: 'again', facts: NO_FACTS, after: TELL_AFTER };
  const took = hands.clock.now() - task.startedAt;
  if (took < TELL_AFTER) return { type: 'again', facts: NO_FACTS, after: TELL_AFTER - took };
  const running = { action: task.action, timeout: task.timeout };
  return { type: 'again', facts: { ...NO_FACTS, running }, after: task.timeout };
}

/** What comes first is under way more often than not: only a wait that lasts is told. What is in force is kept meanwhile. */
async function awaitOthers(
  object: HelmRelease,
  { said, after }: { said: Said; after: number },
  { memory, hands }: Context,
): Promise<Outcome<Facts>> {
  const now = hands.clock.now();
  memory.unit.awaitingSince ??= now;
  const left = memory.unit.awaitingSince + TELL_AFTER - now;
  if (left > 0) return { type: 'again', facts: NO_FACTS, after: left };
  const facts = await actRepair(object, { memory, hands });
  return { type: 'retry', facts: { ...facts, isStalled: false }, said, after };
}
