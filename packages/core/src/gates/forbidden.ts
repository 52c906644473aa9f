import { RE2JS } from 're2js';

/** Why a pattern cannot be read; null when it can. */
export function forbiddenProblem(pattern: string): string | null {
  try {
    compile(pattern);
    return null;
  } catch (error) {
    return `${pattern} is no pattern of RE2: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Most steps that one search may take, each some 50 ns: nothing else gets its turn meanwhile. */
const MOST_STEPS = 20_000_000;

/** Most steps that a search for a pattern in a text can take: instructions of the pattern times signs of the text. */
export function searchSteps(pattern: string, text: string): number {
  return compile(pattern).programSize() * text.length;
}

/**
 * The line, from one, where a text has what a pattern forbids; null where it has nothing of it; or why nobody looked. Takes time in proportion to the text
 * (RE2), and what would take too long is not begun: whoever may write a policy, or an object, must not stop the agent.
 */
export function forbiddenLine(pattern: string, text: string): number | null | { trouble: string } {
  if (searchSteps(pattern, text) > MOST_STEPS) {
    const size = compile(pattern).programSize();
    return {
      trouble: `a pattern of ${size} steps is too large for a text of ${text.length} characters: make it simpler`,
    };
  }
  const matcher = compile(pattern).matcher(text);
  if (!matcher.find()) return null;
  return text.slice(0, matcher.start()).split('\n').length;
}

const compiled = new Map<string, RE2JS>();
const KEPT = 200;

function compile(pattern: string): RE2JS {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const made = RE2JS.compile(pattern, RE2JS.MULTILINE);
  if (compiled.size >= KEPT) compiled.clear();
  compiled.set(pattern, made);
  return made;
}
