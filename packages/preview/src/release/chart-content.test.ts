import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openLocal, type ChartContent } from '@plumb/sources';
import { packChart } from '@plumb/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chartIn, dependenciesOf, withValues, withVersionMetadata } from './chart-content.ts';

const contentOf = (files: Record<string, string>): ChartContent =>
  new Map(Object.entries(files).map(([path, text]) => [path, Buffer.from(text)]));
const textsOf = (content: ChartContent): Record<string, string> =>
  Object.fromEntries([...content].map(([path, bytes]) => [path, Buffer.from(bytes).toString()]));

describe('the version of a chart gets metadata', () => {
  test.each([
    ['1.2.3', '1.2.3+abc'],
    ['v1.2.3-rc.1', '1.2.3-rc.1+abc'],
    ['1.2.3+before', '1.2.3+abc'],
    ['1.2', '1.2.0+abc'],
    ['"1"', '1.0.0+abc'],
    ['3', '3.0.0+abc'],
  ])('%s', (version, expected) => {
    const content = contentOf({ 'Chart.yaml': `name: web\nversion: ${version}\n`, 'a.txt': 'a' });
    const { 'Chart.yaml': chart = '', ...rest } = textsOf(withVersionMetadata(content, 'abc'));
    expect(JSON.parse(chart)).toEqual({ name: 'web', version: expected });
    expect(rest).toEqual({ 'a.txt': 'a' });
  });

  test('unless it is none', () => {
    const content = contentOf({ 'Chart.yaml': 'name: web\nversion: newest\n' });
    expect(() => withVersionMetadata(content, 'abc')).toThrow("version 'newest' of the chart is no semantic version");
  });
});

test('values take the place of the chart’s own', () => {
  const content = contentOf({ 'Chart.yaml': 'a', 'values.yaml': 'b: 1' });
  expect(textsOf(withValues(content, '{"c":2}'))).toEqual({ 'Chart.yaml': 'a', 'values.yaml': '{"c":2}' });
});

test('what a chart needs is read in both places', () => {
  const one = { name: 'db', version: '1.x', repository: 'https://charts.example.com' };
  const content = {
    'Chart.yaml': JSON.stringify({ dependencies: [one] }),
    'requirements.yaml': 'dependencies: [{name: q}]',
  };
  expect(dependenciesOf(contentOf(content))).toEqual([{ name: 'q', version: '', repository: '' }, one]);
  expect(dependenciesOf(contentOf({ 'Chart.yaml': 'dependencies: none' }))).toEqual([]);
});

describe('the charts that a chart needs', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'plumb-chart-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  const needs = (...dependencies: string[]): string =>
    `name: web\nversion: 1.0.0\ndependencies:\n${dependencies.map((one) => `- {${one}}\n`).join('')}`;
  const read = async (files: Record<string, string | Uint8Array>): Promise<string[]> => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), content);
    }
    const source = { kind: 'GitRepository', namespace: 'a', name: 'b' };
    const { tree } = await openLocal({ dir, source, content: 'all' });
    return [...(await chartIn({ tree, folder: 'web', links: 'left-out' })).keys()];
  };

  test('are those in its folder charts', async () => {
    const chart = { 'Chart.yaml': 'name: queue\nversion: 1.0.0\n' };
    const files = {
      'web/Chart.yaml': needs(
        'name: db, version: 1.x, repository: "https://a"',
        'name: queue, repository: "file://../queue"',
      ),
      'web/charts/database/Chart.yaml': 'name: db',
      'web/charts/queue-1.0.0.tgz': packChart(chart, 'queue'),
    };
    expect(await read(files)).toEqual(['Chart.yaml', 'charts/database/Chart.yaml', 'charts/queue-1.0.0.tgz']);
  });

  test('are taken from beside it where it says so', async () => {
    const files = {
      'web/Chart.yaml': needs('name: common, repository: "file://../libs/common"'),
      'libs/common/Chart.yaml': 'name: common',
      'libs/common/templates/_a.tpl': 'a',
    };
    expect(await read(files)).toEqual(['Chart.yaml', 'charts/common/Chart.yaml', 'charts/common/templates/_a.tpl']);
  });

  test('are named where they are not there', async () => {
    const files = {
      'web/Chart.yaml': needs('name: redis, version: 18.x, repository: "https://charts.example.com"', 'name: local'),
    };
    await expect(read(files)).rejects.toThrow(
      "the chart in 'web' needs charts that are not in its folder charts/, and nothing is fetched here: redis 18.x of https://charts.example.com, local; bring them with 'helm dependency build web'",
    );
  });

  test.each([
    ['file://../../elsewhere', 'which is not in the repository'],
    ['file://../nowhere', "there is no chart in folder 'nowhere'"],
  ])('are not taken from %s', async (repository, message) => {
    await expect(read({ 'web/Chart.yaml': needs(`name: a, repository: "${repository}"`) })).rejects.toThrow(message);
  });
});
