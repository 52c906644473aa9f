import type { Json, JsonObject, KubeObject } from '@plumb/api';
import { parseJson, printJson } from '@plumb/api';
import type { Decrypted, EncryptedFile, FileToDecrypt } from '@plumb/engine';
import type { Declared } from './declared.ts';
import { toObject } from './declared.ts';
import { encryptedFormat, formatOf, isEncryptedAs, isEncryptedValue, macOf, staysEncrypted } from './encrypted.ts';
import { buildError } from './errors.ts';
import type { Declaration } from './kustomize.ts';
import { secretPieces } from './mask.ts';
import { toldName } from './object-name.ts';
import type { Reached } from './reach.ts';
import { Sources } from './sources.ts';
import { checkAliases, isObject } from './yaml/documents.ts';

/**
 * Opens encrypted files, one answer for each in order. The keys are the caller's business.
 * @throws PlumbError for what concerns no single file: no key could be read, the helper died, time is up
 */
export type Decrypt = (files: readonly FileToDecrypt[], sources: readonly EncryptedFile[]) => Promise<Decrypted[]>;

/**
 * Opens what generators and patches read, before kustomize does.
 * @returns what stood in them
 * @throws PlumbError `build-failed` that names the file, never a value
 */
export async function decryptInputs(reached: Reached, decrypt: Decrypt): Promise<string[]> {
  const found = [...reached.inputs].flatMap(([path, formats]) => {
    const content = reached.files.get(path);
    const format = content && [...formats].find((one) => isEncryptedAs(one, content));
    return content && format ? [{ path, file: { content, format, outputFormat: format } satisfies FileToDecrypt }] : [];
  });
  if (found.length === 0) return [];
  const answers = await decrypt(
    found.map(({ file }) => file),
    [],
  );
  return found.flatMap(({ path, file }, index) => {
    const answer = answers[index];
    if (answer === undefined || 'error' in answer)
      throw buildError(path, `error decrypting sources: ${answer?.error ?? 'no answer'}`);
    if (reached.parsed.has(path)) checkOpened(path, answer.content);
    reached.files.set(path, answer.content);
    return secretPieces(file.content, answer.content);
  });
}

/** As the file of a patch: what is told of it may be no part of what was encrypted. */
function checkOpened(path: string, content: Uint8Array): void {
  try {
    checkAliases(path, content);
  } catch {
    throw buildError(
      path,
      'what was encrypted in it has aliases that hold themselves, or grow too large once they are written out',
    );
  }
}

/** One thing to decrypt of an object, and what to do with the answer. */
interface Task {
  declared: Declared;
  file: FileToDecrypt;
  source: EncryptedFile | null;
  /** As Flux names it in an error. */
  what: string;
  take(plain: Uint8Array): void;
}

/**
 * Opens the built objects that were encrypted in place, and the files in Secrets that are encrypted (kustomize-controller: DecryptResource).
 * An object that is annotated with `kustomize.toolkit.fluxcd.io/decrypt: Disabled` stays as it is.
 * @throws PlumbError `build-failed` that names the object, never a value
 */
export async function decryptObjects(
  { declared, files: declaredIn }: Pick<Declaration, 'declared' | 'files'>,
  decrypt: Decrypt,
): Promise<Pick<Declaration, 'declared' | 'secrets'>> {
  const result = [...declared];
  const secrets: string[] = [];
  const sources = new Sources(declaredIn);
  const tasks = declared.flatMap((item, index) =>
    tasksOf(item, sources, (body) => {
      secrets.push(...openedTexts(item.body as JsonObject, body as JsonObject));
      result[index] = { ...item, body, told: toldName(item) };
    }),
  );
  if (tasks.length === 0) return { declared: result, secrets };
  const used = [...new Set(tasks.flatMap(({ source }) => source ?? []))];
  const files = tasks.map(({ file, source }) => (source === null ? file : { ...file, source: used.indexOf(source) }));
  const answers = await decrypt(files, used);
  for (const [index, { declared: item, what, take }] of tasks.entries()) {
    const answer = answers[index];
    if (answer === undefined || 'error' in answer) throw failed(item, `${what}: ${answer?.error ?? 'no answer'}`);
    take(answer.content);
  }
  return { declared: result, secrets };
}

/** The texts of an object that were encrypted values. */
function openedTexts(encrypted: Json | undefined, plain: Json | undefined): string[] {
  if (typeof encrypted === 'string') return isEncryptedValue(encrypted) && plain !== undefined ? [textOf(plain)] : [];
  if (typeof encrypted !== 'object' || encrypted === null || typeof plain !== 'object' || plain === null) return [];
  return Object.entries(encrypted).flatMap(([key, value]) => openedTexts(value, (plain as JsonObject)[key]));
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : printJson(value);
}

function tasksOf(declared: Declared, sources: Sources, replace: (body: KubeObject) => void): Task[] {
  const { body, origin, file = origin.path } = declared;
  if (staysEncrypted(body)) return [];
  const mac = macOf(body);
  if (mac !== null) return [inPlace(declared, sources.of(mac, file), replace)];
  if (body.kind !== 'Secret') return [];
  const data: JsonObject = isObject(body['data']) ? { ...body['data'] } : {};
  const stringData: JsonObject = isObject(body['stringData']) ? { ...body['stringData'] } : {};
  const values = [
    ...Object.entries(data).map((entry) => [...entry, 'base64'] as const),
    ...Object.entries(stringData).map((entry) => [...entry, 'utf8'] as const),
  ];
  return values.flatMap(([key, value, encoding]) => {
    const file = encryptedValue(key, value, encoding);
    if (file === null) return [];
    // What was opened may be no text: it goes where bytes may stand, and nothing else under its name keeps it out.
    const take = (plain: Uint8Array): void => {
      data[key] = Buffer.from(plain).toString('base64');
      if (encoding === 'utf8') delete stringData[key];
      const { stringData: _before, ...rest } = body;
      replace({ ...rest, data, ...(Object.keys(stringData).length > 0 && { stringData }) });
    };
    const what = `failed to decrypt and format '${shortName(body)}' Secret field '${key}'`;
    return [{ declared, file, source: null, what, take }];
  });
}

/** The object's own JSON is opened: it has the values that kustomize gave it. */
function inPlace(declared: Declared, source: EncryptedFile | null, replace: (body: KubeObject) => void): Task {
  const { body, place } = declared;
  return {
    declared,
    file: { content: Buffer.from(printJson(body)), format: 'json', outputFormat: 'json' },
    source,
    what: `failed to decrypt and format '${shortName(body)}' ${body.kind} data`,
    take: (plain) => {
      const json = jsonOf(plain);
      if (json === undefined)
        throw failed(declared, `failed to unmarshal decrypted '${shortName(body)}' ${body.kind} to JSON`);
      replace(toObject(json, place, toldName(declared)));
    },
  };
}

/** The file a Secret holds under a key, if it is an encrypted one. */
function encryptedValue(key: string, value: Json, encoding: 'base64' | 'utf8'): FileToDecrypt | null {
  if (typeof value !== 'string') return null;
  const content = Buffer.from(value, encoding);
  const format = encryptedFormat(content);
  return format === null ? null : { content, format, outputFormat: formatOf(key) };
}

function jsonOf(plain: Uint8Array): Json | undefined {
  try {
    return parseJson(Buffer.from(plain).toString());
  } catch {
    // The parser's error quotes what it cannot read.
    return undefined;
  }
}

function failed(declared: Declared, what: string): Error {
  return buildError(declared.place, `decryption failed for '${toldName(declared)}': ${what}`);
}

function shortName({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}
