import { chartYaml, within } from './sample-chart.ts';
import type { SampleCharts } from './sample-chart.ts';
import { WEB_SERVER } from './web-server.ts';

/** Charts as teams have them. */
export const APP_CHARTS = {
  'a web server with its defaults': { files: WEB_SERVER },
  'a web server with all that it can': {
    files: WEB_SERVER,
    values: `image: {tag: "2.5-rc1"}
fullnameOverride: shop-front
ingress:
  enabled: true
  className: nginx
  hosts:
  - host: a.example
    paths: [{path: /, pathType: Prefix}, {path: /api, pathType: Exact}]
  - host: b.example
    paths: []
  tls: [{hosts: [a.example, b.example], secretName: web-tls}]
autoscaling: {enabled: true}
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/web"}}
podAnnotations: {prometheus.io/scrape: "true", prometheus.io/port: "8080"}
nodeSelector: {disk: ssd}
tolerations: [{key: dedicated, operator: Exists, effect: NoSchedule}]
env: {log_level: debug, feature_x: on, ratio: 0.5}
`,
  },
  'a database with its state': {
    files: {
      'Chart.yaml': chartYaml('postgres', 'appVersion: "17.2"\n'),
      'values.yaml': `auth: {user: app, database: app, existingSecret: ""}
persistence: {size: 8Gi, storageClass: "", accessModes: [ReadWriteOnce]}
replicas: 1
configuration:
  max_connections: 100
  shared_buffers: 128MB
  log_statement: none
`,
      'templates/secret.yaml': `{{- if not .Values.auth.existingSecret }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ .Release.Name }}-postgres
type: Opaque
data:
  password: {{ printf "%s-%s" .Release.Name .Values.auth.user | sha256sum | trunc 16 | b64enc | quote }}
{{- end }}
`,
      'templates/statefulset.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-postgres}
spec:
  serviceName: {{ .Release.Name }}-postgres-headless
  replicas: {{ int .Values.replicas }}
  selector: {matchLabels: {app: {{ .Release.Name }}-postgres}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}-postgres}}
    spec:
      containers:
      - name: postgres
        image: postgres:{{ .Chart.AppVersion }}
        args:
        {{- range $key, $value := .Values.configuration }}
        - -c
        - {{ $key }}={{ $value }}
        {{- end }}
        env:
        - name: POSTGRES_USER
          value: {{ .Values.auth.user }}
        - name: POSTGRES_PASSWORD
          valueFrom:
            secretKeyRef:
              name: {{ .Values.auth.existingSecret | default (printf "%s-postgres" .Release.Name) }}
              key: password
        volumeMounts: [{name: data, mountPath: /var/lib/postgresql/data}]
  volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: {{ toJson .Values.persistence.accessModes }}
      {{- if .Values.persistence.storageClass }}
      storageClassName: {{ eq "-" .Values.persistence.storageClass | ternary "" .Values.persistence.storageClass | quote }}
      {{- end }}
      resources: {requests: {storage: {{ .Values.persistence.size }}}}
`,
      'templates/services.yaml': `{{- range $suffix := list "" "-headless" }}
---
apiVersion: v1
kind: Service
metadata: {name: {{ $.Release.Name }}-postgres{{ $suffix }}}
spec:
  {{- if $suffix }}
  clusterIP: None
  {{- end }}
  ports: [{name: postgres, port: 5432}]
  selector: {app: {{ $.Release.Name }}-postgres}
{{- end }}
`,
      'templates/pdb.yaml': `{{- if gt (int .Values.replicas) 1 }}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: {{ .Release.Name }}-postgres}
spec: {maxUnavailable: 1, selector: {matchLabels: {app: {{ .Release.Name }}-postgres}}}
{{- end }}
`,
    },
    values: 'replicas: 3\npersistence: {storageClass: "-"}\n',
  },
  'an operator with its roles and webhooks': {
    files: {
      'Chart.yaml': chartYaml('operator'),
      'values.yaml': 'watchNamespaces: []\nwebhook: {enabled: true, failurePolicy: Fail, port: 9443}\nreplicas: 1\n',
      'crds/backups.yaml': `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: backups.example.io}
spec:
  group: example.io
  names: {kind: Backup, plural: backups}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`,
      'templates/rbac.yaml': `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: {{ .Release.Name }}-operator}
rules:
- apiGroups: [example.io]
  resources: [backups, backups/status]
  verbs: ["*"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: {{ .Values.watchNamespaces | empty | ternary "ClusterRoleBinding" "RoleBinding" }}
metadata: {name: {{ .Release.Name }}-operator}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {{ .Release.Name }}-operator}
subjects:
- {kind: ServiceAccount, name: {{ .Release.Name }}-operator, namespace: {{ .Release.Namespace }}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: {{ .Release.Name }}-operator}
`,
      'templates/webhook.yaml': `{{- if .Values.webhook.enabled }}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: {{ .Release.Name }}-operator}
