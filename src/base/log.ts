/**
 * Where the parts write what they do. English, for people who look for a fault; VS Code's
 * LogOutputChannel is one. Never write a secret.
 */
export interface Logger {
  trace(message: string): void;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string | Error): void;
}

const nothing = (): void => undefined;

/** For callers that have no log. */
export const silentLogger: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};
