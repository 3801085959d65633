import * as l10n from '@vscode/l10n';
import { asSentence, SwitchyardError } from '../base/errors.ts';
import type { CommandFailed } from '../base/process.ts';

/** What is wrong with a Vagrantfile, and where. */
export interface VagrantfileFault {
  readonly file: string;
  /** From 1; undefined where Ruby does not say. */
  readonly line: number | undefined;
  readonly message: string;
}

/**
 * Reads what Vagrant prints when it cannot load a Vagrantfile: Ruby's own report of a syntax error, Vagrant's
 * report of a class of errors that it knows, or the trace of anything else that was raised. In a trace the
 * Vagrantfile is what Vagrant's loader called.
 */
export function vagrantfileFault(stderr: string): VagrantfileFault | undefined {
  const syntax = /^(\/.*?):(\d+): (syntax error.*(?:\n(?!\n).*)*)/m.exec(stderr);
  if (syntax?.[1] !== undefined && stderr.includes('syntax error in the following Vagrantfile')) {
    return { file: syntax[1], line: Number(syntax[2]), message: firstLine(syntax[3] ?? '') };
  }
  const known = /^Path: (.*)\nLine number: (\d+)\nMessage: (.*)/m.exec(stderr);
  if (known?.[1] !== undefined) {
    const message = known[3] ?? '';
    // For these the line is one of Ruby's own files.
    const line = message.startsWith('LoadError') ? undefined : Number(known[2]);
    return { file: known[1], line, message };
  }
  const lines = stderr.split('\n');
  const loader = lines.findIndex((line) => /\/vagrant\/config\/\S*loader\.rb:\d+:in /.test(line));
  const caller = /^\s*(?:\d+: )?(?:from )?(\/.*?):(\d+):in /.exec(lines[loader - 1] ?? '');
  if (loader < 1 || caller?.[1] === undefined) return undefined;
  const raised = lines.find((line) => /:in [`'].*?': /.test(line)) ?? '';
  const message = raised.replace(/^.*?:in [`'].*?': /, '').replace(/ \([\w:]+\)$/, '');
  return { file: caller[1], line: Number(caller[2]), message };
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

/**
 * What a person can set right: the Vagrantfile, or the name of a machine or a box. Undefined for any other failure.
 * @param exit class and text of the error, where Vagrant came so far as to say them
 */
export function sourceError(
  error: CommandFailed,
  exit: { readonly name: string; readonly text: string } | undefined,
  what: string,
): SwitchyardError | undefined {
  const fault = exit ? undefined : vagrantfileFault(error.stderr);
  if (fault) {
    const { file, line, message } = fault;
    return new SwitchyardError({
      code: 'config.invalid',
      what,
      why:
        line === undefined
          ? l10n.t('{0} cannot be loaded: {1}', file, asSentence(message))
          : l10n.t('{0} cannot be loaded; line {1}: {2}', file, line, asSentence(message)),
      next: l10n.t('Correct it there and try again.'),
      remedies: [{ do: 'openFile', file, ...(line === undefined ? {} : { line }) }, { do: 'showLog' }],
      detail: error.stderr,
      cause: error,
    });
  }
  const name = exit?.name ?? '';
  if (/BoxAddNoMatchingProvider|BoxProviderDoesntMatch/.test(name)) {
    return new SwitchyardError({
      code: 'config.unsupported',
      what,
      why: l10n.t('The box is not made for this provider. Vagrant says: {0}', oneLine(exit?.text ?? '')),
      next: l10n.t(
        'Name a box for libvirt, or another provider under customizations.switchyard.vm.provider.',
      ),
      remedies: [{ do: 'showLog' }],
      detail: exit?.text ?? '',
      cause: error,
    });
  }
  if (/BoxAddShortNotFound|BoxNotFound|BoxAddNoMatchingVersion|BoxAddMetadata|DownloaderError/.test(name)) {
    return new SwitchyardError({
      code: 'image.unavailable',
      what,
      why: l10n.t('Vagrant cannot get the box. It says: {0}', oneLine(exit?.text ?? '')),
      next: l10n.t('Check its name and version and the network, or add it by hand: vagrant box add.'),
      remedies: [{ do: 'retry' }, { do: 'showLog' }],
      detail: exit?.text ?? '',
      cause: error,
    });
  }
  return undefined;
}

function oneLine(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}
