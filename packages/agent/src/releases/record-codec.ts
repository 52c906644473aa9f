import { promisify } from 'node:util';
import { constants, gunzip, gzip } from 'node:zlib';
import { parseJson, PlumbError, printJson, userError } from '@plumb/api';
import type { Json } from '@plumb/api';
import { Limit } from '../runtime/limit.ts';
import type { ReleaseRecord } from './record.ts';

const pack = promisify(gzip);
const unpack = promisify(gunzip);
/** Each takes a quarter of a megabyte while it waits for a thread, which the C library keeps ever after. */
const zipping = new Limit(2);

/** What a Secret holds at most, all its values together (kubernetes pkg/apis/core, MaxSecretSize). */
export const MAX_SECRET = 1024 * 1024;
/** What a record unpacks to at most; Helm knows no limit. */
export const MAX_UNPACKED = 64 * 1024 * 1024;
const MAX_DEPTH = 200;

/** How Helm knows a packed record from one of its early days. */
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b, 0x08]);

/** Helm's order of fields; others follow. */
const FIELDS = [
  'name',
  'info',
  'chart',
  'config',
  'manifest',
  'hooks',
  'version',
  'namespace',
  'apply_method',
] as const;

/**
 * The value of `data.release` in a Secret: base64 of base64 of the zipped JSON (helm pkg/storage/driver/util.go), the outer one being the API's.
 * @param secret what to call the Secret in an error
 * @throws PlumbError `storage-failed` when it is more than a Secret holds
 */
export async function packRecord(record: ReleaseRecord, secret: string): Promise<string> {
  const zipped = await zipping.run(() => pack(printJson(inOrder(record)), { level: constants.Z_BEST_COMPRESSION }));
  const text = zipped.toString('base64');
  if (text.length > MAX_SECRET) {
    throw userError(
      'storage-failed',
      `${secret} cannot hold the release: it takes ${text.length} bytes, and a Secret holds ${MAX_SECRET}; leave files that no template reads out of the chart, with a .helmignore`,
    );
  }
  return Buffer.from(text).toString('base64');
}

function inOrder(record: ReleaseRecord): Record<string, unknown> {
  const { labels: _labels, ...rest } = record;
  const fields = new Map<string, unknown>(Object.entries(rest));
  const ordered = new Map<string, unknown>(FIELDS.map((name) => [name, fields.get(name)]));
  return Object.fromEntries([...ordered, ...[...fields].filter(([name]) => !ordered.has(name))]);
}

/**
 * Reads the value of `data.release` in a Secret. Numbers keep all their digits; fields nobody here knows stay.
 * @param secret what to call the Secret in an error, which says nothing of its content
 * @throws PlumbError `storage-failed` for what is no record, or a larger one than the limits allow
 */
export async function unpackRecord(value: unknown, secret: string): Promise<ReleaseRecord> {
  const bytes = bytesOf(value, secret);
  const isZipped = bytes.subarray(0, GZIP_MAGIC.length).equals(GZIP_MAGIC);
  const json = isZipped ? await unzipped(bytes, secret) : bytes;
  return recordIn(parsed(json, secret), secret);
}

function bytesOf(value: unknown, secret: string): Buffer {
  if (typeof value !== 'string' || value === '') throw broken(secret, "it has no key 'release'");
  if (value.length > (MAX_SECRET / 3) * 4 + 4) throw broken(secret, `it holds more than ${MAX_SECRET} bytes`);
  const bytes = Buffer.from(Buffer.from(value, 'base64').toString('latin1'), 'base64');
  if (bytes.length === 0) throw broken(secret, "'release' is not base64");
  return bytes;
}

async function unzipped(bytes: Buffer, secret: string): Promise<Buffer> {
  try {
    return await zipping.run(() => unpack(bytes, { maxOutputLength: MAX_UNPACKED }));
  } catch (error) {
    const isLarge = error instanceof RangeError;
    throw broken(secret, isLarge ? `it unpacks to more than ${MAX_UNPACKED} bytes` : "'release' cannot be unzipped");
  }
}

function parsed(json: Buffer, secret: string): Json {
  let value: Json;
  try {
    value = parseJson(json.toString('utf8'));
  } catch {
    // What JSON.parse says of an error quotes the text.
    throw broken(secret, "'release' is not JSON");
  }
  if (!isWithinDepth(value)) throw broken(secret, `it is nested deeper than ${MAX_DEPTH} levels`);
  return value;
}

/** Level by level, so that no depth is too much for it. */
function isWithinDepth(root: Json): boolean {
  let level: unknown[] = [root];
  for (let depth = 0; depth < MAX_DEPTH; depth += 1) {
    level = level.flatMap((value) => (typeof value === 'object' && value !== null ? Object.values(value) : []));
    if (level.length === 0) return true;
  }
  return false;
}

type Fields = Record<string, Json>;

/** What every record has to be like for what is read of it here. Go writes null for an absent map or list in some places. */
const RULES: readonly (readonly [flaw: string, holds: (record: Fields) => boolean])[] = [
  ["'name' is missing", ({ name }) => typeof name === 'string' && name !== ''],
  ["'version' is no positive number", ({ version }) => typeof version === 'number' && version >= 1],
  ["'namespace' is no text", ({ namespace }) => isText(namespace)],
  ["'manifest' is no text", ({ manifest }) => isText(manifest)],
  ["'info' is no map", ({ info }) => isMap(info)],
  ["'info.status' is no text", ({ info }) => isMap(info) && isText(info['status'])],
  ["'chart' is no map", ({ chart }) => isMap(chart ?? {})],
  ["'chart.metadata' is no map", ({ chart }) => !isMap(chart) || isMap(chart['metadata'] ?? {})],
  ["'config' is no map", ({ config }) => isMap(config ?? {})],
  ["'hooks' is no list of maps", ({ hooks }) => Array.isArray(hooks ?? []) && Object.values(hooks ?? []).every(isMap)],
];

function recordIn(value: Json, secret: string): ReleaseRecord {
  if (!isMap(value)) throw broken(secret, 'it is no map of fields');
  const [flaw] = RULES.find(([, holds]) => !holds(value)) ?? [];
  if (flaw !== undefined) throw broken(secret, flaw);
  const present = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(present) as unknown as ReleaseRecord;
}

function isText(value: unknown): boolean {
  return typeof value === 'string' || value === undefined || value === null;
}

function isMap(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Trying again may help: somebody may put the Secret right, and nothing tells when. */
export function broken(secret: string, flaw: string): PlumbError {
  return new PlumbError(
    'storage-failed',
    `${secret} holds no release that can be read: ${flaw}; restore it, or delete it to go on from the release before`,
    { fault: 'user', policy: 'retry' },
  );
}
