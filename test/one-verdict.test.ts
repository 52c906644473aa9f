import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { APPLY_MANAGER, asPlumbError, type ChangeRequirement, type JsonObject, type KubeObject } from '@plumb/api';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { changeOf, inPhase, installGates, policy } from './support/gates.ts';
import { configMap } from './support/manifests.ts';
import { configMapKey, World } from './support/world.ts';

// The same checks meet the same objects three times: before they are merged, in the agent, and in admission.

const MAIN = join(import.meta.dirname, '../packages/cli/src/main.ts');
const ADMISSION = 'admissionregistration.k8s.io';

interface Row {
  name: string;
  check: { expression: string; message?: string; messageExpression?: string };
  /** What is there before; null: nothing. */
  before: Record<string, string> | null;
  after: Record<string, string>;
  /** What is told; null: it passes. */
  says: string | null;
}

const SIZE = { expression: 'int(object.data.size) <= 3', message: 'is too big' };
const GROWS = {
  expression: 'oldObject == null || int(object.data.size) <= int(oldObject.data.size) + 1',
  messageExpression: "'grows from ' + oldObject.data.size + ' to ' + object.data.size",
};

const ROWS: readonly Row[] = [
  { name: 'small', check: SIZE, before: null, after: { size: '3' }, says: null },
  { name: 'big', check: SIZE, before: null, after: { size: '4' }, says: 'is too big' },
  { name: 'grown-big', check: SIZE, before: { size: '1' }, after: { size: '4' }, says: 'is too big' },
  { name: 'new', check: GROWS, before: null, after: { size: '9' }, says: null },
  { name: 'slow', check: GROWS, before: { size: '1' }, after: { size: '2' }, says: null },
  { name: 'fast', check: GROWS, before: { size: '1' }, after: { size: '9' }, says: 'grows from 1 to 9' },
  {
    name: 'kept',
    check: { expression: "oldObject == null || 'owner' in object.data", message: 'loses its owner' },
    before: { owner: 'shop' },
    after: { size: '1' },
    says: 'loses its owner',
  },
  {
    name: 'told-otherwise',
    check: {
      expression: "object.data.size == '1'",
      message: 'is not one',
      messageExpression: 'string(object.data.none)',
    },
    before: { size: '1' },
    after: { size: '2' },
    says: 'is not one',
  },
  {
    name: 'failing',
    check: { expression: "object.data.none == '1'", message: 'is not told' },
    before: { size: '1' },
    after: { size: '2' },
    says: "expression 'object.data.none == '1'' resulted in error: no such key: none",
  },
];

let world: World;
let base: string;
/** By name. */
const admission = new Map<string, string | null>();

const admissionKey = (kind: string, { name }: Row) => ({
  group: ADMISSION,
  version: 'v1',
  kind,
  namespace: '',
  name: `${world.namespace}-${name}`,
});

beforeAll(async () => {
  world = await World.start({ agent: false });
  await installGates(world.cluster);
  await world.startAgent({ gates: true });
  await world.cluster.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: world.target } });
  base = await world.repository.commit({ ...unitFiles(), ...objectFiles(({ before }) => before) });
  await world.gitRepository();
  for (const { name } of ROWS) await world.kustomization(name, { retryInterval: '1h' });
  for (const { name } of ROWS) await world.applied(name, `main@sha1:${base}`);
  for (const row of ROWS) {
    await policy(world, row.name, { select: { names: [row.name] }, checks: [{ name: 'rule', ...row.check }] });
    await admit(row);
  }
  for (const row of ROWS) admission.set(row.name, await admitted(row));
});

afterAll(async () => {
  for (const row of ROWS) {
    await world.cluster.delete(admissionKey('ValidatingAdmissionPolicyBinding', row));
    await world.cluster.delete(admissionKey('ValidatingAdmissionPolicy', row));
  }
  await world.close();
});

/** The units as the repository declares them, for whoever has no cluster. */
function unitFiles(): Record<string, string> {
  const objects = ROWS.map(({ name }) => ({
    apiVersion: 'kustomize.toolkit.fluxcd.io/v1',
    kind: 'Kustomization',
    metadata: { name, namespace: world.namespace },
    spec: { interval: '10m', prune: true, path: `./${name}`, sourceRef: { kind: 'GitRepository', name: 'shop' } },
  }));
  return { 'fleet/units.yaml': objects.map((one) => JSON.stringify(one)).join('\n---\n') };
}

