import { chartYaml, configMap, within } from './sample-chart.ts';
import type { SampleCharts } from './sample-chart.ts';

const crd = (plural: string, more = ''): string => `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ${plural}.example.io
spec:
  group: example.io
  names: {plural: ${plural}}
${more}`;

const capable = {
  'Chart.yaml': chartYaml('capable'),
  'templates/ingress.yaml': `apiVersion: {{ if .Capabilities.APIVersions.Has "networking.k8s.io/v1" }}networking.k8s.io/v1{{ else }}extensions/v1beta1{{ end }}
kind: Ingress
metadata: {name: i}
`,
  'templates/monitor.yaml': `{{- if .Capabilities.APIVersions.Has "monitoring.example/v1" }}
apiVersion: monitoring.example/v1
kind: ServiceMonitor
metadata: {name: m, labels: {kind: "{{ .Capabilities.APIVersions.Has "monitoring.example/v1/ServiceMonitor" }}"}}
{{- end }}
`,
  'templates/version.yaml': configMap(
    'version',
    'version: {{ .Capabilities.KubeVersion.Version }}\nmajor: {{ .Capabilities.KubeVersion.Major | quote }}\nminor: {{ .Capabilities.KubeVersion.Minor | quote }}\ngit: {{ .Capabilities.KubeVersion.GitVersion }}\nnew: {{ semverCompare ">=1.36-0" .Capabilities.KubeVersion.Version | quote }}\nold: {{ semverCompare "<1.30-0" .Capabilities.KubeVersion.GitVersion | quote }}',
  ),
};

const releases = {
  'Chart.yaml': chartYaml('release', 'keywords: [a, b]\nhome: https://example.org\nannotations: {note: text}\n'),
  'templates/a.yaml': configMap(
    '{{ .Release.Name }}',
    'namespace: {{ .Release.Namespace }}\nservice: {{ .Release.Service }}\nupgrade: {{ .Release.IsUpgrade | quote }}\ninstall: {{ .Release.IsInstall | quote }}\nchart: {{ .Chart | toJson | quote }}\nroot: {{ .Chart.IsRoot | quote }}\nname: {{ .Template.Name }}',
  ),
};

/** What a chart asks of its surroundings: the cluster, its own files, the release. */
export const CLUSTER_CHARTS = {
  'switches on what the cluster can': { files: capable },
  'switches on what another cluster can': {
    files: capable,
    kubeVersion: 'v1.29.3-gke.100',
    apiVersions: ['monitoring.example/v1', 'monitoring.example/v1/ServiceMonitor'],
  },
  'a range of Kubernetes that is met': {
    files: {
      'Chart.yaml': chartYaml('range', 'kubeVersion: ">=1.25.0-0 <2"\n'),
      'templates/a.yaml': configMap('a', 'b: c'),
    },
    kubeVersion: 'v1.36.1-eks-abc',
  },
  'definitions of kinds, and of charts below': {
    files: {
      'Chart.yaml': chartYaml(
        'crds',
        'dependencies: [{name: sub, version: "*"}, {name: off, version: "*", condition: off.on}]\n',
      ),
      'values.yaml': 'off: {on: false}\n',
      'crds/b.yaml': crd('widgets', '# {{ not a template }}\n'),
      'crds/a.yml': `${crd('gadgets')}---\n${crd('gizmos')}`,
      'crds/nested/c.json':
        '{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"json.example.io"}}',
      'crds/README.md': 'no definition\n',
      'templates/widget.yaml': 'apiVersion: example.io/v1\nkind: Widget\nmetadata: {name: w}\n',
      'templates/crd.yaml': crd('templated'),
      ...within('charts/sub', { 'Chart.yaml': chartYaml('sub'), 'crds/s.yaml': crd('subs') }),
      ...within('charts/off', { 'Chart.yaml': chartYaml('off'), 'crds/o.yaml': crd('offs') }),
    },
  },
  'lookups that find nothing': {
    files: {
      'Chart.yaml': chartYaml('lookups'),
      'templates/secret.yaml': `{{- $old := lookup "v1" "Secret" .Release.Namespace "password" }}
apiVersion: v1
kind: Secret
metadata: {name: password}
data:
  password: {{ if $old }}{{ $old.data.password }}{{ else }}{{ "generated" | b64enc }}{{ end }}
  nodes: {{ len ((lookup "v1" "Node" "" "").items | default list) | toString | b64enc }}
  gone: {{ empty (lookup "v1" "ConfigMap" "" "none") | toString | b64enc }}
`,
    },
  },
  'files of the chart': {
    files: {
      'Chart.yaml': chartYaml('files'),
      'config/app.ini': '[app]\nname = {{ .Release.Name }}\n',
      'config/more.ini': 'x=1',
      'config/sub/deep.txt': 'deep\r\n',
      'data/logo.png': new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0xff]),
      'empty.txt': '',
      'templates/a.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: files}
data:
  {{- (.Files.Glob "config/*.ini").AsConfig | nindent 2 }}
  templated: |
    {{- tpl (.Files.Get "config/app.ini") . | nindent 4 }}
  lines: "{{ range .Files.Lines "config/app.ini" }}<{{ . }}>{{ end }}"
  all: "{{ range $path, $_ := .Files.Glob "**" }}{{ $path }} {{ end }}"
  deep: {{ .Files.Get "config/sub/deep.txt" | quote }}
  none: {{ .Files.Get "templates/a.yaml" | quote }}
  empty: {{ .Files.Get "empty.txt" | quote }}
---
apiVersion: v1
kind: Secret
metadata: {name: files}
data:
  {{- (.Files.Glob "{config,data}/**.{ini,png}").AsSecrets | nindent 2 }}
  logo: {{ .Files.Get "data/logo.png" | b64enc }}
  bytes: {{ .Files.GetBytes "config/more.ini" | toString | b64enc }}
`,
    },
  },
  'what is known of the release': { files: releases },
  'what is known of an upgrade': { files: releases, isUpgrade: true },
  'hooks of every sort': {
    files: {
      'Chart.yaml': chartYaml('hooks'),
      'templates/hooks.yaml': `{{- range $i, $event := list "pre-install" "post-install" "pre-delete" "post-delete" "pre-upgrade" "post-upgrade" "pre-rollback" "post-rollback" "test" }}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ $event }}
  annotations:
    helm.sh/hook: {{ $event }}
    helm.sh/hook-weight: "{{ sub 5 $i }}"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}}
{{- end }}
`,
      'templates/more.yaml': `apiVersion: v1
kind: ServiceAccount
metadata:
  name: migrate
  annotations: {helm.sh/hook: "Pre-Install, pre-upgrade ", helm.sh/hook-weight: "-10", helm.sh/hook-output-log-policy: "hook-failed , Hook-Succeeded"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: odd-weight, annotations: {helm.sh/hook: post-install, helm.sh/hook-weight: heavy, helm.sh/hook-delete-policy: HOOK-FAILED}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unknown, annotations: {helm.sh/hook: crd-install}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: half-known, annotations: {helm.sh/hook: "test,no-such"}}
---
apiVersion: v1
kind: Pod
metadata: {name: old-test, annotations: {helm.sh/hook: test-success}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: no-hook, annotations: {helm.sh/hook-weight: "1"}}
`,
      'templates/NOTES.txt': '{{ .Release.Name }} has hooks.\n',
    },
  },
} satisfies SampleCharts;
