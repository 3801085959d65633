// Brings node_modules in line with package-lock.json. Runs on bare Node 20, before anything is installed.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The Node that the tools run under: it comes with the dependencies. */
export const toolNode = `${root}node_modules/.bin/node`;

/**
 * @param {import('./report.mjs').Report} report
 */
export async function bringDependencies(report) {
  await report.step('Dependencies', async (step) => {
    const why = whatIsOutOfDate();
    if (why === undefined) return 'up to date';
    step.line(`${why}, npm ci`);
    await npmCi(step.line);
    const still = whatIsOutOfDate();
    if (still !== undefined) throw new Error(`npm ci ended well, and yet: ${still}.`);
    return `installed (${why})`;
  });
}

/**
 * Compares what npm says it installed (its hidden lock file) with what the lock file asks for.
 * @see https://docs.npmjs.com/cli/configuring-npm/package-lock-json#hidden-lockfiles
 * @returns {string | undefined} why something is to be installed
 */
function whatIsOutOfDate() {
  const hidden = `${root}node_modules/.package-lock.json`;
  if (!existsSync(hidden)) return 'nothing installed yet';
  const wanted = readPackages(`${root}package-lock.json`);
  const present = readPackages(hidden);
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const have = present[path];
    // An optional package of another platform is not installed, and need not be.
    if (have === undefined ? !entry.optional : have.version !== entry.version) {
      return `${path.replace(/^.*node_modules\//, '')} ${have === undefined ? 'is missing' : 'has another version'}`;
    }
  }
  try {
    execFileSync(toolNode, ['--version'], { timeout: 20_000, stdio: 'ignore' });
    return undefined;
  } catch {
    return 'the Node of the tools does not run';
  }
}

/**
 * @param {string} file
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function readPackages(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/**
 * @param {(text: string) => void} onLine
 * @returns {Promise<void>}
 */
function npmCi(onLine) {
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: root,
      // With NODE_ENV=production npm would leave the tools out.
      env: { ...process.env, NODE_ENV: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 900_000,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        onLine(text.trimEnd().split('\n').at(-1) ?? '');
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`npm ci ended with ${code ?? signal}.\n${whyNpmEnded(output)}`));
    });
  });
}

/**
 * The lines in which npm says why; its usage text, which follows them, helps nobody.
 * @param {string} output
 */
function whyNpmEnded(output) {
  const lines = output.trimEnd().split('\n');
  const errors = lines.filter((line) => /^npm (error|ERR!) \S/.test(line));
  return (errors.length > 0 ? errors.slice(0, 12) : lines.slice(-15)).join('\n');
}

/**
 * Runs a module of this folder under the tools' Node, in this process's place as far as a person can tell:
 * same terminal, same arguments, same exit code, signals passed on.
 * @param {string} file
 * @returns {Promise<never>}
 */
export async function handOver(file) {
  const child = spawn(toolNode, [`${root}test/machine/${file}`, ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  // Ctrl-C reaches both; only the other one decides when it has ended.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      if (signal !== 'SIGINT') child.kill(signal);
    });
  }
  const code = await new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (exit, signal) => resolve(exit ?? (signal === 'SIGINT' ? 130 : 143)));
  });
  process.exit(code);
}
