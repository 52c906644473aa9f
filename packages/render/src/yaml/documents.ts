import { PlumbError, printJson } from '@plumb/api';
import type { Json, JsonObject } from '@plumb/api';
import { EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
import type { Event, ScalarEvent } from 'js-yaml';
import { buildError, shown } from '../errors.ts';
import { limits } from '../limits.ts';
import { checkMarks } from './marks.ts';
import { NotJsonError, resolvePlain } from './scalar.ts';
import { resolveTagged } from './tags.ts';

/** One document of a file. Aliases are shared: treat the value as read-only. */
export interface YamlDocument {
  value: Json;
  /** Position in the file, from 0, empty documents counted. */
  index: number;
  /** Line it starts at, from 1. */
  line: number;
}

export interface YamlOptions {
  /** How plain scalars are read. Default: as kustomize reads manifests. */
  resolve?: (text: string) => Json;
  /** Told of a key that is there twice in a map, of which the last counts then. Default: it is a mistake. */
  onDuplicate?: (key: string, line: number) => void;
}

interface Anchor {
  value: Json;
  /** Bytes of the value once every alias in it is written out. */
  weight: number;
  open: boolean;
}

/** Values under metadata.annotations stay the text they are, as kustomize leaves them. */
type Place = 'document' | 'metadata' | 'annotations' | 'annotation' | 'other';

/** What a value takes beside its text, at the least. */
const scalarBytes = 8;
const decoder = new TextDecoder('utf-8', { fatal: true });
/** Files that were put together may have a byte order mark at the start of each. */
const innerOrderMark = /^(---[ \t]*\r?\n)\ufeff/gm;
/** Line ends of YAML 1.1, which kustomize reads, and not of 1.2. */
const oldLineEnd = /[\u0085\u2028\u2029]/;
/** A code point that Unicode has not, escaped: the parser makes another one of it. */
const escapeBeyondUnicode = /(?<!\\)(?:\\\\)*\\U(?!00(?:0[\dA-Fa-f]|10))/;

/**
 * Parses a file of YAML documents.
 * @throws PlumbError `build-failed` that names file and line: bad YAML, not UTF-8, a duplicate key, an anchor that holds itself,
 * more nesting, values, aliases or documents than the bounds allow, and text that kustomize would leave out without a word.
 */
export function parseDocuments(path: string, content: Uint8Array, options: YamlOptions = {}): YamlDocument[] {
  checkMarks(path, content);
  const text = decode(path, content);
  checkLineEnds(path, text);
  return parseAgain(path, text, (read) => {
    const events = parseEvents(read, { maxDepth: limits.yamlDepth });
    return new Composer(path, read, events, options).documents();
  });
}

/**
 * What the parser says of a line within brackets or quotes that stands further left than YAML 1.2 allows, or begins with a tab. kustomize's parser
 * does not mind, and a closing bracket below its key is how many people write. Blanks before such a line say nothing.
 */
const tooFarLeft = 'deficient indentation';
/** How many characters of a file may be read again for that. */
const mostAgain = 8 * 1024 * 1024;

/** Mends lines that stand too far left, or hold a tab before a bracket, until the text can be read. */
function parseAgain<T>(path: string, text: string, parse: (text: string) => T): T {
  let read = text;
  let blanks = '';
  for (let spent = text.length; ; spent += read.length) {
    try {
      return parse(read);
    } catch (error) {
      if (!(error instanceof YAMLException)) throw error;
      const { mark, reason } = error;
      if (blanks === '') blanks = ' '.repeat(deepestIndent(text) + 1);
      const mended =
        reason === tooFarLeft && mark !== undefined && spent < mostAgain ? mendLine(read, mark, blanks) : null;
      const line = mark === undefined ? '' : `:${mark.line + 1}`;
      if (mended === null) throw buildError(`${path}${line}`, `bad YAML: ${reason}`, error);
      read = mended;
    }
  }
}

function deepestIndent(text: string): number {
  let deepest = 0;
  for (const [blanks] of text.matchAll(/^ +/gm)) deepest = Math.max(deepest, blanks.length);
  return deepest;
}

/** @returns null for a line that cannot be mended: it marks the end of a document, or was mended before */
function mendLine(text: string, { line, column }: { line: number; column: number }, blanks: string): string | null {
  const lines = text.split(/(?<=\r\n|\r(?!\n)|\n)/);
  const found = lines[line] ?? '';
  const before = found.slice(0, column);
  if (before.trim() === '') {
    if (found.startsWith(blanks) || /^(?:---|\.\.\.)(?:\s|$)/.test(found)) return null;
    lines[line] = blanks + found;
  } else {
    // A tab before brackets counts as one that indents them. Within quotes it may be text.
    if (!before.includes('\t') || /["']/.test(before)) return null;
    lines[line] = before.replaceAll('\t', ' ') + found.slice(column);
  }
  return lines.join('');
}

/** A document that may be YAML, and has aliases without bound. */
class AliasError extends Error {}

/**
 * Refuses YAML whose aliases would take more than the bounds allow once they are written out. What else may be wrong with it is for others to say.
 * @throws PlumbError `build-failed` that names file and line
 */
export function checkAliases(path: string, content: Uint8Array): void {
  if (!content.includes(ALIAS) || !content.includes(ANCHOR)) return;
  try {
    parseDocuments(path, content);
  } catch (error) {
    if (error instanceof PlumbError && error.cause instanceof AliasError) throw error;
  }
}

const [ANCHOR, ALIAS] = [0x26, 0x2a];

function decode(path: string, content: Uint8Array): string {
  try {
    return decoder.decode(content).replaceAll(innerOrderMark, '$1');
  } catch (error) {
    const wide = (content[0] === 0xff && content[1] === 0xfe) || (content[0] === 0xfe && content[1] === 0xff);
    throw buildError(path, `is not UTF-8 text${wide ? ' but UTF-16: save it as UTF-8' : ''}`, error);
  }
}

function checkLineEnds(path: string, text: string): void {
  const at = text.search(oldLineEnd);
  if (at < 0) return;
  const code = text.charCodeAt(at).toString(16).padStart(4, '0');
  const line = text.slice(0, at).split(/\r\n|\r|\n/).length;
  throw buildError(
    `${path}:${line}`,
    `holds the character U+${code.toUpperCase()}, a line end to kustomize: write it as "\\u${code}" in double quotes`,
  );
}

/** Builds values from the parser's events. */
class Composer {
  readonly #path: string;
  readonly #text: string;
  readonly #events: Event[];
  readonly #resolve: (text: string) => Json;
  readonly #onDuplicate: YamlOptions['onDuplicate'];
  #at = 0;
  /** Furthest place that was read: where an event has no place of its own, being empty. */
  #reached = 0;
  #counted = { offset: 0, line: 1 };
  #anchors = new Map<string, Anchor>();
  #aliases = 0;
  #weight = 0;

  constructor(path: string, text: string, events: Event[], { resolve = resolvePlain, onDuplicate }: YamlOptions) {
    this.#path = path;
    this.#text = text;
    this.#events = events;
    this.#resolve = resolve;
    this.#onDuplicate = onDuplicate;
  }

  documents(): YamlDocument[] {
    const found: YamlDocument[] = [];
    let closed = false;
    while (this.#at < this.#events.length) {
      const index = found.length;
      if (index >= limits.documents)
        throw buildError(this.#path, `holds more than ${limits.documents} documents: split the file`);
      const start = this.#next();
      this.#anchors = new Map();
      this.#aliases = 0;
      this.#weight = 0;
      const offset = startOf(this.#events[this.#at]);
      if (start.type === EVENT_ID.DOCUMENT) {
        if (closed && !start.explicitStart)
          throw this.#error(offset, "kustomize leaves out what follows '...': start the next document with '---'");
        closed = start.explicitEnd;
      }
      let value: Json = null;
      while (this.#events[this.#at]?.type !== EVENT_ID.POP) value = this.#node('document');
      this.#next();
      found.push({ value, index, line: this.#line(offset < 0 ? this.#reached : offset) });
    }
    return found;
  }

  #next(): Event {
    const event = this.#events[this.#at++];
    if (event === undefined) throw buildError(this.#path, 'bad YAML: unexpected end');
    this.#reached = Math.max(this.#reached, startOf(event));
    return event;
  }

  #node(place: Place): Json {
    const event = this.#next();
    switch (event.type) {
      case EVENT_ID.SCALAR: {
        const value = this.#scalar(event, place);
        return this.#anchored(event, () => value);
      }
      case EVENT_ID.MAPPING:
        return this.#anchored(event, () => this.#mapping(place));
      case EVENT_ID.SEQUENCE:
        return this.#anchored(event, () => this.#sequence());
      case EVENT_ID.ALIAS:
        return this.#alias(this.#text.slice(event.anchorStart, event.anchorEnd), event.anchorStart);
      default:
        throw buildError(this.#path, 'bad YAML: unexpected end');
    }
  }

  #anchored(event: { anchorStart: number; anchorEnd: number }, build: () => Json): Json {
    if (event.anchorStart < 0) return build();
    const anchor: Anchor = { value: null, weight: 0, open: true };
    this.#anchors.set(this.#text.slice(event.anchorStart, event.anchorEnd), anchor);
    const before = this.#weight;
    anchor.value = build();
    anchor.weight = this.#weight - before + 1;
    anchor.open = false;
    return anchor.value;
  }

  #alias(name: string, offset: number): Json {
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) throw this.#error(offset, `alias ${shown(name)} has no anchor`);
    if (anchor.open) throw this.#error(offset, `anchor ${shown(name)} contains itself`, new AliasError());
    if (++this.#aliases > limits.aliases)
      throw this.#error(offset, `more than ${limits.aliases} aliases in one document`, new AliasError());
    this.#grow(anchor.weight, offset);
    return anchor.value;
  }

  #grow(bytes: number, offset: number): void {
    this.#weight += bytes;
    if (this.#weight <= limits.expandedBytes) return;
    throw this.#error(
      offset,
      `the document is larger than ${limits.expandedBytes} bytes once its aliases are written out`,
      new AliasError(),
    );
  }

  #sequence(): Json[] {
    const items: Json[] = [];
    while (this.#events[this.#at]?.type !== EVENT_ID.POP) items.push(this.#node('other'));
    this.#next();
    return items;
  }

  #mapping(place: Place): JsonObject {
    const map: JsonObject = {};
    const merges: { value: Json; offset: number }[] = [];
    while (this.#events[this.#at]?.type !== EVENT_ID.POP) {
      const event = this.#events[this.#at];
      const offset = startOf(event);
      if (event?.type === EVENT_ID.SCALAR && this.#isMerge(event)) {
        this.#next();
        if (merges.length > 0) throw this.#error(offset, "duplicate key '<<'");
        merges.push({ value: this.#node('other'), offset });
        continue;
      }
      const key = this.#key(offset);
      if (key === '<<') throw this.#error(offset, "kustomize leaves out a quoted key '<<': use another name");
      if (Object.hasOwn(map, key)) this.#duplicate(key, offset);
      put(map, key, this.#node(placeOf(place, key)));
    }
    this.#next();
    for (const { value, offset } of merges) this.#merge(map, value, offset);
    return map;
  }

  #duplicate(key: string, offset: number): void {
    if (this.#onDuplicate === undefined) throw this.#error(offset, `duplicate key ${shown(key)}`);
    this.#onDuplicate(key, this.#line(offset < 0 ? this.#reached : offset));
  }

  #isMerge(event: ScalarEvent): boolean {
    if (event.valueEnd - event.valueStart !== 2 || event.style !== SCALAR_STYLE.PLAIN) return false;
    return this.#text.startsWith('<<', event.valueStart) && ['', '!!merge'].includes(this.#tag(event));
  }

  /** Keys are strings; an integer or a boolean stands for its text, anything else is a mistake. */
  #key(offset: number): string {
    const event = this.#events[this.#at];
    const key = this.#node('other');
    const isDate = event?.type === EVENT_ID.SCALAR && getScalarValue(this.#text, event) !== key;
    if (typeof key === 'string' && !isDate) return key;
    if (typeof key === 'boolean' || typeof key === 'bigint' || Number.isInteger(key)) return printJson(key);
    throw this.#error(offset, 'a map key must be a string: quote it');
  }

  /** Keys of the map itself win over merged ones, earlier merged maps over later ones. */
  #merge(map: JsonObject, value: Json, offset: number): void {
    for (const source of Array.isArray(value) ? value : [value]) {
      if (!isObject(source)) throw this.#error(offset, "'<<' takes a map or a list of maps");
      for (const [key, part] of Object.entries(source)) {
        if (!Object.hasOwn(map, key)) put(map, key, part);
      }
    }
  }

  #scalar(event: ScalarEvent, place: Place): Json {
    const text = getScalarValue(this.#text, event);
    this.#grow(text.length + scalarBytes, event.valueStart);
    if (place === 'annotation') return text;
    this.#checkTag(event);
    this.#checkText(event, text);
    try {
      return resolveTagged(this.#tag(event), text, event.style === SCALAR_STYLE.PLAIN, this.#resolve);
    } catch (error) {
      if (!(error instanceof NotJsonError)) throw error;
      throw this.#error(event.valueStart, error.message);
    }
  }

  #tag(event: ScalarEvent): string {
    return event.tagStart < 0 ? '' : this.#text.slice(event.tagStart, event.tagEnd);
  }

  /** kustomize takes what follows a tag at once for a part of it, and the next value for the tagged one. */
  #checkTag(event: ScalarEvent): void {
    if (event.tagStart >= 0 && ',[]{}'.includes(this.#text.charAt(event.tagEnd) || ' '))
      throw this.#error(event.tagStart, `the tag ${shown(this.#tag(event))} must be followed by a blank`);
  }

  /** Only escapes can spell what UTF-8 cannot hold. */
  #checkText(event: ScalarEvent, text: string): void {
    if (event.style !== SCALAR_STYLE.DOUBLE_QUOTED) return;
    if (!text.isWellFormed()) throw this.#error(event.valueStart, 'half of a surrogate pair is no character');
    const written = this.#text.slice(event.valueStart, event.valueEnd);
    if (written.includes('\\U') && escapeBeyondUnicode.test(written))
      throw this.#error(event.valueStart, 'an escape names a character that Unicode has not');
  }

  #error(offset: number, what: string, cause?: Error): Error {
    return buildError(`${this.#path}:${this.#line(offset < 0 ? this.#reached : offset)}`, what, cause);
  }

  /** Counts on from the last line asked for: documents ask one after another, and a file may hold thousands. */
  #line(offset: number): number {
    if (offset < this.#counted.offset) this.#counted = { offset: 0, line: 1 };
    let { offset: at, line } = this.#counted;
    for (; at < offset; at += 1) {
      const code = this.#text.charCodeAt(at);
      if (code === 10 || (code === 13 && this.#text.charCodeAt(at + 1) !== 10)) line += 1;
    }
    this.#counted = { offset, line };
    return line;
  }
}

function startOf(event: Event | undefined): number {
  if (event === undefined) return -1;
  if ('valueStart' in event) return event.valueStart;
  if ('start' in event) return event.start;
  return 'anchorStart' in event ? event.anchorStart : -1;
}

function placeOf(parent: Place, key: string): Place {
  if (parent === 'document' && key === 'metadata') return 'metadata';
  if (parent === 'metadata' && key === 'annotations') return 'annotations';
  if (parent === 'annotations') return 'annotation';
  return 'other';
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A plain assignment to `__proto__` would set the prototype. */
function put(map: JsonObject, key: string, value: Json): void {
  if (key === '__proto__')
    Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}
