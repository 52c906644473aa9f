import type { Container, Pod } from './pod.ts';

/** How one container acts once its pod is on a node. Times are in milliseconds. */
export interface Behaviour {
  image: 'present' | 'missing';
  /** Whether and how long after starting it becomes ready. */
  readyAfter: number | 'never';
  /** When its process ends, and with what; null runs until the pod goes. */
  ends: { after: number; code: number } | null;
  /** Words nobody knows: the container does not start and says so. */
  unknown: readonly string[];
}

/**
 * The annotation of a pod (of a pod template, that is) that scripts it: words separated by commas.
 *
 * | word              | also the tag of an image | what the container does |
 * |-------------------|--------------------------|-------------------------|
 * | `crash-loop`      | `crash`                  | exits with code 1 after a second, never ready; restarted after 10, 20, 40 … 300 s |
 * | `image-pull-error`| `missing`                | never starts: ImagePullBackOff |
 * | `slow-start=20s`  | `slow` (10 s)            | becomes ready that much later |
 * | `never-ready`     | `unready`                | runs, its readiness probe never succeeds |
 * | `fail`            | `fail`                   | exits with code 1: a Job's pod fails |
 * | `exit=3`          |                          | exits with that code |
 * | `run=5s`          |                          | how long it runs before it exits, where it does (a second otherwise) |
 *
 * Without a word a container runs for good; one of a Job (restartPolicy OnFailure or Never) exits with code 0 after a second.
 * A tag counts whole or by what follows its last dash: `cart:crash`, `cart:1.4.0-crash`. The annotation wins over tags.
 */
export const BEHAVIOUR_ANNOTATION = 'sandbox.plumb.dev/behaviour';

const TAGS: Readonly<Record<string, string>> = {
  crash: 'crash-loop',
  missing: 'image-pull-error',
  slow: 'slow-start=10s',
  unready: 'never-ready',
  fail: 'fail',
};

const DEFAULT_RUN = 1000;
/** A probe's initial delay is honoured up to this: nobody waits minutes for a simulation. */
const LONGEST_PROBE_DELAY = 10_000;

export function behaviourOf(pod: Pod, container: Container): Behaviour {
  const written = pod.metadata.annotations?.[BEHAVIOUR_ANNOTATION];
  const words = written === undefined ? wordsOfImage(container.image ?? '') : split(written);
  const finite = (pod.spec.restartPolicy ?? 'Always') !== 'Always' && container.restartPolicy !== 'Always';
  const start: Behaviour = {
    image: 'present',
    readyAfter: probeDelay(container),
    ends: finite ? { after: DEFAULT_RUN, code: 0 } : null,
    unknown: [],
  };
  // `run` comes last, so that it applies to the exit the other words ask for.
  const ordered = words.toSorted((left, right) => Number(left.startsWith('run=')) - Number(right.startsWith('run=')));
  return ordered.reduce((behaviour, word) => ({ ...behaviour, ...effectOf(word, behaviour) }), start);
}

function effectOf(word: string, so: Behaviour): Partial<Behaviour> {
  const [name = '', value = ''] = word.split('=', 2);
  const time = milliseconds(value);
  if (word === 'crash-loop') return { ends: { after: DEFAULT_RUN, code: 1 }, readyAfter: 'never' };
  if (word === 'fail') return { ends: { after: DEFAULT_RUN, code: 1 } };
  if (word === 'image-pull-error') return { image: 'missing' };
  if (word === 'never-ready') return { readyAfter: 'never' };
  if (name === 'exit' && /^\d{1,3}$/.test(value)) return { ends: { after: DEFAULT_RUN, code: Number(value) } };
  if (name === 'slow-start' && time !== null) return { readyAfter: time };
  if (name === 'run' && time !== null) return so.ends === null ? {} : { ends: { ...so.ends, after: time } };
  return { unknown: [...so.unknown, word] };
}

function split(annotation: string): string[] {
  return annotation
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

function wordsOfImage(image: string): string[] {
  const reference = image.split('@', 1)[0] ?? '';
  const tag = /:(?<tag>[^:/]+)$/.exec(reference)?.groups?.['tag'] ?? '';
  const word = TAGS[tag.slice(tag.lastIndexOf('-') + 1)];
  return word === undefined ? [] : [word];
}

function milliseconds(text: string): number | null {
  const match = /^(?<amount>\d{1,5})(?<unit>ms|s|m)$/.exec(text);
  if (match?.groups === undefined) return null;
  const unit = { ms: 1, s: 1000, m: 60_000 }[match.groups['unit'] as 'ms' | 's' | 'm'];
  return Number(match.groups['amount']) * unit;
}

function probeDelay(container: Container): number {
  const seconds =
    (container.startupProbe?.initialDelaySeconds ?? 0) + (container.readinessProbe?.initialDelaySeconds ?? 0);
  return Math.min(seconds * 1000, LONGEST_PROBE_DELAY);
}
