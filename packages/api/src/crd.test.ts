import { describe, expect, it } from 'vitest';
import { crds, gateCrds } from './crd.ts';

interface Node {
  [key: string]: unknown;
  properties?: Record<string, Node>;
  items?: Node;
  additionalProperties?: Node;
}

interface Definition {
  metadata: { name: string; labels: Record<string, string> };
  spec: {
    names: { shortNames: string[]; categories: string[] };
    versions: {
      additionalPrinterColumns: { name: string }[];
      schema: { openAPIV3Schema: Node };
      subresources: unknown;
    }[];
  };
}

const definitions = crds() as unknown as Definition[];
const [git, unit, release] = definitions;

function nodes(path: string, node: Node): [string, Node][] {
  const below = Object.entries({ ...node.properties, ...(node.items && { '[]': node.items }) });
  const values = node.additionalProperties === undefined ? [] : nodes(`${path}.*`, node.additionalProperties);
  return [[path, node], ...values, ...below.flatMap(([name, child]) => nodes(`${path}.${name}`, child))];
}

const gates = gateCrds() as unknown as Definition[];
const every = [...definitions, ...gates].flatMap((definition) =>
  nodes(definition.metadata.name, definition.spec.versions[0]?.schema.openAPIV3Schema ?? {}),
);

/** What a structural schema may hold (apiextensions.k8s.io/v1, KEP-693 and KEP-2876), as far as ours does. */
const ALLOWED = new Set([
  'additionalProperties',
  'default',
  'description',
  'enum',
  'format',
  'items',
  'maxLength',
  'maximum',
  'minItems',
  'minLength',
  'minimum',
  'pattern',
  'properties',
  'required',
  'type',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);

describe('the CRDs', () => {
  it('are structural: every node has a type, and nothing a structural schema may not hold', () => {
    expect(every.length).toBeGreaterThan(300);
    const isOpen = (node: Node): boolean => node['x-kubernetes-preserve-unknown-fields'] === true;
    expect(every.filter(([, node]) => isOpen(node)).map(([path]) => path)).toEqual([
      'helmreleases.helm.toolkit.fluxcd.io.spec.values',
    ]);
    const untyped = every.filter(([, node]) => typeof node['type'] !== 'string' && !isOpen(node));
    expect(untyped.map(([path]) => path)).toEqual([]);
    const foreign = every.flatMap(([path, node]) =>
      Object.keys(node)
        .filter((key) => !ALLOWED.has(key))
        .map((key) => `${path}: ${key}`),
    );
    expect(foreign).toEqual([]);
    expect(every.filter(([, node]) => node.properties && node.additionalProperties)).toEqual([]);
  });

  it('describe every field', () => {
    const silent = every.filter(([path, node]) => !('description' in node) && !/(metadata|\.\*|\.\[\])$/.test(path));
    expect(silent.map(([path]) => path)).toEqual([]);
  });

  it('carry the labels that flux check looks for', () => {
    expect(definitions.map(({ metadata }) => metadata.labels)).toEqual(
      ['source-controller', 'kustomize-controller', 'helm-controller'].map((component) => ({
        'app.kubernetes.io/component': component,
        'app.kubernetes.io/instance': 'flux-system',
        'app.kubernetes.io/part-of': 'flux',
        'app.kubernetes.io/version': 'v2.9.4',
      })),
    );
  });

  it("have Flux's columns, short names and categories", () => {
    const look = (definition: Definition | undefined) => ({
      name: definition?.metadata.name,
      columns: definition?.spec.versions[0]?.additionalPrinterColumns.map(({ name }) => name),
      ...definition?.spec.names,
    });
    expect(look(git)).toMatchObject({
      name: 'gitrepositories.source.toolkit.fluxcd.io',
      columns: ['URL', 'Age', 'Ready', 'Status'],
      shortNames: ['gitrepo'],
      categories: ['all', 'fluxcd', 'fluxcd-sources'],
    });
    expect(look(unit)).toMatchObject({
      name: 'kustomizations.kustomize.toolkit.fluxcd.io',
      columns: ['Age', 'Ready', 'Status'],
      shortNames: ['ks'],
      categories: ['all', 'fluxcd', 'fluxcd-appliers'],
    });
    expect(look(release)).toMatchObject({
      name: 'helmreleases.helm.toolkit.fluxcd.io',
      columns: ['Age', 'Ready', 'Status'],
      shortNames: ['hr'],
      categories: ['all', 'fluxcd', 'fluxcd-appliers'],
    });
  });

  it('of gates are of their own group, with short names, and a status where the agent writes one', () => {
    const look = ({ metadata, spec }: Definition) => ({
      name: metadata.name,
      short: spec.names.shortNames,
      status: spec.versions[0]?.subresources !== undefined,
    });
    expect(gates.map(look)).toEqual([
      { name: 'releasepolicies.plumb.dev', short: ['rpol'], status: true },
      { name: 'clusterreleasepolicies.plumb.dev', short: ['crpol'], status: true },
      { name: 'changes.plumb.dev', short: ['chg'], status: true },
      { name: 'plans.plumb.dev', short: ['chgplan'], status: false },
      { name: 'approvals.plumb.dev', short: ['appr'], status: false },
      { name: 'lockdowns.plumb.dev', short: ['lock'], status: false },
    ]);
  });

  it('default the status to no generation observed, below a status subresource', () => {
    for (const definition of definitions) {
      const version = definition.spec.versions[0];
      expect(version?.subresources).toEqual({ status: {} });
      expect(version?.schema.openAPIV3Schema.properties?.['status']?.['default']).toEqual({ observedGeneration: -1 });
    }
  });

  it('hold the rules over several fields', () => {
    const rules = every.flatMap(([path, node]) => (node['x-kubernetes-validations'] === undefined ? [] : [path]));
    expect(rules).toEqual([
      'gitrepositories.source.toolkit.fluxcd.io.spec',
      'kustomizations.kustomize.toolkit.fluxcd.io.spec.kubeConfig',
      'helmreleases.helm.toolkit.fluxcd.io.spec',
      'helmreleases.helm.toolkit.fluxcd.io.spec.install.strategy',
      'helmreleases.helm.toolkit.fluxcd.io.spec.kubeConfig',
      'helmreleases.helm.toolkit.fluxcd.io.spec.upgrade.strategy',
      'releasepolicies.plumb.dev.spec.images.signatures.keys.[]',
      'releasepolicies.plumb.dev.spec.images.signatures.keyless.[]',
      'releasepolicies.plumb.dev.spec.images.vulnerabilities.signedBy.keys.[]',
      'releasepolicies.plumb.dev.spec.images.vulnerabilities.signedBy.keyless.[]',
      'releasepolicies.plumb.dev.spec.approvals.[].signed',
      'releasepolicies.plumb.dev.spec.external.[]',
      'clusterreleasepolicies.plumb.dev.spec.images.signatures.keys.[]',
      'clusterreleasepolicies.plumb.dev.spec.images.signatures.keyless.[]',
      'clusterreleasepolicies.plumb.dev.spec.images.vulnerabilities.signedBy.keys.[]',
      'clusterreleasepolicies.plumb.dev.spec.images.vulnerabilities.signedBy.keyless.[]',
      'clusterreleasepolicies.plumb.dev.spec.approvals.[].signed',
      'clusterreleasepolicies.plumb.dev.spec.external.[]',
      'approvals.plumb.dev.spec',
      'lockdowns.plumb.dev.spec.approvals.[].signed',
    ]);
  });
});
