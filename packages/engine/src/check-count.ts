import { EngineError } from './engine.ts';

/** @throws EngineError `protocol` when the helper did not answer each question. */
export function checkCount(answers: number, questions: number): void {
  if (answers !== questions)
    throw new EngineError('protocol', `the helper sent ${answers} answers to ${questions} questions`);
}
