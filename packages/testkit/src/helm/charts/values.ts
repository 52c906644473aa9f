import { chartYaml, configMap } from './sample-chart.ts';
import type { SampleCharts } from './sample-chart.ts';

const schema = `{
  "$schema": "http://json-schema.org/draft-07/schema#",
  "type": "object",
  "required": ["image"],
  "definitions": {"port": {"type": "integer", "minimum": 1, "maximum": 65535}},
  "properties": {
    "image": {"type": "object", "required": ["repository"], "properties": {"repository": {"type": "string"}, "tag": {"type": ["string", "null"]}}},
    "port": {"$ref": "#/definitions/port"},
    "mode": {"enum": ["fast", "safe"]},
    "hosts": {"type": "array", "items": {"type": "string", "pattern": "^[a-z.]+$"}, "uniqueItems": true}
  }
}
`;

/** What becomes of values. */
export const VALUE_CHARTS = {
  'numbers of every sort': {
    files: {
      'Chart.yaml': chartYaml('numbers'),
      'values.yaml': `small: 7
big: 12345678901234
bigger: 9007199254740993
million: 1000000
ten: 10000000
huge: 123456789012345678901234567890
float: 1.50
whole: 1.0
exponent: 1e3
tiny: 1e-7
octal: 010
modern: 0o17
hex: 0x1F
binary: 0b101
underscore: 1_000
sexagesimal: 1:30
negative: -0
text: "010"
port: 8080
`,
      'templates/a.yaml': configMap(
        'numbers',
        '{{- range $k, $v := omit .Values "global" }}\n{{ $k }}: {{ printf "%v %s %s %d %s" $v (toJson $v) (toYaml $v) (int64 $v) (kindOf $v) | quote }}\n{{- end }}\nall: {{ omit .Values "global" | toJson | quote }}',
      )
        .replaceAll('\n  {{- range', '\n{{- range')
        .replaceAll('\n  {{- end', '\n{{- end'),
    },
    values: 'small: 8.0\nbig: 1e21\n',
  },
  'the traps of YAML 1.1': {
    files: {
      'Chart.yaml': chartYaml('traps'),
      'values.yaml': `yes: is-true
n: short
country: NO
answer: yes
onoff: [on, off, On, OFF, y, n, Y, N]
nothing: [~, null, Null, "", ]
date: 2026-01-02
time: 12:30:45
stamp: 2026-01-02T03:04:05Z
version: 1.10
quoted: "1.10"
tagged: !!str 12
binary: !!binary aGk=
merge: &base {a: 1, b: 2}
merged: {<<: *base, b: 3}
1: number-key
true: bool-key
1.5: float-key
`,
      'templates/a.yaml': configMap('traps', 'all: {{ omit .Values "global" | toJson | quote }}'),
    },
  },
  'defaults taken back by null': {
    files: {
      'Chart.yaml': chartYaml('nulls'),
      'values.yaml': 'a: 1\nb: {c: 2, d: {e: 3}}\nlist: [1, 2]\nempty: null\nkept: {x: null, y: 1}\n',
      'templates/a.yaml': configMap(
        'nulls',
        'all: {{ omit .Values "global" | toJson | quote }}\nhas: "{{ hasKey .Values "a" }} {{ hasKey .Values.b "c" }} {{ hasKey .Values "empty" }}"',
      ),
    },
    values: 'a: null\nb: {c: null, d: null, new: null}\nlist: null\nmine: null\n',
  },
  'values over values': {
    files: {
      'Chart.yaml': chartYaml('over'),
      'values.yaml':
        'map: {a: 1, b: {c: 2}}\nlist: [1, 2, 3]\nscalar: x\nmapToScalar: {a: 1}\nscalarToMap: 1\ntext: ""\n',
      'templates/a.yaml': configMap('over', 'all: {{ omit .Values "global" | toJson | quote }}'),
    },
    values: 'map: {b: {c: 3, d: 4}}\nlist: [9]\nscalar: y\nscalarToMap: {a: 1}\nextra: {deep: {er: [a]}}\ntext: 0\n',
  },
  'several documents of defaults': {
    files: {
      'Chart.yaml': chartYaml('documents'),
      'values.yaml': 'a: 1\nmap: {x: 1}\n---\nb: 2\nmap: {y: 2}\n---\n# none\n',
      'templates/a.yaml': configMap('documents', 'all: {{ omit .Values "global" | toJson | quote }}'),
    },
  },
  'values that templates change': {
    files: {
      'Chart.yaml': chartYaml('changed'),
      'values.yaml': 'list: [1]\nmap: {a: 1}\n',
      'templates/a.yaml':
        '{{- $_ := set .Values.map "b" 2 }}{{ $_ := set .Values "new" "x" }}\n' +
        configMap('first', 'map: {{ .Values.map | toJson | quote }}'),
      'templates/b.yaml': configMap(
        'second',
        'map: {{ .Values.map | toJson | quote }}\nnew: {{ .Values.new | quote }}',
      ),
    },
  },
  'a schema that is met': {
    files: {
      'Chart.yaml': chartYaml('schema'),
      'values.yaml': 'image: {repository: web}\nport: 80\nmode: fast\n',
      'values.schema.json': schema,
      'templates/a.yaml': configMap(
        'schema',
        'image: {{ .Values.image.repository }}:{{ .Values.image.tag }}\nport: {{ .Values.port | quote }}',
      ),
    },
    values: 'image: {tag: "1"}\nport: 8080\nhosts: [a.example, b.example]\n',
  },
  'long and odd text': {
    files: {
      'Chart.yaml': chartYaml('odd'),
      'values.yaml': `long: ${'word '.repeat(60)}
lines: |
  #!/bin/sh
  echo "$HOME" && cat <<EOF
  {{ not a template }}
  EOF
indented: |2
    two more
trailing: "ends with space "
tabs: "a\\tb"
colon: "a: b # c"
braces: "{{ .Release.Name }}"
`,
      'templates/a.yaml': configMap(
        'odd',
        'long: {{ .Values.long }}\nlines: {{ .Values.lines | quote }}\nindented: {{ .Values.indented | toJson }}\nall: {{ toYaml (omit .Values "global") | b64enc }}\nbraces: {{ .Values.braces | quote }}\nquotes: {{ squote .Values.colon }}',
      ),
    },
  },
} satisfies SampleCharts;
