import { PlumbError } from '@plumb/api';
import type { Json, KubeObject } from '@plumb/api';
import type { HelmText } from '@plumb/engine';
import { YAMLException } from 'js-yaml';
import { singleItems, toObject } from '../declared.ts';
import { buildError, shown } from '../errors.ts';
import { limits } from '../limits.ts';
import { paced } from '../pace.ts';
import type { BuildOptions } from '../renderer.ts';
import { isObject, parseDocuments } from '../yaml/documents.ts';
import { checkTotal } from '../yaml/marks.ts';
import { resolveHelm, resolvePlain } from '../yaml/scalar.ts';

/** An object of a chart, and the template it came from. Its name is empty where Kubernetes is to make one up (`generateName`): only of hooks. */
export interface ChartObject {
  path: string;
  body: KubeObject;
}

export interface ReadOptions extends Partial<Pick<BuildOptions, 'deadline' | 'signal'>> {
  /**
   * Who reads the texts in Flux: kustomize does what is post-rendered, and everything else is up to Helm. To kustomize `yes` is a text, to Helm it is a
   * boolean.
   */
  reader: 'kustomize' | 'helm';
  /** Whether objects may have no name but a `generateName`. */
  mayGenerateNames?: boolean;
  /** Told of what is read, though something is wrong with it. */
  warn?: (warning: string) => void;
  /** Reads a text that is no YAML to this package: to Helm's parser it was, or it would not have come this far. */
  otherwise?: (text: HelmText) => Promise<Json[]>;
}

/** A name for those that have none, where one must be. */
const STAND_IN = 'generate-name';

/**
 * The objects of rendered texts: empty documents skipped, lists taken apart. Of a key that is there twice the last counts, as for Helm; Flux
 * refuses it.
 * @throws PlumbError `build-failed` that names the template, `timeout`, `cancelled`
 */
export async function readObjects(texts: readonly HelmText[], options: ReadOptions): Promise<ChartObject[]> {
  const contents = texts.map(({ text }) => Buffer.from(text));
  checkTotal(contents);
  const turn = paced(options);
  const objects: ChartObject[] = [];
  for (const [index, text] of texts.entries()) {
    const { path } = text;
    const values = await valuesIn(text, contents[index] ?? new Uint8Array(), options);
    for (const item of values.flatMap((value) => singleItems(value, path)))
      objects.push({ path, body: objectOf(item, path, options.mayGenerateNames === true) });
    if (objects.length > limits.objects)
      throw buildError(path, `with it the release has more than ${limits.objects} objects`);
    await turn(path);
  }
  return objects;
}

async function valuesIn(text: HelmText, content: Uint8Array, options: ReadOptions): Promise<Json[]> {
  const { reader, warn, otherwise } = options;
  // Lines are counted in what the template gave, not in the template.
  const place = `${text.path} (rendered)`;
  try {
    const documents = parseDocuments(place, content, {
      resolve: reader === 'helm' ? resolveHelm : resolvePlain,
      onDuplicate: (key, line) =>
        warn?.(`${place}:${line}: the key ${shown(key)} is there twice in a map: the last one counts`),
    });
    return documents.map(({ value }) => value);
  } catch (error) {
    if (otherwise === undefined || !isStrange(error, text)) throw error;
    return await otherwise(text).catch(() => {
      throw error;
    });
  }
}

/** Whether it is the syntax that was refused, and not its size. What aliases make of a text that cannot be read here nobody can bound. */
function isStrange(error: unknown, { text }: HelmText): boolean {
  return (
    error instanceof PlumbError && error.cause instanceof YAMLException && !(text.includes('&') && text.includes('*'))
  );
}

function objectOf(item: Json, path: string, mayGenerateNames: boolean): KubeObject {
  const metadata = isObject(item) ? item['metadata'] : undefined;
  if (!mayGenerateNames || !isObject(item) || !isObject(metadata)) return toObject(item, path);
  const { name, generateName } = metadata;
  const isNamed = (name ?? '') !== '';
  if (isNamed || typeof generateName !== 'string' || generateName === '') return toObject(item, path);
  const body = toObject({ ...item, metadata: { ...metadata, name: STAND_IN } }, path);
  return { ...body, metadata: { ...body.metadata, name: '' } };
}
