import type { Json } from '@plumb/api';
import { shown } from '../errors.ts';
import { NotJsonError } from './scalar.ts';

/** What a value must be for its tag to be true. */
const promises: Readonly<Record<string, (value: Json) => boolean>> = {
  '!!int': isNumber,
  '!!float': isNumber,
  '!!bool': (value) => typeof value === 'boolean',
  '!!null': (value) => value === null,
  '!!timestamp': (value) => typeof value === 'string' && /^\d{4}-/.test(value),
};

/** A tag written out whole, `!<tag:yaml.org,2002:int>`, is its short form. */
const verbatim = /^!<tag:yaml\.org,2002:(\w+)>$/;
const base64 = /^(?:[\d+/A-Za-z]{4})*(?:[\d+/A-Za-z]{2}==|[\d+/A-Za-z]{3}=)?$/;

/**
 * A scalar's value under its tag, as kustomize reads it; a tag it does not know makes text.
 * @throws NotJsonError when the text is not what the tag says.
 */
export function resolveTagged(tag: string, text: string, plain: boolean, resolve: (text: string) => Json): Json {
  if (tag === '') return plain ? resolve(text) : text;
  const name = tag.replace(verbatim, '!!$1');
  if (name === '!') return resolve(text);
  if (name === '!!binary') return decodeBinary(text);
  const keeps = Object.hasOwn(promises, name) ? promises[name] : undefined;
  if (keeps === undefined) return text;
  const value = resolve(text);
  if (!keeps(value)) throw new NotJsonError(`${shown(text)} is not what its tag ${name} says`);
  return value;
}

function decodeBinary(text: string): string {
  const digits = text.replaceAll(/[\r\n]/g, '');
  if (!base64.test(digits)) throw new NotJsonError(`${shown(text)} is not what its tag !!binary says: no base64`);
  return Buffer.from(digits, 'base64').toString('utf8');
}

function isNumber(value: Json): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}
