import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { CHART_YAML, chartOf, packChart, tarball } from '@plumb/testkit';
import type { ChartFiles, TarEntry } from '@plumb/testkit';
import { createEngine } from './create-engine.ts';
import type { Engine } from './engine.ts';
import { enginePath } from './testing/fake-helper.ts';
import { askFor, renderChart } from './testing/render-chart.ts';

const MiB = 1024 * 1024;
const open: Engine[] = [];

function engineWith(memoryLimit = 768 * MiB): Engine {
  const engine = createEngine({ path: enginePath, slots: 1, memoryLimit });
  open.push(engine);
  return engine;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
});

const template = (text: string): Uint8Array => chartOf({ 'templates/a.yaml': text });
const beside = (...entries: TarEntry[]): Uint8Array =>
  tarball([{ name: 'web/Chart.yaml', content: CHART_YAML }, ...entries]);
const zeros = (count: number, size: number): ChartFiles =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`zeros${index}`, new Uint8Array(size)]));

function nested(depth: number): Uint8Array {
  let chart = chartOf({});
  for (let level = 0; level < depth; level += 1) chart = chartOf({ 'charts/in.tgz': chart });
  return chart;
}

const half = chartOf(zeros(4, 15 * MiB));

describe('an archive', () => {
  test.each<[string, Uint8Array, string]>([
    ['of no bytes', new Uint8Array(), 'the chart is not a gzip-compressed archive'],
    ['that is text', Buffer.from('<html>not found</html>'), 'the chart is not a gzip-compressed archive'],
    ['of nothing', gzipSync(''), 'no files in chart archive'],
    ['of something else', gzipSync('hello '.repeat(200)), 'invalid tar header'],
    ['that is cut off', chartOf({ 'a.txt': 'a' }).subarray(0, 80), 'the chart archive ends too early'],
    ['that promises more', beside({ name: 'web/a', content: 'a', size: 1e9 }), 'the chart archive ends too early'],
    ['without a Chart.yaml', packChart({ 'templates/a.yaml': '' }), 'Chart.yaml file is missing'],
    ['without a folder', tarball([{ name: 'Chart.yaml', content: CHART_YAML }]), 'content outside the base directory'],
    ['that leads up', beside({ name: 'web/../../etc/passwd' }), 'holds "web/../../etc/passwd", which leads out'],
    ['that begins above', beside({ name: '../Chart.yaml' }), 'holds "../Chart.yaml", which leads out'],
    ['that leads up as Windows does', beside({ name: 'web\\..\\..\\x' }), 'which leads out of the chart'],
    ['with the path of a machine', beside({ name: '/etc/passwd' }), 'holds "/etc/passwd", which leads out'],
    [
      'with a symlink',
      beside({ name: 'web/values.yaml', type: '2', linkName: '/etc/passwd' }),
      'holds the link "web/values.yaml"',
    ],
    ['with a hard link', beside({ name: 'web/a', type: '1', linkName: 'web/Chart.yaml' }), 'holds the link "web/a"'],
    ['with a device', beside({ name: 'web/a', type: '3' }), 'holds "web/a", which is no file'],
    ['with a file twice', beside({ name: 'web/./Chart.yaml', content: 'x' }), 'holds "web/./Chart.yaml" twice'],
    [
      'with a large file',
      chartOf({ a: new Uint8Array(16 * MiB + 1) }),
      '"chart/a" in the chart archive is larger than 16 MiB',
    ],
    ['that unpacks to much', chartOf(zeros(7, 15 * MiB)), 'the unpacked chart is larger than 100 MiB'],
    [
      'of charts that unpack to much together',
      chartOf({ 'charts/a.tgz': half, 'charts/b.tgz': half }),
      'charts/b.tgz: the unpacked chart is larger than 100 MiB',
    ],
    ['of many files', chartOf(zeros(20_000, 0)), 'the chart archive holds more than 20000 files'],
    ['of charts in charts', nested(17), 'the chart archive holds charts in charts, more than 16 deep'],
    ['of folders of charts', chartOf({ [`${'charts/a/'.repeat(17)}Chart.yaml`]: CHART_YAML }), 'more than 16 deep'],
    [
      'with a link in a chart below',
      chartOf({ 'charts/in.tgz': beside({ name: 'web/a', type: '2' }) }),
      'charts/in.tgz: the chart archive holds the link "web/a"',
    ],
    ['that is large', Buffer.alloc(32 * MiB + 1), 'the chart archive is larger than 32 MiB'],
  ])('%s is refused', async (_what, chart, problem) => {
    const engine = engineWith(300 * MiB);
    const failure = { code: 'failed', message: expect.stringContaining(problem) as string };
    await expect(engine.helmChart({ chart, deadline: 20_000 })).rejects.toMatchObject(failure);
    await expect(askFor(engine, { chart })).rejects.toMatchObject(failure);
    expect((await engine.usage()).peakRssBytes).toBeLessThan(256 * MiB);
  });

  test('of charts in charts as deep as they may be is read', async () => {
    expect(await renderChart(engineWith(), { chart: nested(16) })).toMatchObject({ documents: [] });
  });
});

