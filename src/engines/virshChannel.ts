import { PassThrough } from 'node:stream';
import { abortable } from '../base/abort.ts';
import type { Disposable } from '../base/disposable.ts';
import type { Logger } from '../base/log.ts';
import { CommandFailed, type Command, type RunOptions, type Runner } from '../base/process.ts';
import { quoteAll } from '../base/shell.ts';
import { Turns } from '../base/turns.ts';
import { virshCommands, virshOptions } from './virsh.ts';

/** Questions that libvirt answers at once, and that change nothing. */
const questions: ReadonlySet<string> = new Set([
  'domifaddr',
  'dominfo',
  'domstats',
  'dumpxml',
  'list',
  'pool-list',
  'version',
  'vol-info',
  'vol-list',
  'vol-path',
]);

/** Where libvirt went away meanwhile, virsh says that as well. */
const isNoDomainAlone = /^error: failed to get domain '[^\n]*'$/;

/** Behind a question that takes this long nobody waits, in milliseconds. */
const nearStuckMs = 100;
/** How long the channel is left alone after it failed, in milliseconds. */
const restMs = 30_000;
/** Without a question for this long it is closed, in milliseconds. */
const idleMs = 60_000;

/**
 * Runs commands, and asks libvirt through one `virsh` that stays: to start one and let it connect costs some
 * thirty milliseconds, its answer one. Only a plain answer counts, and that there is no such domain is one. Whatever
 * else happens (another error, silence, a libvirt that went away), the question is asked again by a virsh of its own,
 * whose word is final.
 */
export class VirshChannel implements Runner, Disposable {
  readonly #runner: Runner;
  readonly #log: Logger;
  readonly #answerMs: number;
  readonly #stuckMs: number;
  readonly #turns = new Turns();
  #conversation: Conversation | undefined;
  #idle: NodeJS.Timeout | undefined;
  #askedAt: number | undefined;
  #restsUntil = 0;
  #disposed = false;

  /**
   * @param bounds.answerMs how long an answer may take before a virsh of its own is asked, in milliseconds
   * @param bounds.stuckMs behind a question that takes this long nobody waits, in milliseconds
   */
  constructor(runner: Runner, log: Logger, bounds: { answerMs?: number; stuckMs?: number } = {}) {
    this.#runner = runner;
    this.#log = log;
    this.#answerMs = bounds.answerMs ?? 2_000;
    this.#stuckMs = bounds.stuckMs ?? nearStuckMs;
  }

  async run<T>(command: Command<T>, options: RunOptions = {}): Promise<T> {
    const { signal } = options;
    signal?.throwIfAborted();
    const line = options.onLine ? undefined : questionOf(command);
    if (line !== undefined && this.#isFree()) {
      const asked = this.#turns.take(() => this.#ask(line));
      const answer = await (signal ? abortable(asked, signal) : asked);
      if (answer?.errors === '') return command.parse(answer.text);
      if (answer) {
        const { program, args } = command;
        throw new CommandFailed({ program, args, reason: 'exit', exitCode: 1, stderr: answer.errors });
      }
    }
    return this.#runner.run(command, options);
  }

  dispose(): void {
    this.#disposed = true;
    this.#close();
  }

  #isFree(): boolean {
    const now = performance.now();
    return !this.#disposed && now >= this.#restsUntil && now - (this.#askedAt ?? now) < this.#stuckMs;
  }

  /** Never rejects. Undefined where there is no plain answer. */
  async #ask(line: string): Promise<Answer | undefined> {
    if (this.#disposed) return undefined;
    clearTimeout(this.#idle);
    this.#askedAt = performance.now();
    this.#conversation ??= new Conversation(this.#runner);
    const answer = await this.#conversation.ask(line, this.#answerMs);
    this.#log.debug(`virsh: ${line} (asked, ${Math.round(performance.now() - this.#askedAt)} ms)`);
    this.#askedAt = undefined;
    if (!answer) {
      this.#restsUntil = performance.now() + restMs;
      this.#close();
      return undefined;
    }
    this.#idle = setTimeout(() => this.#close(), idleMs);
    this.#idle.unref();
    return answer.errors === '' || isNoDomainAlone.test(answer.errors) ? answer : undefined;
  }

  #close(): void {
    clearTimeout(this.#idle);
    this.#conversation?.end();
    this.#conversation = undefined;
  }
}

/** What virsh said, without the marks around it. */
interface Answer {
  readonly text: string;
  readonly errors: string;
}

/** One virsh that reads commands from its standard input. */
class Conversation {
  readonly #input = new PassThrough();
  readonly #end = new AbortController();
  #count = 0;
  #isOver = false;
  #said = { stdout: '', stderr: '' };
  #onHeard: () => void = () => undefined;

  constructor(runner: Runner) {
    const over = (): void => {
      this.#isOver = true;
      this.#onHeard();
    };
    this.#input.on('error', over);
    runner
      .run(virshCommands.conversation(this.#input), {
        signal: this.#end.signal,
        onLine: (line, stream) => {
          this.#said[stream] += `${line}\n`;
          this.#onHeard();
        },
      })
      .then(over, over);
  }

  /** One question at a time. @returns undefined where it does not answer in time, or is over */
  async ask(line: string, timeoutMs: number): Promise<Answer | undefined> {
    const count = (this.#count += 1);
    const [begin, end] = [`switchyard begins ${count}`, `switchyard ends ${count}`];
    this.#said = { stdout: '', stderr: '' };
    const { promise, resolve } = Promise.withResolvers<Answer | undefined>();
    this.#onHeard = () => {
      const { stdout, stderr } = this.#said;
      const [from, to, errors] = [stdout.indexOf(begin), stdout.indexOf(end), stderr.indexOf(end)];
      if (from !== -1 && to !== -1 && errors !== -1) {
        const text = stdout.slice(from + begin.length, to).replace(/^\n/, '');
        resolve({ text, errors: stderr.slice(0, errors).replace(/(?:^|\n)error: $/, '') });
      } else if (this.#isOver) resolve(undefined);
    };
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    // It repeats what it reads, so what is read must not hold the marks that are printed; and it prints no end of
    // a line after a mark: the empty line brings one.
    const [b, e] = [`switchyard 'begins ${count}'`, `switchyard 'ends ${count}'`];
    if (!this.#isOver) this.#input.write(`echo ${b}; ${line}; echo ${e}; echo --err ${e}\n\n`);
    this.#onHeard();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#onHeard = () => undefined;
    }
  }

  end(): void {
    this.#end.abort(new DOMException('Nobody asks any more.', 'AbortError'));
    this.#input.destroy();
  }
}

/** For virsh's own reader of lines; undefined where it is no question, or cannot be typed. */
function questionOf({ program, args, input }: Command<unknown>): string | undefined {
  if (program !== 'virsh' || input !== undefined) return undefined;
  if (!virshOptions.every((option, index) => args[index] === option)) return undefined;
  const words = args.slice(virshOptions.length);
  const line = quoteAll(words);
  // Whatever edits lines would take other bytes for keys.
  return questions.has(words[0] ?? '') && /^[\x20-\x7e]+$/.test(line) ? line : undefined;
}