webhooks:
- name: backups.example.io
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: {{ .Values.webhook.failurePolicy }}
  clientConfig: {service: {name: {{ .Release.Name }}-operator, namespace: {{ .Release.Namespace }}, port: {{ .Values.webhook.port }}}}
  rules: [{apiGroups: [example.io], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [backups]}]
{{- end }}
`,
      'templates/deployment.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-operator}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: operator}}
  template:
    metadata: {labels: {app: operator}}
    spec:
      serviceAccountName: {{ .Release.Name }}-operator
      containers:
      - name: operator
        image: operator:1
        args:
        - --leader-elect={{ gt (.Values.replicas | int) 1 }}
        {{- with .Values.watchNamespaces }}
        - --namespaces={{ join "," . }}
        {{- end }}
`,
    },
  },
  'an agent on every node': {
    files: {
      'Chart.yaml': chartYaml('node-agent'),
      'values.yaml': `inputs:
- {name: containers, path: /var/log/containers/*.log, parser: cri}
- {name: kernel, path: /dev/kmsg}
outputs: {es: {host: es.example, port: 9200, tls: yes}}
priorityClassName: system-node-critical
`,
      'templates/daemonset.yaml': `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: {{ .Release.Name }}-agent}
spec:
  selector: {matchLabels: {app: agent}}
  updateStrategy: {rollingUpdate: {maxUnavailable: 10%}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      priorityClassName: {{ .Values.priorityClassName }}
      containers:
      - name: agent
        image: agent:3
        volumeMounts:
        {{- range $i, $input := .Values.inputs }}
        - {name: input-{{ $i }}, mountPath: {{ dir $input.path | quote }}, readOnly: true}
        {{- end }}
      volumes:
      {{- range $i, $input := .Values.inputs }}
      - {name: input-{{ $i }}, hostPath: {path: {{ dir $input.path | quote }}}}
      {{- end }}
`,
      'templates/config.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-agent}
data:
  agent.conf: |
    {{- range .Values.inputs }}
    [INPUT]
        Name   {{ .name }}
        Path   {{ .path }}
        {{- if hasKey . "parser" }}
        Parser {{ .parser }}
        {{- end }}
    {{- end }}
    {{- range $name, $out := .Values.outputs }}
    [OUTPUT]
        Name {{ $name }}
        Host {{ $out.host }}:{{ $out.port }}
        TLS  {{ ternary "on" "off" $out.tls }}
    {{- end }}
`,
    },
  },
  'jobs on a schedule': {
    files: {
      'Chart.yaml': chartYaml('jobs'),
      'values.yaml': `defaults: {schedule: "0 3 * * *", image: "jobs:1", concurrencyPolicy: Forbid, history: 3}
jobs:
  report: {command: [report, --daily]}
  clean-up: {schedule: "*/15 * * * *", suspend: true, command: [clean]}
  import: {image: "import:2", history: 0, command: ["sh", "-c", "import && echo 'done: 100%'"]}
`,
      'templates/jobs.yaml': `{{- range $name, $job := .Values.jobs }}
{{- $job := merge (dict) $job $.Values.defaults }}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: {{ $.Release.Name }}-{{ $name }}}
spec:
  schedule: {{ $job.schedule | quote }}
  suspend: {{ $job.suspend | default false }}
  concurrencyPolicy: {{ $job.concurrencyPolicy }}
  successfulJobsHistoryLimit: {{ $job.history }}
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - name: job
            image: {{ $job.image }}
            command: {{ $job.command | toJson }}
{{- end }}
`,
    },
  },
  'an umbrella over two services and their cache': {
    files: {
      'Chart.yaml': chartYaml(
        'shop',
        `dependencies:
- {name: service, version: 0.x.x, alias: cart, repository: "file://../service"}
- {name: service, version: ^0.1.0, alias: orders, repository: "file://../service"}
- {name: cache, version: "*", condition: cache.enabled, repository: "https://charts.example"}
`,
      ),
      'values.yaml': `global: {registry: registry.example, environment: test}
cart: {port: 8081}
orders: {port: 8082, replicas: 3}
cache: {enabled: true}
`,
      ...within('charts/service', {
        'Chart.yaml': chartYaml('service'),
        'values.yaml': 'replicas: 1\nport: 80\n',
        'templates/all.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}-{{ .Chart.Name }}, labels: {env: {{ .Values.global.environment }}}}
spec:
  replicas: {{ .Values.replicas }}
  template: {spec: {containers: [{name: main, image: {{ .Values.global.registry }}/{{ .Chart.Name }}, ports: [{containerPort: {{ .Values.port }}}]}]}}
---
apiVersion: v1
kind: Service
metadata: {name: {{ .Release.Name }}-{{ .Chart.Name }}}
spec: {ports: [{port: {{ .Values.port }}}]}
`,
      }),
      ...within('charts/cache', {
        'Chart.yaml': chartYaml('cache'),
        'values.yaml': 'enabled: false\nmaxMemory: 64mb\n',
        'templates/pod.yaml': `apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}-cache}
spec: {containers: [{name: redis, image: {{ .Values.global.registry }}/redis, args: [--maxmemory, {{ .Values.maxMemory }}]}]}
`,
      }),
    },
    values: 'cart: {replicas: 2}\nglobal: {environment: prod}\n',
  },
} satisfies SampleCharts;
