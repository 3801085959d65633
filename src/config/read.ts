import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as l10n from '@vscode/l10n';
import { getNodeValue, parseTree, printParseErrorCode, type Node, type ParseError } from 'jsonc-parser';
import { SwitchyardError, type ErrorCode } from '../base/errors.ts';
import { block } from './block.ts';
import type { SwitchyardSettings, VmSource, WorkspaceMode } from './settings.ts';
import { parseSize } from './sizes.ts';
import { member, validate, type Problem } from './validate.ts';

/** What Switchyard itself reads of a devcontainer.json; the rest is read by the Dev Containers CLI. */
export interface SwitchyardConfig {
  /** The config's `name`. */
  readonly name: string | undefined;
  readonly settings: SwitchyardSettings;
}

/**
 * Reads our part of a devcontainer.json from disk.
 * @throws SwitchyardError `config.missing`, `config.syntax`, `config.invalid`
 */
export async function readSwitchyardConfig(file: string): Promise<SwitchyardConfig> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new SwitchyardError({
      code: missing ? 'config.missing' : 'config.invalid',
      what: l10n.t('The configuration of this project cannot be read.'),
      why: missing
        ? l10n.t('{0} does not exist.', file)
        : l10n.t('{0} cannot be opened: {1}.', file, (error as Error).message),
      next: l10n.t('Add a configuration, or choose another one.'),
      remedies: [{ do: 'addConfiguration' }, { do: 'chooseConfiguration' }],
      cause: error,
    });
  }
  return parseSwitchyardConfig(text, file);
}

/**
 * Reads our part of the text of a devcontainer.json. Comments and trailing commas are allowed.
 * @param file absolute path, for messages and for paths that are relative to it
 * @throws SwitchyardError `config.syntax` or `config.invalid`, with the position
 */
export function parseSwitchyardConfig(text: string, file: string): SwitchyardConfig {
  const root = parse(text, file);
  const problems: Problem[] = [];
  const expectObject = (node: Node | undefined, key: string): void => {
    if (node && node.type !== 'object') problems.push(...validate(node, { type: 'object', keys: {} }, key));
  };
  expectObject(root, path.basename(file));
  const customizations = member(root, 'customizations');
  expectObject(customizations, 'customizations');
  const ours = member(customizations, 'switchyard');
  if (ours) problems.push(...validate(ours, block, 'customizations.switchyard'));
  const host = member(root, 'hostRequirements');
  expectObject(host, 'hostRequirements');
  for (const [key, type] of [
    ['cpus', 'count'],
    ['memory', 'size'],
    ['storage', 'size'],
  ] as const) {
    const node = member(host, key);
    if (node) problems.push(...validate(node, { type }, `hostRequirements.${key}`));
  }
  const [first] = problems.toSorted((one, other) => one.offset - other.offset);
  if (first) {
    throw inFile({
      code: 'config.invalid',
      what: l10n.t('The configuration of this project holds something that is not allowed.'),
      why: first.message,
      text,
      file,
      offset: first.offset,
    });
  }
  const name: unknown = member(root, 'name')?.value;
  return {
    name: typeof name === 'string' && name !== '' ? name : undefined,
    settings: withDefaults(
      (ours ? getNodeValue(ours) : {}) as Block,
      (host ? getNodeValue(host) : {}) as HostRequirements,
      path.dirname(file),
    ),
  };
}

/** The settings of a project that has nothing but a Vagrantfile: it opens in its own VM. */
export function settingsForVagrantfile(vagrantfile: string): SwitchyardSettings {
  return withDefaults({ environment: 'vm', vm: { source: { vagrantfile } } }, {}, path.dirname(vagrantfile));
}

/** Our block as it is written, once it is valid. */
interface Block {
  readonly environment?: SwitchyardSettings['environment'];
  readonly container?: Partial<SwitchyardSettings['container']>;
  readonly vm?: {
    readonly source?: 'image' | { box: string; version?: string } | { vagrantfile: string; machine?: string };
    readonly cpus?: number;
    readonly memory?: string;
    readonly disk?: string;
    readonly provider?: string;
    readonly acceleration?: SwitchyardSettings['vm']['acceleration'];
    readonly workspace?: WorkspaceMode;
    readonly onLeave?: SwitchyardSettings['vm']['onLeave'];
    readonly readySnapshot?: boolean;
  };
  readonly sync?: Partial<SwitchyardSettings['sync']>;
}

interface HostRequirements {
  readonly cpus?: number;
  readonly memory?: string;
  readonly storage?: string;
}

