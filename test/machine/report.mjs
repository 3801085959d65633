// What a person sees of `npm start` and `npm test`: one line a step, with what came of it and how long it
// took. Plain JavaScript, because the first steps run before anything is installed.

/** The step that is going on. */
export class Step {
  /** @param {(text: string) => void} show */
  constructor(show) {
    /** Tells what the step is doing now, e.g. the last line that a program printed. */
    this.line = show;
  }
}

const titleWidth = 15;
/** How wide what came of a step is where there is room; the time stands right of it. */
const detailWidth = 58;
/** The columns that everything else of a line takes. */
const otherWidth = titleWidth + 18;
/** How long a step may be silent where lines cannot be rewritten, in milliseconds. */
const silenceMs = 3_000;

export class Report {
  #out;
  #live;
  #colour;
  /** @type {WeakSet<object>} */
  #said = new WeakSet();

  /** @param {NodeJS.WriteStream} out */
  constructor(out = process.stdout) {
    this.#out = out;
    this.#live = out.isTTY && process.env['TERM'] !== 'dumb';
    this.#colour = this.#live && !process.env['NO_COLOR'];
  }

  /** @param {string} text */
  title(text) {
    this.#out.write(`\n${this.#paint('1', text)}\n\n`);
  }

  /**
   * Runs one step. What `work` answers is what the line says; what it throws is thrown on, after its line.
   * @param {string} title
   * @param {(step: Step) => Promise<string>} work
   * @returns {Promise<void>}
   */
  async step(title, work) {
    const started = performance.now();
    let last = '';
    const draw = () => {
      const width = (this.#out.columns || 80) - otherWidth;
      this.#out.write(
        `\r\x1b[K${this.#row('›', '36', title, this.#paint('2', last.slice(0, Math.max(width, 10))))}`,
      );
    };
    const step = new Step((text) => {
      // Programs colour and rewrite their own lines; only the words are wanted here.
      // eslint-disable-next-line no-control-regex -- escape sequences begin with a control character
      last = text.replace(/\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x1f]/g, ' ').trim();
      if (this.#live) draw();
    });
    if (this.#live) draw();
    const announce = this.#live
      ? undefined
      : setTimeout(
          () => this.#out.write(`${this.#row('›', '36', title, `${last || 'working'} …`)}\n`),
          silenceMs,
        );
    try {
      const detail = await work(step);
      this.#end('✓', '32', title, detail, started);
    } catch (error) {
      const [first = '', ...rest] = String(error instanceof Error ? error.message : error).split('\n');
      this.#end('✗', '31', title, first, started);
      for (const line of rest) this.#out.write(`    ${line}\n`);
      if (error instanceof Error) this.#said.add(error);
      throw error;
    } finally {
      clearTimeout(announce);
    }
  }

  /**
   * A line without a step.
   * @param {string} title
   * @param {string} detail
   */
  note(title, detail) {
    this.#out.write(`${this.#row('–', '33', title, detail)}\n`);
  }

  /**
   * True for an error that a step's line has told.
   * @param {unknown} error
   */
  hasSaid(error) {
    return error instanceof Error && this.#said.has(error);
  }

  /** @param {string} text */
  say(text) {
    this.#out.write(`${text}\n`);
  }

  /**
   * @param {string} mark
   * @param {string} colour
   * @param {string} title
   * @param {string} detail
   * @param {number} started
   */
  #end(mark, colour, title, detail, started) {
    const time = this.#paint('2', duration(performance.now() - started).padStart(12));
    const width = Math.max(20, Math.min(detailWidth, (this.#out.columns || 100) - otherWidth));
    const [first = '', ...rest] = wrap(detail, width);
    this.#out.write(
      `${this.#live ? '\r\x1b[K' : ''}${this.#row(mark, colour, title, first.padEnd(width))}${time}\n`,
    );
    for (const line of rest) this.#out.write(`${this.#row(' ', '0', '', line)}\n`);
  }

  /**
   * @param {string} mark
   * @param {string} colour
   * @param {string} title
   * @param {string} detail
   */
  #row(mark, colour, title, detail) {
    return `  ${this.#paint(colour, mark)} ${title.padEnd(titleWidth)} ${detail}`;
  }

  /**
   * @param {string} code an SGR code
   * @param {string} text
   */
  #paint(code, text) {
    return this.#colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

/**
 * "0.3 s", "42 s", "3 min 5 s".
 * @param {number} ms
 */
export function duration(ms) {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/**
 * Breaks a text between words into lines of at most `width`; a word that is longer has a line of its own.
 * @param {string} text
 * @param {number} width
 * @returns {string[]}
 */
export function wrap(text, width) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1] ?? '';
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}
