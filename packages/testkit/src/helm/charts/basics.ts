import { chartYaml, configMap } from './sample-chart.ts';
import type { SampleCharts } from './sample-chart.ts';

const keep = `apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  annotations: {helm.sh/resource-policy: keep}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`;

/** What a manifest may look like, and the order of documents. */
export const BASIC_CHARTS = {
  'one object': { files: { 'Chart.yaml': chartYaml('one'), 'templates/a.yaml': configMap('a', 'key: value') } },
  'nothing at all': { files: { 'Chart.yaml': chartYaml('nothing') } },
  'templates that give nothing': {
    files: {
      'Chart.yaml': chartYaml('silent'),
      'templates/blank.yaml': '\n  \n\t\n',
      'templates/comment.yaml': '# nothing here\n',
      'templates/off.yaml': '{{- if .Values.on }}\nkind: A\n{{- end }}\n',
      'templates/_parts.tpl': '{{ define "part" }}x{{ end }}',
      'templates/empty.yaml': '',
    },
  },
  'a chart of the old format, deprecated': {
    files: {
      'Chart.yaml': 'name: old\nversion: 1.0.0\ndeprecated: true\nappVersion: 1.10\nmaintainers: [{name: Ada}]\n',
      'values.yaml': 'colour: red\n',
      'templates/a.yaml': configMap(
        '{{ .Chart.Name }}',
        'app: {{ .Chart.AppVersion | quote }}\ncolour: {{ .Values.colour }}\napi: {{ .Chart.APIVersion }}',
      ),
    },
  },
  'many documents in one template': {
    files: {
      'Chart.yaml': chartYaml('many'),
      'templates/all.yaml': `
---
# Source: not this
apiVersion: v1
kind: Service
metadata: {name: s}
---

---
# only a comment
--- # with a comment
apiVersion: v1
kind: Namespace
metadata: {name: n}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d}
...
---
kind: ConfigMap
apiVersion: v1
metadata: {name: c}
data:
  text: |
    a
     --- b
    c
`,
    },
  },
  'every kind in the order of installing': {
    files: {
      'Chart.yaml': chartYaml('kinds'),
      'templates/all.yaml': `{{- range list "Ingress" "Job" "CronJob" "StatefulSet" "Deployment" "ReplicaSet" "Pod" "DaemonSet" "Service" "Role" "RoleBinding" "ClusterRole" "CustomResourceDefinition" "PersistentVolume" "StorageClass" "ConfigMap" "Secret" "ServiceAccount" "PodDisruptionBudget" "LimitRange" "ResourceQuota" "NetworkPolicy" "PriorityClass" "Namespace" "Widget" "APIService" "MutatingWebhookConfiguration" "HorizontalPodAutoscaler" "IngressClass" }}
---
apiVersion: v1
kind: {{ . }}
metadata: {name: {{ lower . }}}
{{- end }}
`,
      'templates/more.yaml':
        'apiVersion: example.io/v1\nkind: Another\nmetadata: {name: z}\n---\nkind: Pod\nmetadata: {name: a}\n',
    },
  },
  'lists of objects': {
    files: {
      'Chart.yaml': chartYaml('lists'),
      'templates/list.yaml': `apiVersion: v1
kind: List
items:
{{- range $i, $_ := until 3 }}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: item-{{ $i }}}
{{- end }}
`,
      'templates/typed.yaml':
        'apiVersion: v1\nkind: ConfigMapList\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: typed}}]\n',
      'templates/empty.yaml': 'apiVersion: v1\nkind: List\nitems: []\n',
    },
  },
  'line ends of Windows': {
    files: {
      'Chart.yaml': chartYaml('windows').replaceAll('\n', '\r\n'),
      'values.yaml': 'a: 1\r\ntext: |\r\n  one\r\n  two\r\n',
      'templates/a.yaml':
        'apiVersion: v1\r\nkind: ConfigMap\r\nmetadata:\r\n  name: a\r\ndata:\r\n  a: "{{ .Values.a }}"\r\n  text: {{ .Values.text | quote }}\r\n---\r\napiVersion: v1\r\nkind: Secret\r\nmetadata:\r\n  name: b\r\n',
      'templates/NOTES.txt': 'done\r\n',
    },
  },
  'letters of the world': {
    files: {
      'Chart.yaml': chartYaml('world', 'description: "Grüße, 世界 🚀"\n'),
      'values.yaml': 'größe: "5 µm"\n名前: 太郎\nemoji: "👩‍🚀"\nseparator: "a\u2028b"\n',
      'templates/ünïcode.yaml': configMap(
        'world',
        'size: {{ get .Values "größe" }}\nname: {{ .Values.名前 | quote }}\nupper: {{ upper "straße ñ" }}\nshort: {{ trunc 2 "日本" | b64enc }}\nemoji: {{ .Values.emoji | toJson }}\ndescription: {{ .Chart.Description }}\nline: {{ .Values.separator | toJson }}\nlength: {{ len .Values.emoji | quote }}',
      ),
      'templates/NOTES.txt': '🎉 {{ .Release.Name }}',
    },
  },
  'a byte order mark': {
    files: {
      'Chart.yaml': `\uFEFF${chartYaml('mark')}`,
      'values.yaml': '\uFEFFa: x\n',
      'templates/a.yaml': `\uFEFF${configMap('mark', 'a: {{ .Values.a }}')}`,
    },
  },
  'what is to stay': {
    files: {
      'Chart.yaml': chartYaml('stays'),
      'templates/pvc.yaml': keep,
      'templates/a.yaml': configMap('gone', 'a: b'),
    },
  },
  'folders and names of every sort': {
    files: {
      'Chart.yaml': chartYaml('names'),
      'README.md': '# Names {{ not a template }}\n',
      LICENSE: 'none\n',
      'templates/deep/er/a.yml': configMap('yml', 'path: {{ .Template.Name }}'),
      'templates/deep/_hidden.yaml': configMap('never', 'a: b'),
      'templates/b.json': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{ .Release.Name }}"}}',
      'templates/with space.yaml': configMap('space', 'base: {{ .Template.BasePath }}'),
      'templates/c.txt': 'kind: Secret\napiVersion: v1\nmetadata: {name: text}\n',
      '.helmignore': 'templates/b.json\n',
    },
  },
  'anchors, quotes and blocks in manifests': {
    files: {
      'Chart.yaml': chartYaml('yaml'),
      'templates/a.yaml': `apiVersion: v1
kind: ConfigMap
metadata: &m
  name: anchors
  labels: &l {app: x}
data:
  folded: >-
    one
    two

    three
  literal: |+
    keeps

  single: 'it''s'
  double: "tab\\tend"
  copy: {{ "*l" | quote }}
other:
  <<: *m
  labels: *l
`,
    },
  },
} satisfies SampleCharts;
