import { messageRows } from './messages/page.ts';
import { gateKinds, kinds } from './crd.ts';
import { changePlan } from './schema/gates/change-plan.ts';
import type { KindDefinition } from './schema/kind.ts';

/** The part of a JSON schema that a table of fields is made from. */
interface Node {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: readonly string[];
  format?: string;
  pattern?: string;
  maxLength?: number;
  items?: Node;
  required?: readonly string[];
  properties?: Record<string, Node>;
  patternProperties?: Record<string, Node>;
}

interface Field {
  path: string;
  node: Node;
  required: boolean;
}

const KINDS: Readonly<Record<string, KindDefinition>> = Object.fromEntries(
  [...kinds, ...gateKinds].map((kind) => [kind.kind, kind]),
);

const DURATION = /^\^\(\[0-9\]\+/;
const NOT_WRITTEN = 'not used';

function fieldsOf(node: Node, path: string): Field[] {
  return Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    const own = `${path}.${name}`;
    const required = node.required?.includes(name) ?? false;
    const inner = child.items?.properties === undefined ? child : child.items;
    const below = fieldsOf(inner, inner === child ? own : `${own}[]`);
    return [{ path: own, node: child, required }, ...below];
  });
}

function typeOf(node: Node): string {
  if (node.enum !== undefined) return `one of ${node.enum.map((value) => `\`${value}\``).join(', ')}`;
  if (node.items !== undefined)
    return `list of ${node.items.properties === undefined ? typeOf(node.items) : 'objects'}`;
  if (node.patternProperties !== undefined) return 'map of strings';
  if (node.format === 'date-time') return 'time';
  if (node.pattern !== undefined && DURATION.test(node.pattern)) return 'duration';
  return node.type ?? 'any';
}

function defaultOf({ node, required }: Field): string {
  if (node.default !== undefined) return `\`${JSON.stringify(node.default).replaceAll('"', '')}\``;
  return required ? 'required' : '';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', '<br>');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function specTable(kind: string): string {
  const fields = fieldsOf((KINDS[kind]?.spec ?? {}) as Node, 'spec');
  const rows = fields.map((field) => {
    const { path, node } = field;
    return [`\`${path}\``, typeOf(node), defaultOf(field), cell(node.description ?? '')];
  });
  return table(['field', 'type', 'default', 'what it says'], rows);
}

function statusTable(kind: string, isWritten: (path: string) => boolean): string {
  const fields = fieldsOf((KINDS[kind]?.status ?? {}) as Node, 'status');
  const rows = fields.map(({ path, node }) => {
    return [`\`${path}\``, typeOf(node), isWritten(path) ? 'written' : NOT_WRITTEN, cell(node.description ?? '')];
  });
  return table(['field', 'type', 'state', 'what it says'], rows);
}

/** Of the document that a held change is kept as. */
function planTable(): string {
  const rows = fieldsOf(changePlan as Node, 'plan').map(({ path, node }) => {
    return [`\`${path.slice('plan.'.length)}\``, typeOf(node), cell(node.description ?? '')];
  });
  return table(['field', 'type', 'what it says'], rows);
}

const UNITS = ['Kustomization', 'HelmRelease'];
/** Which kinds say what Flux has no words for; what is not listed, every kind says. */
const SAID_OF: Readonly<Record<string, readonly string[]>> = {
  'build-warnings': UNITS,
  'cluster-away': UNITS,
  'cluster-left': UNITS,
  'deletion-corrected': ['Kustomization'],
  'deletion-detected': ['Kustomization'],
  'dependency-cycle': UNITS,
  'dependency-not-served': ['Kustomization'],
  'dependency-unknown': ['Kustomization'],
  'drift-corrected': ['Kustomization'],
  'drift-detected': ['Kustomization'],
  'drift-loop': UNITS,
  drifted: ['Kustomization'],
  'empty-result': ['Kustomization'],
  gated: UNITS,
  'gate-edited': UNITS,
  'gate-lost': UNITS,
  'gate-overridden': UNITS,
  'policy-flawed': [],
  'policy-sound': [],
  'policy-warning': UNITS,
  'not-evaluated': UNITS,
  recreated: UNITS,
  'release-adopted': ['HelmRelease'],
  'release-held': ['HelmRelease'],
  'release-recovery': ['HelmRelease'],
  'source-not-served': ['Kustomization'],
  'unknown-drift-mode': UNITS,
};

function messageTable(kind: string): string {
  const rows = messageRows().flatMap(({ title, rows: all }) => {
    if (title === kind) return all;
    if (title !== 'Not in Flux') return [];
    return all.filter(({ id }) => SAID_OF[id]?.includes(kind) ?? true);
  });
  const cells = rows.map(({ reason, level, channels, text }) => {
    return [
      reason,
      level === 'error' ? 'Warning' : 'Normal',
      channels.filter((c) => c !== 'log').join(', '),
      cell(text),
    ];
  });
  return table(['reason', 'event type', 'given as', 'example'], cells);
}

const PART = /(<!-- begin (\w+)(?: (\w+))? -->\n)[\s\S]*?(<!-- end -->)/g;

/**
 * A page about a kind with its generated parts as they must be: what stands between `<!-- begin spec -->` and `<!-- end -->`; the same
 * for `status` and `messages`. A page about several kinds names the kind of a part: `<!-- begin spec Change -->`.
 * @param isWritten whether the agent writes a field of the status, by its path
 * @throws when a part is not known
 */
export function withGeneratedParts(page: string, kind: string, isWritten: (path: string) => boolean): string {
  return page.replaceAll(PART, (...[, begin = '', part = '', named, end = '']: (string | undefined)[]) => {
    if (part === 'spec') return `${begin}${specTable(named ?? kind)}\n${end}`;
    if (part === 'status') return `${begin}${statusTable(named ?? kind, isWritten)}\n${end}`;
    if (part === 'plan') return `${begin}${planTable()}\n${end}`;
    if (part === 'messages') return `${begin}${messageTable(kind)}\n${end}`;
    throw new Error(`no part is called '${part}'`);
  });
}
