import { spawn } from 'node:child_process';

/** What a check found. `output` is shown when it failed, or when it has a remark. */
export interface Verdict {
  ok: boolean;
  output: string;
}

export interface Check {
  name: string;
  run(root: string): Promise<Verdict>;
}

/** A check that is one program: it passes when the program ends with 0. */
export function toolCheck(name: string, command: string, args: readonly string[]): Check {
  return { name, run: (root) => runTool(command, args, { cwd: root }) };
}

/** Runs a program and keeps all it prints. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<Verdict> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    child.on('error', (error) => resolve({ ok: false, output: `${command} cannot be started: ${error.message}` }));
    child.on('close', (code) => resolve({ ok: code === 0, output: output.trim() }));
  });
}
