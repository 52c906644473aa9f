import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A step of the tour: commands to type, and the lines the reader is promised after them. */
export interface TourStep {
  heading: string;
  commands: string;
  promises: string[];
}

const README = join(import.meta.dirname, '../../README.md');
const BLOCK = /^### (?<heading>.+)$|^```(?<language>sh|text)\n(?<body>[\s\S]*?)^```$/gm;

/** The steps of README's tour, in its order. */
export async function tourSteps(): Promise<TourStep[]> {
  const text = await readFile(README, 'utf8');
  const tour = text.slice(text.indexOf('## The tour'), text.indexOf('## Your own tools'));
  const steps: TourStep[] = [];
  let title = '';
  for (const { groups = {} } of tour.matchAll(BLOCK)) {
    const { heading, language, body = '' } = groups;
    if (heading !== undefined) title = heading;
    else if (language === 'sh') steps.push({ heading: title, commands: body, promises: [] });
    else steps.at(-1)?.promises.push(...body.split('\n').filter((line) => line !== ''));
  }
  return steps;
}

/** A promised line as a pattern: `…` stands for anything, runs of blanks for any blanks. */
export function promisePattern(line: string): RegExp {
  const parts = line.split('…').map((part) => RegExp.escape(part.trim()).replaceAll(/(?:\\x20)+/g, '\\s+'));
  return new RegExp(parts.join('.*'));
}
