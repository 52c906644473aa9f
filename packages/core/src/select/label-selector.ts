/** What a selector asks of one label. */
interface Requirement {
  key: string;
  operator: 'exists' | 'absent' | 'in' | 'notin' | 'above' | 'below';
  values: readonly string[];
}

export type LabelSelector = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = /^(?:[a-z\d](?:[a-z\d.-]{0,251}[a-z\d])?\/)?[A-Za-z\d](?:[\w.-]{0,61}[A-Za-z\d])?$/;
const VALUE = /^(?:[A-Za-z\d](?:[\w.-]{0,61}[A-Za-z\d])?)?$/;
const WORD = /[^\s(),!=<>]+/y;
const OPERATOR = /==|!=|=|>|</y;

/**
 * Reads a label selector as Kubernetes writes it (apimachinery labels.Parse): `app=cart,tier!=web,env in (a,b),!old,size>3`. A label that
 * is not there fulfils `!=` and `notin`.
 * @returns what is wrong with it, as text, when it cannot be read
 */
export function parseLabelSelector(text: string): LabelSelector | string {
  const requirements = readRequirements(text);
  if (typeof requirements === 'string') return requirements;
  return (labels) => requirements.every((requirement) => fulfils(labels, requirement));
}

/**
 * The same text for selectors that ask the same in other words: other blanks, another order, `a=b` or `a in (b)`. Empty for one that asks nothing.
 * @returns null when it cannot be read
 */
export function plainLabelSelector(text: string): string | null {
  const requirements = readRequirements(text);
  if (typeof requirements === 'string') return null;
  const plain = requirements.map(({ key, operator, values }) => `${key} ${operator} (${sortedOnce(values).join(',')})`);
  return sortedOnce(plain).join(',');
}

const sortedOnce = (texts: readonly string[]): string[] => [...new Set(texts)].sort();

function readRequirements(text: string): Requirement[] | string {
  const requirements: Requirement[] = [];
  const reader = new Reader(text);
  if (reader.atEnd) return requirements;
  do {
    const requirement = readRequirement(reader);
    if (typeof requirement === 'string') return requirement;
    requirements.push(requirement);
  } while (reader.takes(','));
  return reader.atEnd ? requirements : `unexpected "${reader.rest}"`;
}

function readRequirement(reader: Reader): Requirement | string {
  const isAbsent = reader.takes('!');
  const key = reader.word();
  if (key === null || !KEY.test(key)) return `"${key ?? reader.rest}" is no label key`;
  if (isAbsent) return { key, operator: 'absent', values: [] };
  if (reader.atEnd || reader.isAt(',')) return { key, operator: 'exists', values: [] };
  const symbol = reader.operator();
  if (symbol !== null) return readComparison(reader, key, symbol);
  const set = reader.word();
  if (set !== 'in' && set !== 'notin') return `"${set ?? reader.rest}" is no operator; use =, !=, in, notin, > or <`;
  const values = readSet(reader);
  if (typeof values === 'string') return values;
  return flawOf(values) ?? { key, operator: set, values };
}

function readComparison(reader: Reader, key: string, symbol: string): Requirement | string {
  const value = reader.word() ?? '';
  if (symbol === '>' || symbol === '<') {
    if (!/^[+-]?\d+$/.test(value)) return `"${value}" after ${symbol} is no integer`;
    return { key, operator: symbol === '>' ? 'above' : 'below', values: [value] };
  }
  return flawOf([value]) ?? { key, operator: symbol === '!=' ? 'notin' : 'in', values: [value] };
}

function readSet(reader: Reader): string[] | string {
  if (!reader.takes('(')) return `expected "(" before "${reader.rest}"`;
  const values = [reader.word() ?? ''];
  while (reader.takes(',')) values.push(reader.word() ?? '');
  return reader.takes(')') ? values : `expected ")" before "${reader.rest}"`;
}

function flawOf(values: readonly string[]): string | null {
  const bad = values.find((value) => !VALUE.test(value));
  return bad === undefined ? null : `"${bad}" is no label value`;
}

function fulfils(labels: Readonly<Record<string, string>>, { key, operator, values }: Requirement): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && values.includes(value);
    case 'notin':
      return value === undefined || !values.includes(value);
    default:
      return isBeyond(value, operator, values[0] ?? '');
  }
}

function isBeyond(value: string | undefined, operator: 'above' | 'below', bound: string): boolean {
  if (value === undefined || !/^[+-]?\d+$/.test(value)) return false;
  const [is, limit] = [BigInt(value.replace('+', '')), BigInt(bound.replace('+', ''))];
  return operator === 'above' ? is > limit : is < limit;
}

/** Reads a text from left to right; blanks between its parts do not count. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skip();
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  /** What is still to be read, for people. */
  get rest(): string {
    return this.#text.slice(this.#at, this.#at + 40);
  }

  isAt(sign: string): boolean {
    return this.#text.startsWith(sign, this.#at);
  }

  takes(sign: string): boolean {
    // `!=` is an operator, not the sign that a label must be absent.
    if (!this.isAt(sign) || (sign === '!' && this.isAt('!='))) return false;
    this.#at += sign.length;
    this.#skip();
    return true;
  }

  word(): string | null {
    return this.#match(WORD);
  }

  operator(): string | null {
    return this.#match(OPERATOR);
  }

  #match(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found === null) return null;
    this.#at += found.length;
    this.#skip();
    return found;
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}
