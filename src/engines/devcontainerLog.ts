import * as l10n from '@vscode/l10n';
import type { Logger } from '../base/log.ts';
import type { Progress } from '../base/progress.ts';

/** Lines that are kept to explain a failure. */
const keptLines = 400;

/** An image that a build came to. */
export interface BuiltImage {
  /** As its builder prints it: abbreviated, or with the algorithm of the hash. */
  readonly id: string;
  /** A step of the classic builder, made or taken from its cache; or what BuildKit gave the engine in the end. */
  readonly by: 'step' | 'export';
}

/** One line of the CLI's log with `--log-format json`. */
interface Entry {
  readonly type: 'text' | 'raw' | 'start' | 'stop' | 'progress';
  /** 0 trace, 1 debug, 2 info (the CLI's own calls), 3 info (what programs print), 4 warning, 5 error. */
  readonly level?: number;
  readonly text?: string;
  readonly name?: string;
  readonly status?: string;
  readonly channel?: string;
}

/**
 * Reads the log that the Dev Containers CLI writes on standard error: named steps and their output for a
 * person, and the last lines for an error. Programs' output arrives in pieces that end anywhere.
 */
export class DevcontainerLog {
  readonly #progress: Progress;
  readonly #log: Logger;
  readonly #onImage: (image: BuiltImage) => void;
  readonly #partial = new Map<string, string>();
  readonly #lines: string[] = [];
  #stepContainer: string | undefined;
  /** The step of the classic builder names the image that a stage begins with. */
  #isFrom = false;

  /** @param onImage told each image of a build, but those that it begins with */
  constructor(progress: Progress, log: Logger, onImage: (image: BuiltImage) => void = () => undefined) {
    this.#progress = progress;
    this.#log = log;
    this.#onImage = onImage;
  }

  /** What programs printed so far: the last lines, without colours and empty lines. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /**
   * The container in which Docker's classic builder ran the last step of a build, unless that step went
   * well: the builder leaves it behind.
   */
  get unfinishedStep(): string | undefined {
    return this.#stepContainer;
  }

  /** Takes one line of standard error. */
  read(line: string): void {
    const entry = parseEntry(line);
    if (!entry) {
      // The stack of an error, which the result says in words.
      this.#log.debug(line);
      return;
    }
    const text = entry.text ?? '';
    switch (entry.type) {
      case 'start': {
        this.#log.debug(text);
        const step = stepOf(text);
        if (step !== undefined) this.#progress.step(step);
        return;
      }
      case 'stop':
        return;
      case 'progress':
        if (entry.status === 'running' && entry.name !== undefined) {
          const hook = /^Running (\w+)\.\.\.$/.exec(entry.name)?.[1];
          this.#progress.step(hook === undefined ? entry.name : l10n.t('Running {0}', hook));
        }
        return;
      case 'text':
      case 'raw':
        // Below 2 the CLI writes the whole environment of the user, which may hold secrets.
        if ((entry.level ?? 0) >= 2) this.#take(entry.channel ?? entry.type, text);
        return;
    }
  }

  /** Takes what stands after the last line break too; call it when the program is over. */
  end(): void {
    for (const rest of this.#partial.values()) this.#line(rest);
    this.#partial.clear();
  }

  #take(channel: string, text: string): void {
    const parts = ((this.#partial.get(channel) ?? '') + text).split(/\r\n|\n|\r/);
    this.#partial.set(channel, parts.pop() ?? '');
    for (const part of parts) this.#line(part);
  }

  #line(raw: string): void {
    const line = stripColours(raw).trimEnd();
    if (line.trim() === '') return;
    this.#noteStep(line);
    this.#noteImage(line);
    this.#lines.push(line);
    if (this.#lines.length > keptLines) this.#lines.shift();
    this.#log.info(line);
    this.#progress.line(line);
  }

  #noteStep(line: string): void {
    this.#stepContainer = /^ ---> Running in ([0-9a-f]{12})$/.exec(line)?.[1] ?? this.#stepContainer;
    const removed = /^(?:Removing| ---> Removed) intermediate container ([0-9a-f]{12})$/.exec(line)?.[1];
    if (removed !== undefined && removed === this.#stepContainer) this.#stepContainer = undefined;
  }

  /** With an image store of containerd BuildKit prints a manifest, which is what that knows an image by. */
  #noteImage(line: string): void {
    const step = /^Step \d+\/\d+ : (\w+)/.exec(line)?.[1];
    if (step !== undefined) this.#isFrom = step.toUpperCase() === 'FROM';
    const made = /^ ---> ([0-9a-f]{12})$/.exec(line)?.[1];
    if (made !== undefined && !this.#isFrom) this.#onImage({ id: made, by: 'step' });
    const exported = /^#\d+ (?:writing image|exporting manifest(?: list)?) (sha256:[0-9a-f]{64})\b/.exec(
      line,
    );
    if (exported?.[1] !== undefined) this.#onImage({ id: exported[1], by: 'export' });
  }
}

function parseEntry(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Entry;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The step that a call of the CLI begins, for those that take long. */
function stepOf(call: string): string | undefined {
  if (/^Run: \S*docker(-compose)? (buildx )?build\b/.test(call)) return l10n.t('Building the image');
  if (/^Run: \S*docker(-compose)?(\.exe)? .*\bpull\b/.test(call)) return l10n.t('Fetching the image');
  if (call === 'Starting container') return l10n.t('Starting the container');
  return undefined;
}

function stripColours(text: string): string {
  // CSI sequences of ECMA-48: ESC [ parameters, intermediates, final byte.
  // eslint-disable-next-line no-control-regex -- the control character is what is looked for
  return text.replace(/\u001b\[[0-?]*[ -/]*[@-~]/g, '');
}
