import { createHash } from 'node:crypto';
import { userError } from '@plumb/api';
import { matchesPath, mayMatchBelow, parsePattern, type Pattern } from './pattern.ts';

/** Patterns of one `.sourceignore` (or spec.ignore) and the folder they speak of; '' is the root. */
export interface IgnoreText {
  dir: string;
  text: string;
}

/** Always excluded. */
const VCS = ['.git/', '.gitignore', '.gitmodules', '.gitattributes'];

/** Excluded as long as nobody states a pattern: see Flux, "Source > GitRepository > Excluding files". */
const EXTENSIONS = ['*.jpg', '*.jpeg', '*.gif', '*.png', '*.wmv', '*.flv', '*.tar.gz', '*.zip'];
const PIPELINES = [
  '.github/',
  '.circleci/',
  '.travis.yml',
  '.gitlab-ci.yml',
  'appveyor.yml',
  '.drone.yml',
  'cloudbuild.yaml',
  'codeship-services.yml',
  'codeship-steps.yml',
];
const SETTINGS = ['**/.goreleaser.yml', '**/.sops.yaml', '**/.flux.yaml'];

const MAX_PATTERNS = 1000;
const MAX_PATTERN_LENGTH = 4096;

interface Rule extends Pattern {
  /** Names of the folder it speaks of. */
  folder: readonly string[];
}

/**
 * The ignore rules of one artifact. The last pattern that matches a path or a folder above it decides, so that a pattern can take
 * back a file below an excluded folder: Flux differs from git itself here, and `/*` with `!/deploy/prod` relies on it.
 */
export class IgnoreRules {
  /** Names the rules: equal names, equal rules. */
  readonly name: string;
  readonly #rules: readonly Rule[];
  readonly #takingBack: readonly Rule[];

  /** @throws PlumbError `invalid-spec` for more or longer patterns than anyone needs */
  constructor(texts: readonly IgnoreText[]) {
    const stated = texts.flatMap(({ dir, text }) => linesOf(text).map((line) => ({ dir, line })));
    checkSize(stated);
    const base = stated.length > 0 ? VCS : [...VCS, ...EXTENSIONS, ...PIPELINES, ...SETTINGS];
    const all = [...base.map((line) => ({ dir: '', line })), ...stated];
    this.#rules = all.map(({ dir, line }) => ({ ...parsePattern(line), folder: namesOf(dir) })).reverse();
    this.#takingBack = this.#rules.filter(({ excludes }) => !excludes);
    const digest = createHash('sha256').update(JSON.stringify(stated)).digest('hex');
    this.name = stated.length === 0 ? 'default' : `sha256:${digest}`;
  }

  excludes(path: string, directory: boolean): boolean {
    const names = namesOf(path);
    for (const rule of this.#rules) {
      const inside = below(rule.folder, names);
      if (inside !== null && inside.length > 0 && matchesPath(rule, inside, directory)) return rule.excludes;
    }
    return false;
  }

  /** Whether a pattern could take back something below an excluded folder. False spares a walk through it. */
  mayTakeBackBelow(path: string): boolean {
    const names = namesOf(path);
    return this.#takingBack.some((rule) => {
      const inside = below(rule.folder, names);
      return inside === null ? below(names, rule.folder) !== null : mayMatchBelow(rule, inside);
    });
  }
}

/** The names of a path below a folder; null when it is elsewhere. */
function below(folder: readonly string[], names: readonly string[]): readonly string[] | null {
  if (folder.length === 0) return names;
  if (names.length < folder.length || folder.some((name, index) => names[index] !== name)) return null;
  return names.slice(folder.length);
}

function namesOf(path: string): string[] {
  return path === '' ? [] : path.split('/');
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => !line.startsWith('#') && line.trim() !== '');
}

function checkSize(stated: readonly { dir: string; line: string }[]): void {
  if (stated.length > MAX_PATTERNS) {
    throw userError(
      'invalid-spec',
      `${stated.length} ignore patterns, more than ${MAX_PATTERNS}: use fewer and wider ones`,
    );
  }
  const long = stated.find(({ line }) => line.length > MAX_PATTERN_LENGTH);
  if (long !== undefined) {
    throw userError(
      'invalid-spec',
      `an ignore pattern of ${long.line.length} characters ('${long.line.slice(0, 40)}'): at most ${MAX_PATTERN_LENGTH}`,
    );
  }
}
