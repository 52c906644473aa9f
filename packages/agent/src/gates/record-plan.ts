import { asPlumbError, formatTime, type Change } from '@plumb/api';
import type { ChangeFacts, GateRecord } from '@plumb/core';
import { hideSecrets } from '../delivery/hide-secrets.ts';
import type { ChangeRecords } from './change-records.ts';
import type { GateRequest } from './gate-request.ts';
import { keepPlan } from './keep-plan.ts';
import { planChange } from './plan-change.ts';
import { shownRecord } from './shown-record.ts';

/** A plan that could not be kept is made again after this long. Milliseconds. */
const PLAN_AGAIN = 5 * 60_000;
const LONGEST_PROBLEM = 2_048;

interface Recording {
  records: ChangeRecords;
  /** Milliseconds since the epoch. */
  now: number;
  onFault: (what: string, error: unknown) => void;
}

/** Keeps the whole plan beside a change, once. That there is none holds nothing back, and opens nothing. */
export async function recordPlan(
  { records, now, onFault }: Recording,
  request: Pick<GateRequest, 'contents' | 'trial' | 'secrets' | 'cluster' | 'signal'>,
  judged: { facts: ChangeFacts; record: GateRecord },
  held: Change,
): Promise<void> {
  const { plan } = held.status ?? {};
  const isLate = plan?.problem !== undefined && now - Date.parse(plan.at) >= PLAN_AGAIN;
  if (plan !== undefined && !isLate) return;
  const { cluster, signal } = request;
  const { name } = held.metadata;
  try {
    const contents = await request.contents();
    const plan = await planChange({ ...request, change: judged.facts, contents });
    const shown = shownRecord(judged.record, request.secrets);
    const kept = await keepPlan({ ...plan, judgedAt: formatTime(new Date(now)), ...shown }, held, cluster, now);
    await records.notePlan(held, kept, cluster);
  } catch (thrown) {
    signal.throwIfAborted();
    const problem = hideSecrets(asPlumbError(thrown), request.secrets).message.slice(0, LONGEST_PROBLEM);
    await records
      .notePlan(held, { problem, at: formatTime(new Date(now)) }, cluster)
      .catch((error: unknown) => onFault(`the plan of Change ${name} could not be recorded`, error));
  }
}
