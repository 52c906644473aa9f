import type { Decided, Decision, Heard } from '@plumb/preview';
import { visible } from './visible.ts';

/** What was done, in whose name. */
export function decidedText({ who, approval, change }: Decided, { decision, override }: Decision): string {
  const { namespace = '', name } = change.metadata;
  const plan = change.status?.plan?.path === undefined ? '' : `; plumb change diff ${name} shows what`;
  const did = decision === 'Reject' ? 'rejected' : override === '' ? 'approved' : 'approved, breaking the glass,';
  return `${visible(`${who.name} ${did} ${namespace}/${name}: Approval/${approval}${plan}`)}\n`;
}

/** What came of it. */
export function heardText(heard: Heard, decided: Decided): string {
  return `${visible(tell(heard, decided))}\n`;
}

const ENDS: Readonly<Record<string, string>> = {
  Applied: 'it is applied',
  Superseded: 'it was superseded meanwhile, so that this counts for nothing; plumb change list shows what waits now',
};

function tell(heard: Heard, { who, change: before }: Decided): string {
  if (heard.outcome === 'gone') return 'it was deleted meanwhile; plumb change list shows what waits now';
  const { phase = 'Pending', message = 'the agent has not said yet what it waits for' } = heard.change.status ?? {};
  if (phase === 'Failed') return `it failed: ${message}`;
  if (heard.outcome === 'applying') return 'every gate is open; it is being applied still';
  if (heard.outcome === 'told') return ENDS[phase] ?? message;
  const groups = who.groups.length === 0 ? 'no group' : `of ${who.groups.join(', ')}`;
  const { name } = before.metadata;
  return `no rule counts it so far (${who.name} is ${groups}); ${message}; plumb change show ${name} has the rules`;
}
