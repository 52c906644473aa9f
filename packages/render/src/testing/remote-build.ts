import type { Bundle } from '../bundle.ts';
import type { BuildSpec, Remotes, Renderer } from '../renderer.ts';
import { buildSpec, memoryArtifact, type Files } from './memory-artifact.ts';
import { memoryRemotes, type Elsewhere } from './memory-remotes.ts';

export const FLEET = 'https://git.shop.test/shop/fleet';

export const map = (name: string, value = '1'): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: ${name}}\ndata: {value: "${value}"}\n`;

export const component = (label: string): string =>
  `apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {team: ${label}}}]\n`;

export const overlay = (...resources: string[]): Files => ({
  'kustomization.yaml': `resources: [${resources.join(', ')}]\n`,
});

/** A repository with one base. */
export const base = { 'apps/kustomization.yaml': 'resources: [a.yaml]\nnamePrefix: x-\n', 'apps/a.yaml': map('a') };

export function prefixed(prefix: string, files: Files): Files {
  return Object.fromEntries(Object.entries(files).map(([path, content]) => [prefix + path, content]));
}

export interface RemoteBuild {
  bundle: Bundle;
  /** What was fetched for it. */
  asked: string[];
  names: string[];
}

/** Builds with what stands elsewhere. */
export async function buildWith(
  renderer: Renderer,
  files: Files,
  elsewhere: Elsewhere,
  { spec = {}, remotes = {} }: { spec?: Partial<BuildSpec>; remotes?: Partial<Remotes> } = {},
): Promise<RemoteBuild> {
  const bases = memoryRemotes(elsewhere);
  const options = { deadline: 20_000, remotes: { bases, since: 0, ...remotes } };
  const bundle = await renderer.build(memoryArtifact(files), buildSpec(spec), options);
  return { bundle, asked: bases.asked, names: bundle.objects.map(({ key }) => key.name).sort() };
}
