import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  formatTime,
  GATES_MANAGER,
  LONGEST_PLAN,
  printJson,
  type Change,
  type ChangePlan,
  type PlannedObject,
  type PlanStatus,
} from '@plumb/api';
import type { Cluster } from '@plumb/kube';

/** Characters of JSON. */
const MOST_ROOM = 8 * 1024 * 1024;
const LEAST_ROOM = 64 * 1024;

/**
 * Keeps a plan beside its change, in an object that goes with it. One that was there before is replaced.
 * @param now milliseconds since the epoch
 */
export async function keepPlan(plan: ChangePlan, change: Change, cluster: Cluster, now: number): Promise<PlanStatus> {
  const { text, data, left } = packPlan(plan);
  const { name, namespace = '', uid = '' } = change.metadata;
  const owner = { apiVersion: 'plumb.dev/v1', kind: 'Change', name, uid, controller: true };
  const object = {
    apiVersion: 'plumb.dev/v1',
    kind: 'Plan',
    metadata: { name, namespace, ownerReferences: [owner] },
    spec: { digest: change.spec.digest, data },
  };
  await cluster.apply(object, { fieldManager: GATES_MANAGER, force: true });
  return {
    path: `/apis/plumb.dev/v1/namespaces/${namespace}/plans/${name}`,
    digest: `sha256:${createHash('sha256').update(text).digest('hex')}`,
    bytes: Buffer.byteLength(text),
    objects: plan.objects.length,
    left,
    at: formatTime(new Date(now)),
  };
}

/** What a verdict was made from goes first where it is larger. Characters of JSON. */
const LARGEST_RECORD = 256 * 1024;

/** A plan as it is stored, with so much of it as one request takes. `left`: objects that are not whole in it. */
export function packPlan(given: ChangePlan): { text: string; data: string; left: number } {
  const plan = withFitting(given);
  for (let room = MOST_ROOM; ; room /= 2) {
    const objects = fitted(plan.objects, room);
    const text = printJson({ ...plan, objects });
    const data = gzipSync(text).toString('base64');
    if (data.length > LONGEST_PLAN && room > LEAST_ROOM) continue;
    const left = objects.filter((one, index) => one.outcome === 'unread' || one !== plan.objects[index]).length;
    return { text, data, left: left + plan.unlisted };
  }
}

function withFitting({ judged, ...plan }: ChangePlan): ChangePlan {
  if (judged === undefined) return plan;
  const size = sizeOf(judged);
  if (size <= LARGEST_RECORD) return { ...plan, judged };
  const kilobytes = Math.ceil(size / 1024);
  return { ...plan, unjudged: `what it was judged by is ${kilobytes} KiB, of which there is room for 256` };
}

/** Of what has no room the largest goes first, and what objects are before what changes of them. */
function fitted(objects: readonly PlannedObject[], room: number): PlannedObject[] {
  const fields = keptOf(objects, room, ({ fields }) => sizeOf(fields));
  const bodies = keptOf(objects, room - fields.used, ({ object, oldObject }) => sizeOf(object) + sizeOf(oldObject));
  return objects.map((one) => {
    const [hasFields, hasBodies] = [fields.kept.has(one), bodies.kept.has(one)];
    if (hasFields && hasBodies) return one;
    return {
      ...one,
      message: [one.message, hasFields ? NO_BODY : NO_FIELDS].filter((text) => text !== '').join('; '),
      ...(!hasBodies && { object: null, oldObject: null }),
      ...(!hasFields && { fields: [] }),
    };
  });
}

const NO_BODY = 'the plan has no room for the object itself';
const NO_FIELDS = 'the plan has no room for what changes of it';

function keptOf(
  objects: readonly PlannedObject[],
  room: number,
  sizeOfPart: (object: PlannedObject) => number,
): { kept: Set<PlannedObject>; used: number } {
  const sized = objects.map((object) => ({ object, size: sizeOfPart(object) })).toSorted((a, b) => a.size - b.size);
  const kept = new Set<PlannedObject>();
  let used = 0;
  for (const { object, size } of sized) {
    if (size > 0 && used + size > room) break;
    kept.add(object);
    used += size;
  }
  return { kept, used };
}

function sizeOf(value: unknown): number {
  if (value === null || (Array.isArray(value) && value.length === 0)) return 0;
  return printJson(value).length;
}
