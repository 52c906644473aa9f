// One line that rewrites itself on a terminal; on a pipe a line now and then, so that a log stays short and still moves.
const PIPE_INTERVAL_MS = 10_000;
const TTY_INTERVAL_MS = 200;

/** @param {number} ms @returns {string} `8 s`, `1 min 02 s` */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}

/**
 * Everything set-up says goes to standard error: standard output belongs to the job that follows.
 * @param {import('node:tty').WriteStream | NodeJS.WritableStream} stream
 */
export function createProgress(stream = process.stderr) {
  const tty = 'isTTY' in stream && stream.isTTY === true;

  /** @param {string} text */
  function say(text) {
    stream.write(`${text}\n`);
  }

  /**
   * @param {string} label what is being done: `building cluster`
   * @returns {{ update(detail: string): void, done(detail?: string): void, stop(): void }}
   */
  function step(label) {
    const started = Date.now();
    let detail = '';
    const draw = () => {
      const text = `${label}${detail === '' ? '' : `: ${detail}`} (${duration(Date.now() - started)})`;
      if (tty) stream.write(`\r\x1b[K${text.slice(0, (stream.columns ?? 80) - 1)}`);
      else say(text);
    };
    if (tty) draw();
    else say(`${label} ...`);
    const timer = setInterval(draw, tty ? TTY_INTERVAL_MS : PIPE_INTERVAL_MS);
    const stop = () => {
      clearInterval(timer);
      if (tty) stream.write('\r\x1b[K');
    };
    return {
      update: (text) => {
        detail = text;
      },
      done: (text = '') => {
        stop();
        say(`${label}: ${text === '' ? 'done' : text} (${duration(Date.now() - started)})`);
      },
      stop,
    };
  }

  return { say, step };
}

/** For work beside a job, which has the terminal. @type {ReturnType<typeof createProgress>} */
export const SILENT = { say: () => {}, step: () => ({ update: () => {}, done: () => {}, stop: () => {} }) };