describe('a template', () => {
  test.each<[string, Uint8Array, string]>([
    [
      'that includes itself',
      template('{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}'),
      'unable to execute template',
    ],
    [
      'that calls itself',
      template('{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}'),
      'exceeded maximum template depth',
    ],
    ['that gives 100 MB', template('a: {{ repeat 104857600 "x" }}'), 'rendered output is larger than 32 MiB'],
    [
      'that gives 100 MB in pieces',
      template('{{ range until 1000 }}{{ repeat 104857 "x" }}{{ end }}'),
      'rendered output is larger than 32 MiB',
    ],
    [
      'that looks up too much',
      template('{{ range until 1001 }}{{ lookup "v1" "Pod" "a" (print .) }}{{ end }}'),
      'the chart looks up more than 1000 objects',
    ],
  ])('%s fails in few words', async (_what, chart, problem) => {
    const error: unknown = await askFor(engineWith(), { chart }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'failed', message: expect.stringContaining(problem) as string });
    expect((error as Error).message.length).toBeLessThan(5_000);
  });

  test.each([
    ['that never ends', '{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}'],
    ['that computes for long', '{{ range until 100000 }}{{ genPrivateKey "rsa" }}{{ end }}'],
  ])('%s is killed at its deadline, and the next works', async (_what, text) => {
    const engine = engineWith();
    await expect(askFor(engine, { chart: template(text), deadline: 500 })).rejects.toMatchObject({
      code: 'timeout',
      message: 'helm.template took longer than 500 ms',
    });
    expect(await renderChart(engine, { chart: template('a: b') })).toMatchObject({ documents: [{ text: 'a: b' }] });
  });

  test.each([
    ['that makes a long list', '{{ range until 50000000 }}{{ end }}'],
    ['that makes long texts', '{{ range until 1000 }}{{ $_ := repeat 400000000 "x" }}{{ end }}'],
    ['that tpl calls from tpl', '{{ $_ := set .Values "a" "{{ tpl .Values.a . }}" }}{{ tpl .Values.a . }}'],
    ['that prints what holds itself', '{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ toYamlPretty $d }}'],
  ])('%s ends its process, and the next works', async (_what, text) => {
    const engine = engineWith(192 * MiB);
    await expect(askFor(engine, { chart: template(text) })).rejects.toMatchObject({
      code: 'crashed',
      message: expect.stringMatching(/out of memory/) as string,
    });
    expect(await renderChart(engine, { chart: template('a: b') })).toMatchObject({ documents: [{ text: 'a: b' }] });
  });

  test('that changes its values to hold themselves does no harm', async () => {
    const chart = template('{{ $_ := set .Values "self" .Values }}a: {{ toYaml .Values | quote }}{{ toJson .Values }}');
    expect(await renderChart(engineWith(), { chart })).toMatchObject({ documents: [{ text: 'a: ""' }], config: '{}' });
  });

  test('learns nothing of the machine', async () => {
    const asked =
      '(getHostByName "localhost") (.Files.Get "/etc/hostname") (.Files.Get "../../etc/hostname") (now | date "MST")';
    const { documents } = await renderChart(engineWith(), { chart: template(`a: {{ list ${asked} | toJson }}`) });
    expect(documents[0]?.text).toBe('a: ["","","","UTC"]');
  });
});

