import { type ObjectDiff, Secrets } from '@plumb/agent';
import type { JsonObject } from '@plumb/api';
import { chartOf, type ChartFiles } from '@plumb/testkit';
import { afterAll, expect, test } from 'vitest';
import { compareReleases } from './compare-releases.ts';
import { declaredDifferences } from './outlook.ts';
import { ReleaseBench, releaseOf, valuesSecret } from './testing/release-bench.ts';

const bench = new ReleaseBench();
afterAll(() => bench.engine.close());

const map = (name: string, data: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {${data}}\n`;
const job = (name: string, arg: string): string =>
  `apiVersion: batch/v1\nkind: Job\nmetadata: {name: ${name}, annotations: {helm.sh/hook: pre-upgrade}}\nspec: {args: [run, "${arg}"]}\n`;
const CRD = (text: string): string =>
  `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: odds.example.com, annotations: {a: ${text}}}\nspec: {group: example.com, names: {kind: Odd, plural: odds}, versions: []}\n`;

const release = releaseOf({ valuesFrom: [{ kind: 'Secret', name: 'values' }] });

async function compared(
  before: { files: ChartFiles; values: JsonObject },
  after: { files: ChartFiles; values: JsonObject },
): Promise<ObjectDiff[]> {
  const secrets = new Secrets();
  const build = ({ files, values }: typeof before) =>
    bench.build(chartOf(files), { release, given: [valuesSecret(values)], secrets });
  return compareReleases(await build(before), await build(after));
}

test('tells objects, definitions and hooks, what is gone at the end, secrets of both sides masked', async () => {
  const diffs = await compared(
    {
      values: { token: 'old-secret' },
      files: {
        'templates/a.yaml': map('a', 'a: "{{ .Values.token | upper }}", b: one'),
        'templates/old.yaml': map('old', 'a: b'),
        'templates/same.yaml': map('same', 'a: b'),
        'templates/job.yaml': job('migrate', '--token={{ .Values.token }}'),
        'templates/bye.yaml': job('bye', 'x'),
        'crds/odd.yaml': CRD('one'),
      },
    },
    {
      values: { token: 'new-secret' },
      files: {
        'templates/a.yaml': map('a', 'a: "{{ .Values.token | upper }}", b: two'),
        'templates/new.yaml': map('new', 'a: b'),
        'templates/same.yaml': map('same', 'a: b'),
        'templates/job.yaml': job('migrate', '--token={{ .Values.token }}').replace('run', 'walk'),
        'crds/odd.yaml': CRD('two'),
      },
    },
  );
  expect(JSON.stringify(diffs)).not.toMatch(/(old|new)-secret/i);
  expect(diffs.map(({ key, change, role = '', fields }) => [`${key.kind}/${key.name}`, change, role, fields])).toEqual([
    [
      'CustomResourceDefinition/odds.example.com',
      'changed',
      'definition',
      [{ path: 'metadata.annotations.a', before: 'one', after: 'two' }],
    ],
    [
      'ConfigMap/a',
      'changed',
      '',
      [
        { path: 'data.a', before: '*** (before)', after: '*** (after)' },
        { path: 'data.b', before: 'one', after: 'two' },
      ],
    ],
    ['ConfigMap/new', 'created', '', []],
    [
      'Job/migrate',
      'changed',
      'hook: pre-upgrade',
      [
        { path: 'spec.args[0]', before: 'run', after: 'walk' },
        { path: 'spec.args[1]', before: '*** (before)', after: '*** (after)' },
      ],
    ],
    ['Job/bye', 'deleted', 'hook: pre-upgrade', []],
    ['ConfigMap/old', 'deleted', '', []],
  ]);
});

test('finds nothing where nothing differs, and all of it where there was nothing', async () => {
  const one = {
    values: { token: 'x' },
    files: { 'templates/a.yaml': map('a', 'a: b'), 'templates/job.yaml': job('j', 'x') },
  };
  expect(await compared(one, one)).toEqual([]);
  const built = await bench.build(chartOf(one.files));
  expect(compareReleases(null, built).map(({ key, change }) => `${key.name} ${change}`)).toEqual([
    'a created',
    'j created',
  ]);
});

test('what a release is made with is named, and no value shown', async () => {
  const declare = (version: string, values: JsonObject) =>
    bench.declare(chartOf({ 'Chart.yaml': `apiVersion: v2\nname: web\nversion: ${version}\n` }), {
      release,
      given: [valuesSecret(values)],
    });
  const before = await declare('1.0.0', { a: 'x', b: { c: 'secret-one' } });
  expect(declaredDifferences(before, await declare('1.1.0', { a: 'x', b: { c: 'secret-two' } }))).toEqual([
    'chart: web@1.1.0, before web@1.0.0',
    'values that differ: b.c',
  ]);
  expect(declaredDifferences(before, before)).toEqual([]);
  expect(declaredDifferences(null, before)).toEqual([]);
});