function withDefaults(ours: Block, host: HostRequirements, folder: string): SwitchyardSettings {
  const vm = ours.vm ?? {};
  const bytes = (size: string): number => parseSize(size) ?? 0;
  return {
    environment: ours.environment ?? 'container',
    container: {
      workspace: ours.container?.workspace ?? 'mount',
      onLeave: ours.container?.onLeave ?? 'keep',
    },
    vm: {
      source: sourceOf(vm.source ?? 'image', folder),
      cpus: vm.cpus ?? host.cpus ?? 2,
      memoryBytes: bytes(vm.memory ?? host.memory ?? '2gb'),
      diskBytes: bytes(vm.disk ?? host.storage ?? '20gb'),
      provider: vm.provider,
      acceleration: vm.acceleration ?? 'auto',
      workspace: vm.workspace ?? 'ssh',
      onLeave: vm.onLeave ?? 'suspend',
      readySnapshot: vm.readySnapshot ?? false,
    },
    sync: { ignore: ours.sync?.ignore ?? [], protect: ours.sync?.protect ?? [] },
  };
}

function sourceOf(source: NonNullable<NonNullable<Block['vm']>['source']>, folder: string): VmSource {
  if (source === 'image') return { type: 'image' };
  if ('box' in source) return { type: 'box', box: source.box, version: source.version };
  return {
    type: 'vagrantfile',
    vagrantfile: path.resolve(folder, source.vagrantfile),
    machine: source.machine,
  };
}

function parse(text: string, file: string): Node {
  const broken = (why: string, offset: number): SwitchyardError =>
    inFile({
      code: 'config.syntax',
      what: l10n.t('The configuration of this project is not valid JSON.'),
      why,
      text,
      file,
      offset,
    });
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    // A byte order mark is white space to editors; as a space it leaves every position where it is.
    root = parseTree(text.replace(/^\uFEFF/, ' '), errors, { allowTrailingComma: true });
  } catch (error) {
    // The parser calls itself for each level of nesting.
    if (!(error instanceof RangeError)) throw error;
    throw broken(l10n.t('It is nested too deeply.'), 0);
  }
  const [error] = errors;
  if (error) throw broken(describe(error), error.offset);
  if (!root) throw broken(l10n.t('It is empty.'), 0);
  return root;
}

function describe(error: ParseError): string {
  switch (printParseErrorCode(error.error)) {
    case 'PropertyNameExpected':
      return l10n.t('A key in double quotes is expected here.');
    case 'ValueExpected':
      return l10n.t('A value is expected here.');
    case 'ColonExpected':
      return l10n.t('A colon is expected here.');
    case 'CommaExpected':
      return l10n.t('A comma is expected here.');
    case 'CloseBraceExpected':
      return l10n.t('A closing brace is missing here.');
    case 'CloseBracketExpected':
      return l10n.t('A closing bracket is missing here.');
    case 'EndOfFileExpected':
      return l10n.t('The file should end here.');
    case 'UnexpectedEndOfComment':
      return l10n.t('A comment has no end.');
    case 'UnexpectedEndOfString':
      return l10n.t('A text has no closing quote.');
    case 'InvalidNumberFormat':
    case 'UnexpectedEndOfNumber':
      return l10n.t('This is not a number.');
    case 'InvalidUnicode':
    case 'InvalidEscapeCharacter':
      return l10n.t('A backslash is followed by something that it cannot stand before.');
    case 'InvalidCharacter':
      return l10n.t('A control character must be written with a backslash.');
    case 'InvalidSymbol':
    case 'InvalidCommentToken':
    case '<unknown ParseErrorCode>':
      return l10n.t('This is neither a text in double quotes nor a number, true, false or null.');
  }
}

function inFile(parts: {
  code: ErrorCode;
  what: string;
  why: string;
  text: string;
  file: string;
  offset: number;
}): SwitchyardError {
  const { line, column } = positionOf(parts.text, parts.offset);
  return new SwitchyardError({
    code: parts.code,
    what: parts.what,
    why: l10n.t('{0}, line {1}, column {2}: {3}', parts.file, line, column, parts.why),
    next: l10n.t('Correct it there and try again.'),
    remedies: [{ do: 'openFile', file: parts.file, line, column }],
  });
}

/** Line and column, both from 1; columns in UTF-16 code units, as editors count them. */
function positionOf(text: string, offset: number): { line: number; column: number } {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length, column: (lines.at(-1) ?? '').length + 1 };
}
