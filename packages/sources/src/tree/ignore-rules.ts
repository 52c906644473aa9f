import { createHash } from 'node:crypto';
import ignore from 'ignore';

/** Patterns of one `.sourceignore` (or spec.ignore) and the folder they speak of; '' is the root. */
export interface IgnoreText {
  dir: string;
  text: string;
}

/** Always excluded. */
const VCS = ['.git/', '.gitignore', '.gitmodules', '.gitattributes'];

/** Excluded as long as nobody states a pattern: see Flux, "Source > GitRepository > Excluding files". */
const DEFAULTS = [
  ...['*.jpg', '*.jpeg', '*.gif', '*.png', '*.wmv', '*.flv', '*.tar.gz', '*.zip'],
  ...['.github/', '.circleci/', '.travis.yml', '.gitlab-ci.yml', 'appveyor.yml', '.drone.yml', 'cloudbuild.yaml'],
  ...['codeship-services.yml', 'codeship-steps.yml', '**/.goreleaser.yml', '**/.sops.yaml', '**/.flux.yaml'],
];

interface Stated {
  dir: string;
  pattern: string;
}

/** Neighbouring patterns of one folder that all exclude, or all take back. */
interface Group {
  dir: string;
  excludes: boolean;
  matcher: ignore.Ignore;
}

/**
 * The ignore rules of one artifact. The last pattern that matches a path or a folder above it decides, so that a pattern can take
 * back a file below an excluded folder: Flux differs from git itself here, and `/*` with `!/deploy/prod` relies on it.
 */
export class IgnoreRules {
  /** Names the rules: equal names, equal rules. */
  readonly name: string;
  readonly #groups: readonly Group[];
  readonly #takenBack: readonly Stated[];

  constructor(texts: readonly IgnoreText[]) {
    const stated = texts.flatMap(({ dir, text }) => patternsOf(text).map((pattern) => ({ dir, pattern })));
    const base = stated.length > 0 ? VCS : [...VCS, ...DEFAULTS];
    this.#groups = group([...base.map((pattern) => ({ dir: '', pattern })), ...stated]);
    this.#takenBack = stated.filter(({ pattern }) => pattern.startsWith('!'));
    this.name = stated.length === 0 ? 'default' : `sha256:${createHash('sha256').update(JSON.stringify(stated)).digest('hex')}`;
  }

  excludes(path: string, directory: boolean): boolean {
    for (let index = this.#groups.length - 1; index >= 0; index -= 1) {
      const candidate = this.#groups[index];
      if (candidate !== undefined && matches(candidate, path, directory)) return candidate.excludes;
    }
    return false;
  }

  /** Whether a pattern could take back something below an excluded folder. False spares a walk through it. */
  mayTakeBackBelow(folder: string): boolean {
    return this.#takenBack.some((stated) => mayMatchBelow(stated, folder));
  }
}

/** Compares the plain leading parts of an anchored pattern with the folder; anything else may match anywhere. */
function mayMatchBelow({ dir, pattern }: Stated, folder: string): boolean {
  const body = pattern.slice(1).trimEnd().replace(/\/$/, '');
  if (!body.includes('/')) return dir === '' || `${folder}/`.startsWith(`${dir}/`) || dir.startsWith(`${folder}/`);
  const parts = [...dir.split('/'), ...body.split('/')].filter((part) => part !== '');
  for (const [index, name] of folder.split('/').entries()) {
    const part = parts[index];
    if (part === undefined || /[*?[\\]/.test(part)) return true;
    if (part !== name) return false;
  }
  return true;
}

function matches(candidate: Group, path: string, directory: boolean): boolean {
  const { dir, matcher } = candidate;
  if (dir !== '' && !path.startsWith(`${dir}/`)) return false;
  const relative = dir === '' ? path : path.slice(dir.length + 1);
  return matcher.ignores(directory ? `${relative}/` : relative);
}

function patternsOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => !line.startsWith('#') && line.trim() !== '');
}

function group(patterns: readonly Stated[]): Group[] {
  const groups: Group[] = [];
  for (const { dir, pattern } of patterns) {
    const excludes = !pattern.startsWith('!');
    let last = groups.at(-1);
    if (last === undefined || last.dir !== dir || last.excludes !== excludes) {
      last = { dir, excludes, matcher: ignore({ ignorecase: false, allowRelativePaths: true }) };
      groups.push(last);
    }
    last.matcher.add(excludes ? pattern : pattern.slice(1));
  }
  return groups;
}
