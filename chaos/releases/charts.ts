import type { ChartFiles } from '@plumb/testkit';

/** The charts that releases are made of. `stall` has no Jobs, and so is quick. */
export const CHART_NAMES = ['shop', 'stall'] as const;
export type ChartName = (typeof CHART_NAMES)[number];

/** ConfigMaps that only some versions have: an upgrade makes some and deletes others. */
const EXTRAS = 4;

export function versionText(version: number): string {
  return `1.${version}.0`;
}

/** The number in a version that `versionText` made. */
export function versionNumber(text: string): number {
  return Number(text.split('.')[1]);
}

/** Numbers of the extra ConfigMaps of a version: never two versions in a row with the same ones. */
export function extrasOf(version: number): number[] {
  const bits = (version * 5 + 3) % 2 ** EXTRAS;
  return Array.from({ length: EXTRAS }, (_, index) => index).filter((index) => (bits >> index) % 2 === 1);
}

/** How the pod of a hook ends: the annotation says it to whoever plays the kubelet. `once-failed` fails the first time. */
export const ENDS = 'chaos/ends';
export type PodEnd = 'succeeded' | 'failed' | 'never' | 'once-failed';

/** What the hooks of a chart leave behind by their policies, whatever happens: the object of the last run. */
export const LASTING_HOOKS = ['pre', 'test'] as const;
/** Hooks whose objects are gone when all is at rest. */
export const PASSING_HOOKS = ['note', 'post', 'leave', 'gone'] as const;

const SUCCEEDED = 'hook-succeeded';
const EITHER = 'hook-succeeded,hook-failed';
const JOB_META = '{{ .Release.Name }}';

/** A chart's files. Its templates read two values: `value`, which its objects show, and `trouble`, which is what is wrong with it. */
export function chartFiles(chart: ChartName, version: number): ChartFiles {
  const named = `apiVersion: v2\nname: ${chart}\nversion: ${versionText(version)}\n`;
  const quick = { ...objectFiles(chart, version), ...noteFiles() };
  const files = chart === 'shop' ? { ...quick, ...jobFiles(version) } : quick;
  return { 'Chart.yaml': named, 'values.yaml': 'value: 0\ntrouble: none\n', ...files };
}

function objectFiles(chart: ChartName, version: number): Record<string, string> {
  const files: Record<string, string> = {
    'templates/settings.yaml': `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
data:
  value: "{{ .Values.value }}"
  chart: ${chart}
  version: "${versionText(version)}"
{{- if eq .Values.trouble "broken" }}{{ fail "this chart has no such trouble" }}{{ end }}
`,
    'templates/keys.yaml': `apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-keys
data:
  value: {{ .Values.value | toString | b64enc }}
`,
    'templates/role.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {{ .Release.Name }}-reader
rules:
  - apiGroups: [""]
    resources: [pods]
    resourceNames: ["v-{{ .Values.value }}"]
    verbs: [get]
`,
    'templates/web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
spec:
  replicas: {{ if eq .Values.trouble "unready" }}1{{ else }}0{{ end }}
  selector: { matchLabels: { web: {{ .Release.Name }} } }
  template:
    metadata: { labels: { web: {{ .Release.Name }} } }
    spec: { containers: [ { name: web, image: web } ] }
`,
    'templates/refused.yaml': `{{- if eq .Values.trouble "refused" }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-refused
data:
  "not/a/key": "1"
{{- end }}
`,
  };
  for (const extra of extrasOf(version)) {
    files[`templates/extra-${extra}.yaml`] = `apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-extra-${extra}
data:
  value: "{{ .Values.value }}"
`;
  }
  return files;
}

function noteFiles(): Record<string, string> {
  const note = (name: string, events: string): string => `apiVersion: v1
kind: ConfigMap
metadata:
  name: ${JOB_META}-${name}
  annotations: { helm.sh/hook: "${events}", helm.sh/hook-delete-policy: "${SUCCEEDED}" }
data: { note: "{{ .Values.value }}" }
`;
  return {
    'templates/note.yaml': note('note', 'post-install,pre-upgrade,pre-rollback,pre-delete'),
    'templates/gone.yaml': note('gone', 'post-delete'),
  };
}

function jobFiles(version: number): Record<string, string> {
  const failsBy = (trouble: string): string =>
    `{{ if eq .Values.trouble "${trouble}-fails" }}failed{{ else if eq .Values.trouble "${trouble}-waits" }}never{{ else }}succeeded{{ end }}`;
  const leaves: PodEnd = version % 2 === 0 ? 'succeeded' : 'once-failed';
  return {
    'templates/pre.yaml': jobOf('pre', { events: 'pre-install,pre-upgrade,pre-rollback', ends: failsBy('hook') }),
    'templates/post.yaml': jobOf('post', {
      events: 'post-install,post-upgrade,post-rollback',
      ends: failsBy('after'),
      policy: EITHER,
    }),
    'templates/leave.yaml': jobOf('leave', {
      events: 'pre-delete',
      ends: leaves,
      policy: `before-hook-creation,${EITHER}`,
    }),
    'templates/test.yaml': `apiVersion: v1
kind: Pod
metadata:
  name: ${JOB_META}-test
  annotations: { helm.sh/hook: test, ${ENDS}: "${failsBy('test')}" }
${POD_SPEC('')}
`,
  };
}

const POD_SPEC = (indent: string): string =>
  `${indent}spec: { restartPolicy: Never, automountServiceAccountToken: false, containers: [ { name: work, image: work } ] }`;

function jobOf(name: string, hook: { events: string; ends: string; policy?: string }): string {
  const { events, ends, policy } = hook;
  const more = policy === undefined ? '' : `, helm.sh/hook-delete-policy: "${policy}"`;
  return `apiVersion: batch/v1
kind: Job
metadata:
  name: ${JOB_META}-${name}
  annotations: { helm.sh/hook: "${events}"${more} }
spec:
  backoffLimit: 0
  template:
    metadata: { annotations: { ${ENDS}: "${ends}" } }
${POD_SPEC('    ')}
`;
}
