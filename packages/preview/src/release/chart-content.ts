import { posix } from 'node:path';
import type { Json, JsonObject } from '@plumb/api';
import { printJson, userError } from '@plumb/api';
import { readDocuments } from '@plumb/render';
import { contentOf, readChartFolder, type ChartContent, type ChartFolder } from '@plumb/sources';

// What a source-controller does to the files of a chart before it packs them (source-controller internal/helm/chart).

/** A chart that another one needs, as its Chart.yaml says. */
export interface Dependency {
  name: string;
  version: string;
  repository: string;
}

/** The chart of a folder, with the charts that it names by `file://`, which a source resolves in its own files. */
export async function chartIn(place: ChartFolder): Promise<ChartContent> {
  const content = new Map(await readChartFolder(place));
  const there = await subchartsOf(content);
  const missing = dependenciesOf(content).filter(({ name }) => !there.has(name));
  for (const { name, repository } of missing.filter((dependency) => dependency.repository.startsWith(LOCAL))) {
    const folder = posix.normalize(posix.join(place.folder, repository.slice(LOCAL.length)));
    if (folder === '..' || folder.startsWith('../'))
      throw userError('invalid-path', `the chart needs ${name} of '${repository}', which is not in the repository`);
    const files = await readChartFolder({ ...place, folder: folder === '.' ? '' : folder });
    for (const [path, file] of files) content.set(`charts/${name}/${path}`, file);
  }
  refuseMissing(
    missing.filter(({ repository }) => !repository.startsWith(LOCAL)),
    place.folder,
  );
  return content;
}

const LOCAL = 'file://';

function refuseMissing(missing: readonly Dependency[], folder: string): void {
  if (missing.length === 0) return;
  const named = missing.map(({ name, version, repository }) =>
    [name, version, repository === '' ? '' : `of ${repository}`].filter((word) => word !== '').join(' '),
  );
  const place = folder === '' ? '.' : folder;
  const text = `the chart in '${place}' needs charts that are not in its folder charts/, and nothing is fetched here: ${named.join(', ')}; bring them with 'helm dependency build ${place}'`;
  throw userError('build-failed', text);
}

/** What a chart needs, by its Chart.yaml, or by the requirements.yaml of an old one. */
export function dependenciesOf(content: ChartContent): Dependency[] {
  const listed = ['requirements.yaml', 'Chart.yaml'].flatMap((path) => {
    const { dependencies } = documentIn(content, path);
    return Array.isArray(dependencies) ? dependencies : [];
  });
  const texts = (item: JsonObject, field: string): string => (typeof item[field] === 'string' ? item[field] : '');
  return listed.filter(isMap).map((item) => ({
    name: texts(item, 'name'),
    version: texts(item, 'version'),
    repository: texts(item, 'repository'),
  }));
}

/** The names of the charts in a chart's folder charts/. */
async function subchartsOf(content: ChartContent): Promise<Set<string>> {
  const names = new Set<string>();
  for (const [path, file] of content) {
    const [, entry = '', rest] = /^charts\/([^/]+)(?:\/(.*))?$/.exec(path) ?? [];
    if (rest === 'Chart.yaml') names.add(nameIn(content, path));
    if (rest === undefined && entry.endsWith('.tgz')) names.add(nameIn(await contentOf(file), 'Chart.yaml'));
  }
  return names;
}

function nameIn(content: ChartContent, path: string): string {
  const { name } = documentIn(content, path);
  return typeof name === 'string' ? name : '';
}

/** @throws PlumbError for one that cannot be read */
function documentIn(content: ChartContent, path: string): JsonObject {
  const file = content.get(path);
  const [value = {}] = file === undefined ? [] : readDocuments(path, file);
  return isMap(value) ? value : {};
}

function isMap(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A chart with other values for its own. */
export function withValues(content: ChartContent, values: string): ChartContent {
  return new Map([...content, ['values.yaml', Buffer.from(values)]]);
}

const SEMVER = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/;

/** A chart whose version has this build metadata, in place of its own. @throws PlumbError `build-failed` for a version that is none */
export function withVersionMetadata(content: ChartContent, metadata: string): ChartContent {
  const chart = documentIn(content, 'Chart.yaml');
  const given = chart['version'];
  const version = typeof given === 'string' ? given : printJson(given ?? '');
  const [, major, minor = '0', patch = '0', before = ''] = SEMVER.exec(version) ?? [];
  if (major === undefined) throw userError('build-failed', `version '${version}' of the chart is no semantic version`);
  const next = { ...chart, version: `${major}.${minor}.${patch}${before}+${metadata}` };
  return new Map([...content, ['Chart.yaml', Buffer.from(printJson(next))]]);
}
