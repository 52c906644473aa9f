import { parseDuration, userError } from '@plumb/api';
import { decide, whatCameOf, type Decision } from '@plumb/preview';
import type { Context } from '../context.ts';
import { gateOptions, namespaceOption, withGates } from '../gates.ts';
import { flag, text, type OptionValues } from '../options.ts';
import { decidedText, heardText } from '../terminal/decision-text.ts';

const waiting = {
  wait: flag('--wait', null, 'wait until the agent says what the change waits for then, or has applied it', true),
  timeout: {
    ...text('--timeout <duration>', null, 'wait this long at most until it is applied', '5m'),
    read: (given: string) => {
      parseDuration(given);
      return given;
    },
  },
} as const;

export const approveOptions = {
  namespace: namespaceOption('Change'),
  comment: text('--comment <text>', null, 'what you have to say about it'),
  override: text(
    '--override <reason>',
    null,
    'break the glass: skip approvals, windows and what other systems say, of policies that let you do so, for this reason',
  ),
  ...waiting,
  ...gateOptions,
} as const;

export const rejectOptions = {
  namespace: namespaceOption('Change'),
  comment: text('--comment <text>', null, 'why; required'),
  ...waiting,
  ...gateOptions,
} as const;

/** The agent hears of an approval at once; one that nothing was asked of leaves no trace. Milliseconds. */
const COUNTED_WITHIN = 10_000;

/** Approves a change. @returns the exit code */
export function runApprove(
  options: OptionValues<typeof approveOptions>,
  context: Context,
  [name = '']: readonly string[],
): Promise<number> {
  const { comment, override } = options;
  return run(name, { decision: 'Approve', comment, override }, options, context);
}

/** Rejects a change. @returns the exit code */
export async function runReject(
  options: OptionValues<typeof rejectOptions>,
  context: Context,
  [name = '']: readonly string[],
): Promise<number> {
  const { comment } = options;
  if (comment === '') throw userError('invalid-spec', 'whoever wrote the change wants to know why: give --comment');
  return run(name, { decision: 'Reject', comment, override: '' }, options, context);
}

function run(
  name: string,
  decision: Decision,
  options: OptionValues<typeof rejectOptions>,
  { stdout }: Context,
): Promise<number> {
  const { namespace, wait, timeout } = options;
  return withGates(options, async (cluster, signal) => {
    const decided = await decide(cluster, { namespace, name }, decision, signal);
    stdout.write(decidedText(decided, decision));
    if (!wait) return 0;
    const applied = parseDuration(timeout);
    const patience = { counted: Math.min(COUNTED_WITHIN, applied), applied };
    const heard = await whatCameOf(cluster, decided, patience, signal);
    stdout.write(heardText(heard, decided));
    return heard.outcome !== 'gone' && heard.change.status?.phase === 'Failed' ? 1 : 0;
  });
}
