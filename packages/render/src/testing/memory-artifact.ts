import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { systemError } from '@plumb/api';
import { createEngine } from '@plumb/engine';
import type { Artifact, Entry, Tree } from '@plumb/sources';
import type { BuildSpec } from '../renderer.ts';

/** Files by path: text, bytes, or a symlink. */
export type Files = Record<string, string | Uint8Array | { link: string }>;

type Node =
  | { type: 'file' | 'link'; id: string; content: Uint8Array }
  | { type: 'directory'; id: string; nodes: Map<string, Node> };

/** An artifact over a plain map, with ids that follow content as Git's do. `asked` counts the calls. */
export function memoryArtifact(files: Files, rules = ''): Artifact & { asked: { entries: number; reads: number } } {
  const root: Node = { type: 'directory', id: '', nodes: new Map() };
  for (const [path, value] of Object.entries(files)) place(root, path.split('/'), value);
  seal(root);
  const asked = { entries: 0, reads: 0 };
  const read: Tree['read'] = async (path, limit) => {
    const node = find(root, path);
    if (node === null || node.type === 'directory') return null;
    if (limit !== undefined && node.content.byteLength > limit)
      throw systemError('storage-failed', `${path} is larger than ${limit} bytes`);
    return node.content;
  };
  const tree: Tree = {
    id: async (dir) => {
      const node = find(root, dir);
      return node?.type === 'directory' ? node.id : null;
    },
    entries: async (dir) => {
      asked.entries += 1;
      const node = find(root, dir);
      if (node?.type !== 'directory') return null;
      return [...node.nodes]
        .map(([name, { type, id }]): Entry => ({ name, type, id }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read,
    readAll: async (paths, limit) => {
      asked.reads += 1;
      return await Promise.all(paths.map((path) => read(path, limit)));
    },
  };
  const source = { kind: 'GitRepository', namespace: 'flux-system', name: 'shop' };
  return { source, revision: 'main@sha1:1', digest: 'sha256:1', rules, tree, asked };
}

function place(root: Node, steps: string[], value: Files[string]): void {
  const name = steps.pop() ?? '';
  let at = root;
  for (const step of steps) {
    if (at.type !== 'directory') throw new Error(`${step} is below a file`);
    let next = at.nodes.get(step);
    if (next === undefined) at.nodes.set(step, (next = { type: 'directory', id: '', nodes: new Map() }));
    at = next;
  }
  if (at.type !== 'directory') throw new Error(`${name} is below a file`);
  if (typeof value === 'string') at.nodes.set(name, { type: 'file', id: '', content: new TextEncoder().encode(value) });
  else if (value instanceof Uint8Array) at.nodes.set(name, { type: 'file', id: '', content: value });
  else at.nodes.set(name, { type: 'link', id: '', content: new TextEncoder().encode(value.link) });
}

function seal(node: Node): string {
  const sum = createHash('sha1').update(node.type);
  if (node.type === 'directory') {
    for (const [name, child] of [...node.nodes].sort(([a], [b]) => (a < b ? -1 : 1)))
      sum.update(`${name} ${seal(child)}\n`);
  } else {
    sum.update(node.content);
  }
  node.id = sum.digest('hex');
  return node.id;
}

function find(root: Node, path: string): Node | null {
  let at: Node = root;
  for (const step of path === '' ? [] : path.split('/')) {
    const next: Node | undefined = at.type === 'directory' ? at.nodes.get(step) : undefined;
    if (next === undefined) return null;
    at = next;
  }
  return at;
}

/** A kustomization that lists files, and that only kustomize may build: the empty prefix changes nothing. */
export function kustomizedList(resources: readonly string[]): string {
  return JSON.stringify({ resources, namePrefix: '' });
}

/** A spec that asks for nothing. */
export function buildSpec(change: Partial<BuildSpec> = {}): BuildSpec {
  return { path: './', components: [], patches: [], images: [], ownerLabels: {}, ...change };
}

/** The helper that the set-up builds. */
const enginePath = fileURLToPath(new URL('../../../../build/engine', import.meta.url));

export function testEngine(): ReturnType<typeof createEngine> {
  return createEngine({ path: enginePath, slots: 1 });
}
