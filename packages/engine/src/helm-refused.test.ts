import { afterAll, describe, expect, test } from 'vitest';
import { CHART_YAML, chartOf } from '@plumb/testkit';
import type { ChartFiles } from '@plumb/testkit';
import { createEngine } from './create-engine.ts';
import { enginePath } from './testing/fake-helper.ts';
import { helmRuns, helmTemplate } from './testing/helm-binary.ts';
import { askFor } from './testing/render-chart.ts';

const engine = createEngine({ path: enginePath, slots: 1 });
afterAll(() => engine.close());

interface Case {
  chart: ChartFiles;
  values?: string;
  says: string;
  /** What the binary says instead. */
  binary?: string;
}

const template = (text: string, more: ChartFiles = {}): ChartFiles => ({ 'templates/a.yaml': text, ...more });
const db = { 'charts/db/Chart.yaml': 'apiVersion: v2\nname: db\nversion: 1.0.0\n' };
const intSchema = '{"type": "object", "required": ["a"], "properties": {"b": {"type": "integer"}}}';

/** Charts that cannot be rendered: what is said of them is what the helm binary says. */
const REFUSED: Readonly<Record<string, Case>> = {
  'a value that is required': {
    chart: template('a: 1\nb: {{ required "set .Values.b" .Values.b }}'),
    says: 'execution error at (web/templates/a.yaml:2:6): set .Values.b',
  },
  'a chart that refuses': {
    chart: template('{{ fail "use version 2" }}'),
    says: 'execution error at (web/templates/a.yaml:1:3): use version 2',
  },
  'a field of nothing': {
    chart: template('a: {{ .Values.x.y }}'),
    says: 'web/templates/a.yaml:1:13\n  executing "web/templates/a.yaml" at <.Values.x.y>:\n    nil pointer evaluating interface {}.y',
  },
  'a template that is not there': {
    chart: template('a: {{ include "nope" . }}'),
    says: 'web/templates/a.yaml:1:6\n  executing "web/templates/a.yaml" at <include "nope" .>:\n    error calling include:\ntemplate: no template "nope" associated with template "gotpl"',
  },
  'an error in a template that another calls': {
    chart: template('a: {{ include "x" . }}', {
      'templates/_h.tpl': '{{ define "x" }}\n{{ index .Values.list 3 }}{{ end }}',
      'values.yaml': 'list: [1]\n',
    }),
    says: 'error calling index: index out of range: 3',
  },
  'a function that is not there': {
    chart: template('a: {{ nope }}'),
    says: 'parse error at (web/templates/a.yaml:1): function "nope" not defined',
  },
  'a function of the machine': {
    chart: template('a: {{ env "HOME" }}'),
    says: 'parse error at (web/templates/a.yaml:1): function "env" not defined',
  },
  'an action without an end': {
    chart: template('{{ if true }}\na: b'),
    says: 'parse error at (web/templates/a.yaml:2): unexpected EOF',
  },
  'output that is no YAML': {
    chart: template('a: [\nb: c'),
    says: "YAML parse error on web/templates/a.yaml: error converting YAML to JSON: yaml: line 2: did not find expected ',' or ']'",
  },
  'values against the schema': {
    chart: { 'values.schema.json': intSchema },
    values: 'b: text\n',
    says: "values don't meet the specifications of the schema(s) in the following chart(s):\nweb:\n- at '': missing property 'a'\n- at '/b': got string, want integer",
  },
  'values against the schema of a chart below': {
    chart: { ...db, 'charts/db/values.schema.json': intSchema, 'values.schema.json': intSchema },
    values: 'a: 1\ndb: {b: 1.5}\n',
    says: "values don't meet the specifications of the schema(s) in the following chart(s):\ndb:\n- at '': missing property 'a'\n- at '/b': got number, want integer",
  },
  'a schema that is none': {
    chart: { 'values.schema.json': '{"type": 7}' },
    says: '"file:///values.schema.json#" is not valid against metaschema',
  },
  'a schema that is no JSON': { chart: { 'values.schema.json': '{' }, says: 'web:\nunexpected EOF' },
  'a version of Kubernetes that does not fit': {
    chart: { 'Chart.yaml': `${CHART_YAML}kubeVersion: ">=1.99.0"\n` },
    says: 'chart requires kubeVersion: >=1.99.0 which is incompatible with Kubernetes v1.37.2',
  },
  'a library': {
    chart: { 'Chart.yaml': `${CHART_YAML}type: library\n` },
    says: 'library charts are not installable',
  },
  'dependencies that are not in it': {
    chart: {
      'Chart.yaml': `${CHART_YAML}dependencies: [{name: db, version: 1.x}, {name: cache, version: "*"}]\n`,
      ...db,
    },
    says: 'found in Chart.yaml, but missing in charts/ directory: cache',
  },
  'a Chart.yaml without a version': {
    chart: { 'Chart.yaml': 'apiVersion: v2\nname: web\n' },
    says: 'chart.metadata.version is required',
  },
  'a Chart.yaml that is no YAML': {
    chart: { 'Chart.yaml': 'name: [' },
    says: 'cannot load Chart.yaml: error converting YAML to JSON: yaml: line 1',
  },
  'a name that is a path': {
    chart: { 'Chart.yaml': 'apiVersion: v2\nname: ../web\nversion: 1.0.0\n' },
    says: 'chart.metadata.name "../web" is invalid',
  },
  'a format of the future': {
    chart: { 'Chart.yaml': 'apiVersion: v3\nname: web\nversion: 1.0.0\n' },
    says: 'the chart cannot be loaded: its apiVersion "v3" is neither v1 nor v2',
    binary: 'invalid chart apiVersion',
  },
  'values.yaml that is no YAML': {
    chart: { 'values.yaml': 'a: b: c' },
    says: 'cannot load values.yaml: cannot unmarshal yaml document: error converting YAML to JSON: yaml: mapping values are not allowed in this context',
  },
  'aliases that multiply': {
    chart: {
      'values.yaml': `a0: &a0 [x]\n${Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]\n`).join('')}`,
    },
    says: 'document contains excessive aliasing',
  },
  'text where a chart below has its values': {
    chart: db,
    values: 'db: text\n',
    says: 'type mismatch on db',
  },
  'a chart below that is broken': {
    chart: { 'charts/db/Chart.yaml': 'apiVersion: v2\nname: db\n' },
    says: 'error unpacking subchart db in web: validation: chart.metadata.version is required',
  },
};

describe('refused, with the words of the helm binary:', () => {
  test.each(Object.entries(REFUSED))('%s', async (_name, { chart, values = '', says, binary = says }) => {
    const packed = chartOf(chart);
    const merged = await engine.helmValues({ layers: [{ yaml: values }], deadline: 20_000 });
    const json = 'json' in merged ? merged.json : '';
    await expect(askFor(engine, { chart: packed, values: json })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining(says) as string,
    });
    if (!helmRuns) return;
    await expect(helmTemplate({ chart: packed, values, flags: ['--kube-version=v1.37.2'] })).rejects.toThrow(binary);
  });
});