describe('a schema of values', () => {
  test.each([
    ['the network', (url: string) => ({ $ref: `${url}/schema.json` })],
    ['the network, by what it is written in', (url: string) => ({ $schema: `${url}/schema.json` })],
    ['a file of the machine', () => ({ $ref: 'file:///etc/passwd' })],
    ['a file beside it', () => ({ properties: { a: { $ref: 'other.json' } } })],
  ])('does not reach %s', async (_what, schema) => {
    let asked = 0;
    const server = createServer((_request, response) => response.end(`{"asked": ${++asked}}`)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const chart = chartOf({ 'values.schema.json': JSON.stringify(schema(url)) });
    const problem = expect.stringContaining('a schema cannot refer to what is outside it') as string;
    await expect(askFor(engineWith(), { chart })).rejects.toMatchObject({ code: 'failed', message: problem });
    expect(await renderChart(engineWith(), { chart, skipSchemaValidation: true })).toMatchObject({ documents: [] });
    expect(asked).toBe(0);
    server.close();
  });

  test.each([
    ['that refers to itself', '{"$ref": "#"}', '{}', 'reference cycle'],
    [
      'whose pattern looks slow',
      '{"properties": {"a": {"pattern": "(a+)+$"}}}',
      `{"a":"${'a'.repeat(50_000)}b"}`,
      "web:\n- at '/a'",
    ],
  ])('%s is answered at once, in few words', async (_what, schema, values, problem) => {
    const error: unknown = await askFor(engineWith(), {
      chart: chartOf({ 'values.schema.json': schema }),
      values,
    }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'failed', message: expect.stringContaining(problem) as string });
    expect((error as Error).message.length).toBeLessThan(5_000);
  });

  test('takes a name that nobody resolves for one that allows all, as Helm does', async () => {
    const chart = chartOf({ 'values.schema.json': '{"$ref": "urn:example:values"}' });
    expect(await renderChart(engineWith(), { chart, values: '{"a":1}' })).toMatchObject({ config: '{"a":1}' });
  });
});

describe('values', () => {
  const deadline = 20_000;
  test.each<[string, string, string]>([
    [
      'aliases that multiply',
      `a: &a [x]\n${'b: [*a,*a]\n'.repeat(3)}c: &c [${'*a,'.repeat(1000)}]\nd: [${'*c,'.repeat(10_000)}]\n`,
      'excessive aliasing',
    ],
    ['lists in lists without end', `a: ${'['.repeat(20_000)}`, 'exceeded max depth'],
    ['a number beyond all', 'a: .inf\n', 'unsupported value'],
  ])('with %s are refused', async (_what, yaml, problem) => {
    const result = await engineWith().helmValues({ layers: [{ yaml }], deadline });
    expect(result).toEqual({ layer: 0, error: expect.stringContaining(problem) as string });
  });

  test('of many megabytes are refused', async () => {
    const layer = { yaml: `a: ${'x'.repeat(17 * MiB)}` };
    await expect(engineWith().helmValues({ layers: [layer, layer], deadline })).rejects.toMatchObject({
      code: 'failed',
      message: 'the values are together larger than 32 MiB',
    });
  });

  test('at a path of a thousand steps are refused', async () => {
    const layer = { path: `a${'.b'.repeat(1000)}`, value: 'x', literal: true };
    expect(await engineWith().helmValues({ layers: [layer], deadline })).toMatchObject({ layer: 0 });
  });

  test.each(['[1]', '"text"', '{', '{} {}', '{"a": 1e999}'])('given to a chart as %s are refused', async (values) => {
    await expect(askFor(engineWith(), { chart: chartOf({}), values })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(
        /^the values (are not a JSON object|hold a number that is out of range)$/,
      ) as string,
    });
  });

  test('are in no message about a release record that is broken', async () => {
    await expect(engineWith().helmDigest({ record: '{"name": hunter2', deadline })).rejects.toMatchObject({
      code: 'failed',
      message: 'the release record cannot be read',
    });
  });
});
