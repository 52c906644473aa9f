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

/** Most steps that a search may take, each some 50 ns: instructions of the pattern times signs of the text. */
const MOST_STEPS = 40_000_000;

/**
 * The line, from one, where a text has what a pattern forbids; null where it has nothing of it; or why nobody looked. Takes time in proportion to the text
 * (RE2), and what would take too long is not begun: whoever may write a policy, or an object, must not stop the agent.
 */
export function forbiddenLine(pattern: string, text: string): number | null | { trouble: string } {
  const compiledPattern = compile(pattern);
  const size = compiledPattern.programSize();
  if (size * text.length > MOST_STEPS) {
    return {
      trouble: `a pattern of ${size} steps is too large for a text of ${text.length} characters: make it simpler`,
    };
  }
  const matcher = compiledPattern.matcher(text);
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
