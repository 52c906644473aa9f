type Labels<Name extends string = string> = Readonly<Record<Name, string>>;

/** Adds to a counter's series. */
export type Count<Name extends string> = (labels: Labels<Name>, by?: number) => void;
/** Notes one duration. */
export type Observe<Name extends string> = (labels: Labels<Name>, seconds: number) => void;

/** Seconds; wide enough for a read from memory and a rollout that runs into its timeout. */
const BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900];

interface Series {
  labels: string;
  value: number;
}

interface Distribution {
  labels: string;
  counts: number[];
  sum: number;
  count: number;
}

interface Family {
  name: string;
  help: string;
  type: 'counter' | 'gauge' | 'histogram';
  series: Map<string, Series>;
  distributions: Map<string, Distribution>;
  read: (() => Iterable<Reading>) | null;
}

/** One value of a gauge; without labels it is the only one. */
interface Reading<Name extends string = string> {
  labels?: Labels<Name>;
  value: number;
}

/**
 * A registry in Prometheus' text format. A family is declared once, with its help and the names of its labels, all as literals: the reference
 * page is made from them. A series is made by its first use.
 */
export class Metrics {
  readonly #families = new Map<string, Family>();

  counter<const Name extends string>(name: string, help: string, _labels: readonly Name[]): Count<Name> {
    const { series } = this.#declare(name, help, 'counter', null);
    return (labels, by = 1) => {
      const one = seriesOf(series, labels);
      one.value += by;
    };
  }

  histogram<const Name extends string>(name: string, help: string, _labels: readonly Name[]): Observe<Name> {
    const { distributions } = this.#declare(name, help, 'histogram', null);
    return (labels, seconds) => observeIn(distributions, labels, seconds);
  }

  /** A gauge whose value is read when it is asked for. */
  gauge(name: string, help: string, read: () => number): void {
    this.#declare(name, help, 'gauge', () => [{ value: read() }]);
  }

  /** A gauge with a value for each of some labels. */
  gauges<const Name extends string>(
    name: string,
    help: string,
    _labels: readonly Name[],
    read: () => Iterable<Required<Reading<Name>>>,
  ): void {
    this.#declare(name, help, 'gauge', read);
  }

  /** Drops every series that carries all of these labels: its object is gone. */
  forget(labels: Labels): void {
    const parts = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
    const matches = (id: string): boolean => parts.every((part) => id.includes(part));
    for (const { series, distributions } of this.#families.values()) {
      for (const id of series.keys()) if (matches(id)) series.delete(id);
      for (const id of distributions.keys()) if (matches(id)) distributions.delete(id);
    }
  }

  /** The text of the metrics page. */
  *lines(): Generator<string> {
    for (const family of this.#families.values()) {
      yield `# HELP ${family.name} ${family.help}`;
      yield `# TYPE ${family.name} ${family.type}`;
      for (const { labels, value } of family.read?.() ?? []) yield `${family.name}${bracketed(labels)} ${value}`;
      for (const { labels, value } of family.series.values()) yield `${family.name}{${labels}} ${value}`;
      for (const distribution of family.distributions.values()) yield* distributionLines(family.name, distribution);
    }
  }

  /** The sum of a counter over all its series; for tests and benchmarks. */
  total(name: string): number {
    let sum = 0;
    for (const { value } of this.#families.get(name)?.series.values() ?? []) sum += value;
    return sum;
  }

  #declare(name: string, help: string, type: Family['type'], read: Family['read']): Family {
    const family: Family = { name, help, type, series: new Map(), distributions: new Map(), read };
    this.#families.set(name, family);
    return family;
  }
}

function* distributionLines(name: string, { labels, counts, sum, count }: Distribution): Generator<string> {
  for (const [index, bound] of BUCKETS.entries()) yield `${name}_bucket{${labels},le="${bound}"} ${counts[index] ?? 0}`;
  yield `${name}_bucket{${labels},le="+Inf"} ${count}`;
  yield `${name}_sum{${labels}} ${sum}`;
  yield `${name}_count{${labels}} ${count}`;
}

function observeIn(distributions: Map<string, Distribution>, labels: Labels, seconds: number): void {
  const id = labelText(labels);
  const known = distributions.get(id) ?? { labels: id, counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
  distributions.set(id, known);
  known.sum += seconds;
  known.count += 1;
  for (const [index, bound] of BUCKETS.entries()) {
    if (seconds <= bound) known.counts[index] = (known.counts[index] ?? 0) + 1;
  }
}

function seriesOf(all: Map<string, Series>, labels: Labels): Series {
  const id = labelText(labels);
  const series = all.get(id) ?? { labels: id, value: 0 };
  all.set(id, series);
  return series;
}

function bracketed(labels: Labels | undefined): string {
  return labels === undefined ? '' : `{${labelText(labels)}}`;
}

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escape(value)}"`)
    .join(',');
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
