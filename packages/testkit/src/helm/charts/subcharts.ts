import { packChart } from '../pack-chart.ts';
import { chartYaml, configMap, within } from './sample-chart.ts';
import type { SampleCharts } from './sample-chart.ts';

const needs = (...dependencies: string[]): string =>
  `dependencies:\n${dependencies.map((each) => `- {version: "*", ${each}}\n`).join('')}`;

const child = (name: string, values = 'colour: red\n', data = 'colour: {{ .Values.colour }}') => ({
  'Chart.yaml': chartYaml(name),
  'values.yaml': values,
  'templates/a.yaml': configMap(`{{ .Release.Name }}-{{ .Chart.Name }}`, data),
});

const tagged = {
  'Chart.yaml': chartYaml(
    'tagged',
    needs(
      'name: both, tags: [front, back]',
      'name: front, tags: [front]',
      'name: back, tags: [back], condition: "back.enabled,fallback"',
      'name: plain',
    ),
  ),
  'values.yaml': 'tags: {front: true, back: false}\n',
  ...within('charts/both', child('both')),
  ...within('charts/front', child('front')),
  ...within('charts/back', child('back')),
  ...within('charts/plain', child('plain')),
};

/** Charts in charts. */
export const SUBCHART_CHARTS = {
  'a chart twice, by aliases': {
    files: {
      'Chart.yaml': chartYaml(
        'twice',
        needs('name: db', 'name: db, alias: replica', 'name: db, alias: archive, condition: archive.on'),
      ),
      'values.yaml': 'db: {colour: blue}\nreplica: {colour: green}\narchive: {on: false}\n',
      'templates/a.yaml': configMap(
        'parent',
        'subcharts: {{ keys .Subcharts | sortAlpha | join "," }}\nreplica: {{ .Subcharts.replica.Values.colour }}',
      ),
      ...within('charts/db', child('db')),
    },
  },
  'conditions that turn charts on and off': {
    files: {
      'Chart.yaml': chartYaml(
        'conditions',
        needs(
          'name: on, condition: on.enabled',
          'name: off, condition: off.enabled',
          'name: first, condition: "a.b,first.enabled"',
          'name: unset, condition: no.such',
          'name: odd, condition: odd.enabled',
        ),
      ),
      'values.yaml':
        'on: {enabled: true}\noff: {enabled: true}\nfirst: {enabled: true}\na: {b: false}\nodd: {enabled: "false"}\n',
      ...Object.assign(
        {},
        ...['on', 'off', 'first', 'unset', 'odd'].map((name) => within(`charts/${name}`, child(name))),
      ),
    },
    values: 'off: {enabled: false}\n',
  },
  'tags that turn charts on and off': { files: tagged },
  'tags against conditions': { files: tagged, values: 'tags: {front: false, back: true}\nback: {enabled: false}\n' },
  'values imported from a chart below': {
    files: {
      'Chart.yaml': chartYaml(
        'imports',
        `dependencies:
- name: db
  version: "*"
  import-values:
  - data
  - {child: connection, parent: database}
  - {child: missing, parent: nowhere}
- {name: queue, version: "*", import-values: [shared]}
`,
      ),
      'values.yaml': 'database: {user: app}\nown: 1\n',
      'templates/a.yaml': configMap('imports', 'values: {{ omit .Values "db" "queue" "global" | toJson | quote }}'),
      ...within(
        'charts/db',
        child('db', 'exports: {data: {exported: yes, own: 2}}\nconnection: {host: db, user: postgres}\ncolour: red\n'),
      ),
      ...within('charts/queue', child('queue', 'exports: {shared: {queue: {name: q}}}\ncolour: red\n')),
    },
    values: 'db: {connection: {host: elsewhere}}\n',
  },
  'global values, three deep': {
    files: {
      'Chart.yaml': chartYaml('globals', needs('name: middle')),
      'values.yaml':
        'global: {a: top, only: top}\nmiddle: {global: {b: for-middle}, leaf: {global: {c: for-leaf}, colour: set}}\n',
      'templates/a.yaml': configMap('top', 'global: {{ .Values.global | toJson | quote }}'),
      ...within('charts/middle', {
        ...child(
          'middle',
          'global: {a: middle, m: middle}\ncolour: red\n',
          'global: {{ .Values.global | toJson | quote }}',
        ),
        'Chart.yaml': chartYaml('middle', needs('name: leaf')),
        ...within(
          'charts/leaf',
          child(
            'leaf',
            'global: {a: leaf, l: leaf}\ncolour: red\n',
            'global: {{ .Values.global | toJson | quote }}\ncolour: {{ .Values.colour }}',
          ),
        ),
      }),
    },
    values: 'global: {a: user, u: user}\n',
  },
  'a library of named templates': {
    files: {
      'Chart.yaml': chartYaml('app', needs('name: common')),
      'values.yaml': 'image: app:1\n',
      'templates/deployment.yaml': '{{ include "common.deployment" . }}\n',
      'templates/patch.yaml': `{{- $base := fromYaml (include "common.service" .) }}
{{- $over := fromYaml (include "app.service" .) }}
{{ toYaml (merge $over $base) }}
{{- define "app.service" }}
spec: {type: NodePort}
{{- end }}
`,
      ...within('charts/common', {
        'Chart.yaml': chartYaml('common', 'type: library\n'),
        'values.yaml': 'unused: true\n',
        'templates/_deployment.tpl': `{{- define "common.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-{{ .Chart.Name }}}
spec: {template: {spec: {containers: [{name: main, image: {{ .Values.image }}}]}}}
{{- end }}
`,
        'templates/_service.yaml':
          '{{- define "common.service" }}\napiVersion: v1\nkind: Service\nmetadata: {name: {{ .Chart.Name }}}\nspec: {type: ClusterIP, ports: [{port: 80}]}\n{{- end }}\n',
        'templates/never.yaml': configMap('never', 'a: b'),
      }),
    },
  },
  'charts packed in a chart': {
    files: {
      'Chart.yaml': chartYaml('packed', needs('name: inner', 'name: other')),
      'values.yaml': 'inner: {colour: packed}\n',
      'charts/inner-0.1.0.tgz': packChart(child('inner'), 'inner'),
      'charts/other-0.1.0.tgz': packChart(
        {
          ...child('other'),
          'crds/c.yaml': 'kind: CustomResourceDefinition\nmetadata: {name: packed}\n',
          'charts/deepest-0.1.0.tgz': packChart(child('deepest'), 'deepest'),
        },
        'other',
      ),
      'charts/_ignored/Chart.yaml': 'not: read\n',
    },
  },
  'charts below that Chart.yaml does not name': {
    files: {
      'Chart.yaml': chartYaml('unnamed'),
      'values.yaml': 'b: {colour: blue}\n',
      ...within('charts/b', child('b')),
      ...within('charts/a', child('a')),
    },
  },
  'dependencies of the old format': {
    files: {
      'Chart.yaml': 'apiVersion: v1\nname: old\nversion: 1.0.0\n',
      'requirements.yaml':
        'dependencies:\n- {name: db, version: 0.1.x, repository: "https://charts.example", condition: db.enabled}\n- {name: gone, version: "*", repository: "https://charts.example", condition: gone.enabled}\n',
      'requirements.lock':
        'dependencies:\n- {name: db, version: 0.1.0, repository: "https://charts.example"}\ndigest: sha256:x\ngenerated: 2026-01-02T03:04:05Z\n',
      'values.yaml': 'gone: {enabled: false}\n',
      ...within('charts/db', child('db')),
      ...within('charts/gone', child('gone')),
    },
  },
  'values of charts below taken back': {
    files: {
      'Chart.yaml': chartYaml('nulls', needs('name: db')),
      'values.yaml': 'db: {colour: null, limits: {cpu: null}}\n',
      ...within(
        'charts/db',
        child(
          'db',
          'colour: red\nlimits: {cpu: 1, memory: 2}\nlist: [1]\n',
          'values: {{ omit .Values "global" | toJson | quote }}',
        ),
      ),
    },
    values: 'db: {list: null}\n',
  },
  'notes, tests and schema below': {
    files: {
      'Chart.yaml': chartYaml('below', needs('name: db')),
      'templates/NOTES.txt': 'Parent {{ .Chart.Name }}',
      ...within('charts/db', {
        ...child('db'),
        'values.schema.json':
          '{"type": "object", "properties": {"colour": {"enum": ["red", "blue"]}}, "required": ["colour"]}',
        'templates/NOTES.txt': 'Child {{ .Chart.Name }}',
        'templates/test.yaml':
          'apiVersion: v1\nkind: Pod\nmetadata: {name: db-test, annotations: {helm.sh/hook: test}}\n',
      }),
    },
  },
} satisfies SampleCharts;
