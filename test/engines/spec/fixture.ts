/** The image that every fixture starts from unless it names or builds another. */
export const base = 'switchyard-spec:base';

/** A project folder with a devcontainer.json, opened by the Dev Containers CLI and by us. */
export interface SpecFixture {
  readonly name: string;
  /** Text, or an object to which `image: base` is added where it names no other source. */
  readonly config: string | Readonly<Record<string, unknown>>;
  /** More files, by their path in the project folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Image metadata (`devcontainer.metadata`) of the image that it starts from. */
  readonly metadata?: unknown;
  /** The folder's name. */
  readonly folder?: string;
  /** Where the config stands. */
  readonly at?: string;
  /** Variables of the computer. */
  readonly env?: Readonly<Record<string, string>>;
  /** The config is changed into this, and opened again. */
  readonly then?: Readonly<Record<string, unknown>>;
  /** Stopped and opened again before it is looked at. */
  readonly restart?: boolean;
  /**
   * Variables that are not compared in a terminal, because `devcontainer exec` (unlike `up`) does not
   * substitute everything; or everything, where the terminal is not what the fixture is about.
   */
  readonly notInTerminal?: readonly string[] | 'everything';
  /** A hook failed before the restart, which the CLI forgets and we go on telling. */
  readonly staysMarked?: boolean;
  /** Texts that must be found in what the two are compared by, so that two empty ones are not equal. */
  readonly shows: readonly string[];
  /** Runs with every `npm test`, and not only with `npm run test:spec`. */
  readonly always?: boolean;
}
