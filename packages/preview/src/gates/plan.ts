import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import type { ObjectDiff } from '@plumb/agent';
import {
  checkChangePlan,
  checkPlan,
  parseJson,
  PLAN,
  systemError,
  userError,
  type Change,
  type ChangePlan,
  type PlannedObject,
} from '@plumb/api';
import { asking, type GateCluster } from './asking.ts';

/** Bytes of JSON. */
const LARGEST = 64 * 1024 * 1024;

/**
 * The whole plan of a change, as it was when the change was held.
 * @throws PlumbError where there is none, it may not be read, or it is not the one that the change names
 */
export async function readPlan(
  cluster: Pick<GateCluster, 'get' | 'resource'>,
  change: Change,
  signal: AbortSignal,
): Promise<ChangePlan> {
  const { metadata, spec, status } = change;
  const { name, namespace = '' } = metadata;
  const shown = `Change ${namespace}/${name}`;
  const { path, digest, problem } = status?.plan ?? {};
  if (path === undefined) throw withoutPlan(shown, problem);
  const found = await asking(cluster, PLAN, 'get', () => cluster.get({ ...PLAN, namespace, name }, { signal }));
  if (found === null) throw withoutPlan(shown, `Plan ${namespace}/${name} is gone`);
  const checked = checkPlan(found);
  if (!checked.ok) throw broken(shown, 'it is no Plan');
  const text = unpacked(shown, checked.value.spec.data);
  // The Change is written right after the Plan.
  if (`sha256:${createHash('sha256').update(text).digest('hex')}` !== digest)
    throw broken(shown, 'it is not the one that the Change names; it may be written anew just now: ask again');
  const plan = parsed(shown, text);
  if (plan.change.digest !== spec.digest || checked.value.spec.digest !== spec.digest)
    throw broken(shown, `it is of the digest ${plan.change.digest}, and the Change is of ${spec.digest}`);
  return plan;
}

function withoutPlan(shown: string, why: string | undefined): Error {
  const reason = why === undefined ? 'the agent has not made it, or is making it still' : why;
  return userError('invalid-spec', `${shown} has no plan: ${reason}; plumb diff shows what its unit would change now`);
}

function broken(shown: string, why: string): Error {
  return systemError('invalid-spec', `the plan of ${shown} cannot be relied on: ${why}`);
}

function unpacked(shown: string, data: string): Buffer {
  try {
    return gunzipSync(Buffer.from(data, 'base64'), { maxOutputLength: LARGEST });
  } catch {
    throw broken(shown, 'it cannot be unpacked');
  }
}

function parsed(shown: string, text: Buffer): ChangePlan {
  const checked = checkChangePlan(jsonIn(shown, text));
  if (checked.ok) return checked.value;
  const [first] = checked.problems;
  throw broken(shown, `${first?.path ?? ''} ${first?.message ?? ''}`);
}

function jsonIn(shown: string, text: Buffer): ReturnType<typeof parseJson> {
  try {
    return parseJson(text.toString());
  } catch {
    throw broken(shown, 'it is no JSON');
  }
}

/** What a plan would change, as a diff has it: what stays as it is is left out. */
export function diffsOfPlan({ objects }: Pick<ChangePlan, 'objects'>): ObjectDiff[] {
  return objects.flatMap((one) => {
    const change = CHANGES[one.outcome];
    if (change === null) return [];
    const { key, fields, message, role } = one;
    const both = fields.map(({ path, before, after }) => ({ path, before, after }));
    return [{ key, change, fields: both, message, ...(role !== undefined && { role }) }];
  });
}

const CHANGES: Readonly<Record<PlannedObject['outcome'], ObjectDiff['change'] | null>> = {
  created: 'created',
  changed: 'changed',
  recreated: 'recreated',
  deleted: 'deleted',
  untried: 'untried',
  failed: 'failed',
  unchanged: null,
  unread: 'untried',
};
