import { chartYaml, configMap } from './sample-chart.ts';
import type { SampleCharts } from './sample-chart.ts';

/** What templates can do. */
export const TEMPLATE_CHARTS = {
  'named templates that call each other': {
    files: {
      'Chart.yaml': chartYaml('named'),
      'values.yaml': 'items: [a, b]\n',
      'templates/_first.tpl': `{{- define "named.labels" -}}
app: {{ .Chart.Name }}
{{- include "named.extra" (dict "root" . "more" (list 1 2)) | nindent 0 }}
{{- end -}}
{{- define "named.item" }}{{ template "named.upper" . }}!{{ end -}}
`,
      'templates/_second.tpl': `{{- define "named.extra" }}
extra: {{ .root.Release.Name }}-{{ join "." .more }}
{{- end }}
{{- define "named.upper" -}}{{ . | upper }}{{- end }}
{{- define "named.twice" }}first{{ end }}
`,
      // Of two of a name the one read last counts, and what stands deeper is read first.
      'templates/deep/_third.tpl': '{{- define "named.twice" }}deep{{ end }}',
      'templates/a.yaml': configMap(
        'named',
        '{{- include "named.labels" . | nindent 2 }}\nitems: "{{ range .Values.items }}{{ include "named.item" . }}{{ end }}"\ntwice: {{ include "named.twice" . }}\nblock: {{ block "named.block" .Values }}{{ index .items 1 }}{{ end }}',
      ),
    },
  },
  'templates in values': {
    files: {
      'Chart.yaml': chartYaml('tpl'),
      'values.yaml': `host: "{{ .Release.Name }}.{{ .Values.domain }}"
domain: example.org
annotations:
  owner: "{{ .Chart.Name }}"
nested: '{{ tpl .Values.host . }}:{{ include "tpl.port" . }}'
defines: '{{ define "tpl.local" }}local {{ .Values.domain }}{{ end }}{{ include "tpl.local" . }}'
`,
      'templates/_h.tpl': '{{ define "tpl.port" }}8080{{ end }}',
      'templates/a.yaml': configMap(
        'tpl',
        'host: {{ tpl .Values.host . }}\nnested: {{ tpl .Values.nested $ }}\nannotations: {{ tpl (toYaml .Values.annotations) . | quote }}\ndefines: {{ tpl .Values.defines . }}\nnone: {{ tpl "" . | quote }}\nvalue: {{ tpl "{{ .missing }}" dict | quote }}',
      ),
    },
  },
  'loops, scopes and variables': {
    files: {
      'Chart.yaml': chartYaml('loops'),
      'values.yaml': 'list: [c, a, b]\nmap: {z: 1, a: 2, m: 3}\nempty: []\nnested: {deep: {er: here}}\n',
      'templates/a.yaml': configMap(
        'loops',
        `list: "{{ range $i, $v := .Values.list }}{{ if $i }},{{ end }}{{ $i }}={{ $v }}{{ end }}"
map: "{{ range $k, $v := .Values.map }}{{ $k }}{{ $v }} {{ end }}"
none: {{ range .Values.empty }}x{{ else }}nothing{{ end }}
with: {{ with .Values.nested.deep }}{{ .er }} of {{ $.Release.Name }}{{ else }}no{{ end }}
without: {{ with .Values.missing }}x{{ else with .Values.empty }}y{{ else }}neither{{ end }}
{{- $sum := 0 }}{{ range until 5 }}{{ if eq . 3 }}{{ continue }}{{ end }}{{ $sum = add $sum . }}{{ end }}
sum: {{ $sum | quote }}
break: "{{ range untilStep 0 100 5 }}{{ if gt . 15 }}{{ break }}{{ end }}{{ . }} {{ end }}"
sorted: {{ .Values.list | sortAlpha | join "-" }}
keys: {{ keys .Values.map | sortAlpha | toJson | quote }}
and: {{ and .Values.list (not .Values.empty) | quote }}
or: {{ or .Values.empty .Values.missing "last" }}
compare: "{{ lt 1 2 }} {{ ne "a" "b" }} {{ eq "x" "y" "x" }} {{ ge 2.5 2.5 }}"`,
      ),
    },
  },
  'functions for text': {
    files: {
      'Chart.yaml': chartYaml('text'),
      'templates/a.yaml': configMap(
        'text',
        `trim: {{ trim "  x " | quote }} # {{ trimAll "$" "$5.00$" }} {{ trimPrefix "v" "v1" }}
case: "{{ title "hello world" }} {{ camelcase "http_server" }} {{ snakecase "FirstName" }} {{ kebabcase "FirstName" }} {{ untitle "Hi" }} {{ swapcase "aB" }}"
cut: "{{ substr 0 3 "abcdef" }} {{ trunc -2 "abcdef" }} {{ abbrev 6 "abcdefgh" }} {{ initials "Ada Lovelace" }}"
wrap: {{ wrapWith 5 "|" "aaaa bbbb cccc" | quote }}
regex: '{{ regexMatch "^v[0-9]+$" "v12" }} {{ regexFind "[a-z]+" "12ab34" }} {{ regexReplaceAll "a(x*)b" "-ab-axxb-" "\${1}W" }} {{ regexSplit "z+" "pizza" -1 | join "," }} {{ regexFindAll "[0-9]" "a1b2" -1 | join "," }} {{ regexQuoteMeta "1.2" }}'
replace: {{ "a.b.c" | replace "." "-" | nospace | repeat 2 }}
contains: "{{ contains "b" "abc" }} {{ hasPrefix "a" "abc" }} {{ hasSuffix "x" "abc" }}"
printf: {{ printf "%05d|%-5s|%.2f|%q|%v|%t|%x" 42 "ab" 3.14159 "q" (list 1 "a") true 255 | squote }}
split: "{{ (split "." "a.b.c")._1 }} {{ splitList "," "x,y" | last }} {{ (splitn "-" 2 "a-b-c")._1 }}"
plural: {{ plural "one cat" "many cats" 3 }}
indent: |{{ "a\\nb" | nindent 4 }}
cat: {{ cat "a" 1 true | quote }}
hashes: {{ sha1sum "x" }}-{{ adler32sum "x" }}-{{ sha512sum "x" | trunc 8 }}
encode: {{ b64enc "héllo" }} {{ b32enc "x" }} {{ b64dec "aGk=" }}
url: "{{ urlquery "a b&c" }} {{ (urlParse "https://u@h:1/p?q=1#f").host }}"
semver: "{{ semverCompare ">=1.2.0 <2" "1.5.0" }} {{ semverCompare "^1.2" "2.0.0" }} {{ (semver "1.2.3-rc.1+x").Prerelease }} {{ semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version }}"
paths: "{{ base "/a/b.txt" }} {{ dir "/a/b" }} {{ ext "x.tar.gz" }} {{ clean "a/../b" }} {{ isAbs "/a" }}"`,
      ),
    },
  },
  'functions for lists and maps': {
    files: {
      'Chart.yaml': chartYaml('maps'),
      'values.yaml': 'base: {a: 1, b: {c: 2, d: [x]}}\nover: {b: {c: 3, e: null}, f: ""}\n',
      'templates/a.yaml': configMap(
        'maps',
        `merge: {{ merge (dict) .Values.over .Values.base | toJson | quote }}
overwrite: {{ mergeOverwrite (dict) (deepCopy .Values.base) .Values.over | toJson | quote }}
dig: {{ dig "b" "c" "none" .Values.base }} {{ dig "b" "x" "y" "none" .Values.base }}
get: '{{ get .Values.base "a" }} {{ hasKey .Values.base "z" }} {{ pluck "a" .Values.base .Values.over | join "," }}'
pick: {{ pick .Values.base "a" | toJson | quote }} # {{ omit .Values.base "b" | toJson }}
{{- $d := dict "x" 1 }}{{ $_ := set $d "y" 2 }}{{ $_ := unset $d "x" }}
dict: {{ $d | toJson | quote }}
list: '{{ list 3 1 2 | toJson }} {{ first (list 1 2) }} {{ rest (list 1 2 3) | toJson }} {{ initial (list 1 2) | toJson }} {{ append (list 1) 2 | toJson }} {{ prepend (list 1) 0 | toJson }} {{ concat (list 1) (list 2) | toJson }}'
uniq: {{ list 1 1 2 | uniq | toJson | quote }} # {{ without (list 1 2 3) 2 | toJson }} {{ has 2 (list 1 2) }} {{ compact (list 0 1 "" "a") | toJson }} {{ slice (list 1 2 3 4) 1 3 | toJson }} {{ chunk 2 (list 1 2 3) | toJson }} {{ reverse (list 1 2) | toJson }}
seq: '{{ seq 1 3 }} {{ untilStep 3 6 2 | toJson }} {{ tuple 1 "a" | toJson }}'
any: "{{ any 0 1 }} {{ all 1 "" }} {{ coalesce nil "" "x" }} {{ empty dict }} {{ ternary "a" "b" false }} {{ default "d" "" }}"
kinds: "{{ kindOf .Values.base }} {{ typeOf 1 }} {{ kindIs "string" "a" }} {{ typeOf .Values.base.a }} {{ kindOf .Values.base.b.d }}"
equal: {{ deepEqual (list 1 "a") (list 1 "a") | quote }}
values: {{ values (dict "a" 1) | toJson | quote }}`,
      ),
    },
  },
  'YAML, JSON and TOML in templates': {
    files: {
      'Chart.yaml': chartYaml('formats'),
      'values.yaml': `config:
  name: "a: b"
  list: [1, "2", true, null, 1.50]
  text: "one\\ntwo\\n"
  nested: {z: 1, a: {b: {}}, empty: []}
  quoted: ["yes", "1e3", "0x1f", "~", "", " ", "#x", "- a", "2001-01-01", "1_000"]
embedded: |
  a: [1, 2]
  b: {c: d}
`,
      'templates/a.yaml': `apiVersion: v1
kind: ConfigMap
metadata:
  name: formats
  annotations: {{ dict "a" "b" | toYaml | nindent 4 }}
data:
  yaml: |
    {{- toYaml .Values.config | nindent 4 }}
  json: {{ toJson .Values.config | quote }}
  pretty: |
    {{- toPrettyJson .Values.config.nested | nindent 4 }}
  toml: |
    {{- toToml (omit .Values.config "list") | nindent 4 }}
  from: {{ (fromYaml .Values.embedded).b.c }}
  array: {{ fromYamlArray "[1, x]" | toJson | quote }}
  fromJson: {{ (fromJson "{\\"a\\": {\\"b\\": 1}}").a.b | quote }}
  jsonArray: {{ index (fromJsonArray "[\\"x\\"]") 0 }}
  bad: {{ fromYaml "a: [" | toJson | quote }}
  raw: {{ toRawJson (dict "a" "<&>") | quote }}
  escaped: {{ toJson (dict "a" "<&>") | quote }}
  yamlPretty: |
    {{- toYamlPretty (dict "a" (list 1 2)) | nindent 4 }}
`,
    },
  },
  'sums, dates and types': {
    files: {
      'Chart.yaml': chartYaml('sums'),
      'values.yaml': 'n: 7\nf: 2.5\ns: "12"\nsize: 1073741824\n',
      'templates/a.yaml': configMap(
        'sums',
        `int: "{{ add .Values.n 1 2 }} {{ sub 5 .Values.n }} {{ mul 3 .Values.n }} {{ div .Values.n 2 }} {{ mod .Values.n 4 }} {{ add1 .Values.n }} {{ max 1 .Values.n 3 }} {{ min 4 .Values.n }}"
float: "{{ addf 0.1 0.2 }} {{ mulf .Values.f 2 }} {{ divf 1 3 }} {{ round .Values.f 0 }} {{ ceil 1.1 }} {{ floor 1.9 }} {{ maxf 1.5 2 }}"
cast: "{{ int .Values.s }} {{ atoi "42" }} {{ int64 .Values.f }} {{ float64 "1.5" }} {{ toString .Values.n }} {{ toDecimal "0777" }} {{ int .Values.size }} {{ .Values.size }} {{ .Values.size | int64 | toString }}"
date: "{{ date "2006-01-02" (toDate "2006-01-02" "2026-03-04") }} {{ dateInZone "15:04" (unixEpoch (toDate "2006-01-02" "2026-03-04") | int64) "UTC" }} {{ duration "95" }} {{ durationRound "2400h" }} {{ htmlDate 0 }}"
bits: "{{ len "abc" }} {{ len (list 1 2) }} {{ index (list "a" "b") 1 }} {{ print 1 2 "a" }} {{ println "x" }}"
html: "{{ html "<a>" }} {{ js "it's" }} {{ not true }}"
strings: {{ toStrings (list 1 "a" true) | toJson | quote }}`,
      ),
    },
  },
  'white space and comments': {
    files: {
      'Chart.yaml': chartYaml('space'),
      'templates/a.yaml': `{{- /* A comment that takes what is around it. */ -}}
apiVersion: v1
kind: ConfigMap
{{/* One that does not. */}}
metadata:
  name: space{{ if true }}   {{ end }}
data:
  a: {{- " x" }}
  b: >-
    {{- range $i := until 2 }}
    line {{ $i -}}
    {{- end }}
  c: {{ print "a" -}}   {{- print "b" }}
  d: "{{"{{ not run }}"}}"
  e: {{\`{{ raw }}\` | quote}}



`,
    },
  },
  'names that are missing': {
    files: {
      'Chart.yaml': chartYaml('missing'),
      'values.yaml': 'there: {}\n',
      'templates/a.yaml': configMap(
        'missing',
        'value: "{{ .Values.missing }}"\ndeep: "{{ .Values.there.missing }}"\nguarded: "{{ ((.Values.a).b).c }}"\nfallback: {{ .Values.missing | default "none" }}\nquoted: {{ .Values.missing | quote }}\nprinted: {{ printf "%v" .Values.missing }}\nyaml: {{ toYaml .Values.missing }}\nrequired: {{ required "needed" "given" }}\nlength: "{{ len .Values.there }}"\nfile: {{ .Files.Get "no/such" | quote }}',
      ),
    },
  },
} satisfies SampleCharts;
