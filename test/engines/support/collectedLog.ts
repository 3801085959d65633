import type { Logger } from '../../../src/base/log.ts';

/** A log that a test can read. */
export class CollectedLog implements Logger {
  text = '';

  trace(message: string): void {
    this.text += `trace ${message}\n`;
  }

  debug(message: string): void {
    this.text += `debug ${message}\n`;
  }

  info(message: string): void {
    this.text += `info ${message}\n`;
  }

  warn(message: string): void {
    this.text += `warn ${message}\n`;
  }

  error(message: string | Error): void {
    this.text += `error ${String(message)}\n`;
  }
}
