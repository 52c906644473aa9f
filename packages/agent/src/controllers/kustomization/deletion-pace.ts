import type { Said } from '@plumb/api';
import { backoffDelay } from '@plumb/core';
import type { DeletionTrouble } from '../../delivery/unit.ts';
import type { Finalized } from './finalize.ts';

/** A cluster that cannot be reached is tried again after this long. Milliseconds. */
const REACH_AGAIN = 30_000;

/** What is told of one try to delete a unit, when the next one is due (milliseconds; null: none is, or what is waited for says when), and what to remember. */
export interface Pace {
  said: readonly Said[];
  after: number | null;
  trouble: DeletionTrouble;
}

/**
 * Tries that fail follow each other ever more slowly, and each trouble is told once: a deletion that fails the same way for days is one event.
 * @param random in [0, 1)
 */
export function paceOf(
  { said, next }: Pick<Finalized, 'said' | 'next'>,
  before: DeletionTrouble,
  random: number,
): Pace {
  if (next === 'gone' || next === 'wait') return { said, after: null, trouble: { count: 0, told: '' } };
  const told = said.map(({ reason, text }) => `${reason} ${text}`).join('\n');
  const news = told === before.told ? [] : said;
  if (next === 'unreached') return { said: news, after: REACH_AGAIN, trouble: { count: 0, told } };
  const count = before.count + 1;
  return { said: news, after: backoffDelay(count, random), trouble: { count, told } };
}
