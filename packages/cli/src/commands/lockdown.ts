import type { LockdownSpec } from '@plumb/api';
import { endLockdown, endTime, listLockdowns, lockDown, lockdownKind, lockdownText } from '@plumb/preview';
import type { Context } from '../context.ts';
import { gateOptions, jsonOf, outputOption, withGates } from '../gates.ts';
import { list, text, texts, whole, type OptionValues } from '../options.ts';
import { commonOptions, engineOf } from '../preview.ts';
import { lockdownTable } from '../terminal/lockdown-text.ts';
import { visible } from '../terminal/visible.ts';
import { age } from '../terminal/words.ts';

export const lockdownOnOptions = {
  reason: text('--reason <text>', null, 'why; required'),
  until: text('--until <time>', null, 'when it ends by itself, as 2026-11-27T18:00:00Z'),
  lasts: text('--for <duration>', null, 'how long it lasts, as 2h, in place of --until'),
  kind: list('--kind <kinds>', 'only units of this kind: Kustomization or HelmRelease'),
  name: list('--name <names>', 'only units of this name, in which * stands for any text'),
  namespace: list('--namespace <names>', 'only units in this namespace, in which * stands for any text'),
  selector: {
    ...text('--selector <selector>', null, 'only units with these labels, as app=cart,tier in (web, api)'),
    read: (given: string) => {
      if (given.trim() === '')
        throw new Error('it is empty, which chooses everything: leave it out where that is meant');
      return given;
    },
  },
  causes: list(
    '--causes <causes>',
    'stop changes of this cause: routine, emergency, drift, rollback, prune or rebuild; by default of all but drift and rebuild',
  ),
  requireApprovals: whole('--require-approvals <count>', null, {
    help: 'instead of stopping all, let pass what so many people approve from now on, beside what policies ask for',
    fallback: 0,
    from: 0,
    to: 20,
  }),
  approverUser: list(
    '--approver-user <users>',
    'whose approvals count for that; by default those of all who may approve',
  ),
  approverGroup: list(
    '--approver-group <groups>',
    'members of which groups approve; what --approver-user names counts too',
  ),
  check: texts(
    '--check <name=expression>',
    "instead of stopping all, let pass what holds this in CEL, of each object, as no-jobs=object.kind != 'Job', and refuse all else",
  ),
  enginePath: commonOptions.enginePath,
  ...gateOptions,
} as const;

export const lockdownOffOptions = gateOptions;
export const lockdownListOptions = { output: outputOption, ...gateOptions } as const;

/** Stops changes at once. @returns the exit code */
export function runLockdownOn(
  options: OptionValues<typeof lockdownOnOptions>,
  context: Context,
  [name = '']: readonly string[],
): Promise<number> {
  const { reason, until, lasts, causes, check: checks } = options;
  const { requireApprovals: count, approverUser: users, approverGroup: groups } = options;
  const { stdout } = context;
  return withGates(options, async (cluster, signal) => {
    const approvals = { count, users, groups };
    const wish = { name, reason, until, lasts, select: selectionOf(options), causes, approvals, checks };
    const made = await withEngine(options, context, (engine) => lockDown(cluster, wish, engine, signal));
    const end = `${made.spec.until} (in ${age(cluster.connection.time ?? Date.now(), endTime(made))})`;
    stdout.write(`lockdown ${made.metadata.name} by ${visible(made.spec.by)} until ${end}\n`);
    stdout.write(`${lockdownKind(made.spec)}: ${visible(lockdownText(made.spec))}\n`);
    stdout.write(`'plumb lockdown off ${made.metadata.name}' ends it\n`);
    return 0;
  });
}

async function withEngine<T>(
  options: Pick<OptionValues<typeof lockdownOnOptions>, 'enginePath'>,
  context: Context,
  work: (engine: ReturnType<typeof engineOf>) => Promise<T>,
): Promise<T> {
  const engine = engineOf(options, context);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

/** Kinds that there are not are refused with all else that the lockdown could not be. */
function selectionOf(options: OptionValues<typeof lockdownOnOptions>): NonNullable<LockdownSpec['select']> {
  const lists = { kinds: options.kind, names: options.name, namespaces: options.namespace };
  const given = Object.entries(lists).filter(([, values]) => values.length > 0);
  const { selector } = options;
  return { ...Object.fromEntries(given), ...(selector !== '' && { labelSelector: selector }) };
}

/** Ends a lockdown. @returns the exit code */
export function runLockdownOff(
  options: OptionValues<typeof lockdownOffOptions>,
  { stdout }: Context,
  [name = '']: readonly string[],
): Promise<number> {
  return withGates(options, async (cluster, signal) => {
    await endLockdown(cluster, name, signal);
    stdout.write(`lockdown ${visible(name)} has ended\n`);
    return 0;
  });
}

/** Lists the lockdowns. @returns the exit code */
export function runLockdownList(
  options: OptionValues<typeof lockdownListOptions>,
  { stdout, stderr }: Context,
): Promise<number> {
  return withGates(options, async (cluster, signal) => {
    const { lockdowns, now } = await listLockdowns(cluster, signal);
    if (options.output === 'json') stdout.write(jsonOf({ apiVersion: 'v1', kind: 'List', items: lockdowns }));
    else if (lockdowns.length > 0) stdout.write(lockdownTable(lockdowns, now));
    else stderr.write('no lockdowns\n');
    return 0;
  });
}