/** A unit without its object has another one, so that it is not empty. */
function objectFiles(dataOf: (row: Row) => Row['before']): Record<string, string> {
  const files = ROWS.flatMap((row): [string, string][] => {
    const data = dataOf(row);
    const other = configMap(world.target, `${row.name}-other`, { size: '1', owner: 'shop', none: '1' });
    const own =
      data === null ? [] : [[`${row.name}/own.yaml`, configMap(world.target, row.name, data)] as [string, string]];
    return [[`${row.name}/other.yaml`, other], ...own];
  });
  return Object.fromEntries(files);
}

/** Puts the same check into the API server, for objects that say so. */
async function admit(row: Row): Promise<void> {
  const { name } = admissionKey('', row);
  const probe = { expression: "!('probe' in object.metadata.labels)" };
  const resourceRules = [
    { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['configmaps'] },
  ];
  const matchConstraints = { resourceRules, objectSelector: { matchLabels: { verdict: name } } };
  const of = (kind: string, spec: JsonObject): KubeObject => ({
    apiVersion: `${ADMISSION}/v1`,
    kind,
    metadata: { name },
    spec,
  });
  await world.apply(of('ValidatingAdmissionPolicy', { validations: [row.check, probe], matchConstraints }));
  await world.apply(of('ValidatingAdmissionPolicyBinding', { policyName: name, validationActions: ['Deny'] }));
  for (;;) {
    const said = await dryRun(row, { probe: 'yes' }, 'probe');
    if (said?.includes(name) === true) return;
    await sleep(50);
  }
}

/** @returns null where the API server allows it */
async function dryRun(row: Row, labels: JsonObject, as = row.name): Promise<string | null> {
  const metadata = { name: as, namespace: world.target, labels: { ...labels, verdict: admissionKey('', row).name } };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: row.after } as unknown as KubeObject;
  try {
    await world.cluster.apply(object, { fieldManager: APPLY_MANAGER, force: true, dryRun: true });
    return null;
  } catch (thrown) {
    return asPlumbError(thrown).message;
  }
}

async function admitted(row: Row): Promise<string | null> {
  const said = await dryRun(row, {});
  return said === null ? null : (/ denied request: (.*)$/s.exec(said)?.[1] ?? said);
}

/** What a verdict says of the object itself. */
const ofObject = (row: Row, message: string): string => message.replace(`ConfigMap/${world.target}/${row.name}: `, '');

/** A check that fails is told with where it stands. */
function bare(row: Row, message: string): string {
  const where = `checks/rule in ReleasePolicy/${world.namespace}/${row.name}, which could not be evaluated: `;
  return ofObject(row, message.replace(where, ''));
}

interface Told {
  unit: { name: string };
  rules: { rule: string; outcome: string; message: string }[];
}

/** The command line as a build server runs it, with the policies of the cluster. */
function check(): Promise<{ code: number; verdicts: Told[] }> {
  const args = [MAIN, 'policy', 'check', 'fleet', '--base', base, '-o', 'json', '--kubeconfig', inject('kubeconfig')];
  const options = { cwd: world.repository.dir, env: { PATH: process.env['PATH'] } };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, options, (error, out, err) => {
      const code = typeof error?.code === 'number' ? error.code : 0;
      if (err !== '') reject(new Error(err));
      else resolve({ code, ...(JSON.parse(out) as { verdicts: Told[] }) });
    });
  });
}

test('a check says the same of the same object before it is merged, in the agent, and in admission', async () => {
  const revision = await world.push(objectFiles(({ after }) => after));
  const { code, verdicts } = await check();
  expect(code).toBe(1);
  const seen: Record<string, Record<string, string | null>> = {};
  for (const row of ROWS) {
    const told = verdicts.find(({ unit }) => unit.name === row.name)?.rules.find(({ rule }) => rule === 'checks/rule');
    seen[row.name] = {
      check: told?.outcome === 'passes' ? null : bare(row, told?.message ?? 'nothing'),
      agent: await inAgent(row, revision),
      admission: admission.get(row.name) ?? null,
    };
  }
  const all = (says: string | null) => ({ check: says, agent: says, admission: says });
  expect(seen).toEqual(Object.fromEntries(ROWS.map(({ name, says }) => [name, all(says)])));
});

/** @returns null for a unit that has passed */
async function inAgent(row: Row, revision: string): Promise<string | null> {
  if (row.says === null) {
    await world.applied(row.name, revision);
    const data = JSON.stringify((await world.get(configMapKey(world.target, row.name)))?.['data']);
    return data === JSON.stringify(row.after) ? null : `it is ${data}`;
  }
  const isJudged = inPhase(row.name === 'failing' ? 'Pending' : 'Rejected');
  const change = await changeOf(world, row.name, 'be judged', (one) => one.spec.revision === revision && isJudged(one));
  const rule = (one: ChangeRequirement): boolean => one.rule === 'checks/rule';
  return bare(row, change.status?.requirements?.find(rule)?.message ?? 'nothing');
}
