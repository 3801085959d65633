import * as l10n from '@vscode/l10n';
import { attributesOf, portKey, type PortsConfig } from '../../config/ports.ts';
import type { ForwardedPort } from '../../ports/environmentPorts.ts';
import type { RowText } from '../tree/row.ts';

/** Longest command that a row shows, in characters. */
const commandLength = 24;

/** The group row of an environment's ports; undefined where there are none and none can be. */
export function portsRow(
  config: PortsConfig,
  ports: readonly ForwardedPort[],
  isRunning: boolean,
): RowText | undefined {
  if (ports.length > 0) {
    const addresses = ports.map((port) => l10n.t('{0} at {1}', portName(port), localAddress(port)));
    return {
      label: l10n.t('Ports'),
      description: l10n.t('{0} forwarded', ports.length),
      tooltip: l10n.t('Forwarded to this computer: {0}.', addresses.join(', ')),
    };
  }
  const named = config.forward.map((port) => {
    const { label } = attributesOf(config, port, undefined);
    return label === undefined ? portKey(port) : `${portKey(port)} ${label}`;
  });
  if (named.length === 0) {
    if (!isRunning) return undefined;
    return {
      label: l10n.t('Ports'),
      description: l10n.t('none forwarded'),
      tooltip: l10n.t(
        'Ports on which something begins to listen are forwarded while this is the active environment.',
      ),
    };
  }
  return {
    label: l10n.t('Ports'),
    description: named.join(', '),
    tooltip: l10n.t(
      'Ports that the configuration names: {0}. They are forwarded while this is the active environment and runs.',
      named.join(', '),
    ),
  };
}

/** One forwarded port. */
export function portRow(port: ForwardedPort): RowText {
  const { attributes, command, key, localPort } = port;
  const program = command === undefined ? undefined : programName(command);
  const parts = [attributes.label, program].filter((part) => part !== undefined);
  if (port.listening === false) parts.push(l10n.t('nobody listens yet'));
  const lines = [l10n.t('Port {0} inside is {1} on this computer.', key, localAddress(port))];
  if (localPort !== port.port)
    lines.push(l10n.t('The same number was not free, or another one was asked for.'));
  if (command !== undefined) lines.push(l10n.t('What listens: {0}', command));
  if (port.listening === false) lines.push(l10n.t('Nobody listens there inside yet.'));
  return {
    label: localPort === port.port && port.host === undefined ? key : `${key} → ${localPort}`,
    description: parts.join(' · '),
    tooltip: lines.join('\n\n'),
  };
}

/** The row of a browser editor that runs. */
export function editorRow(): RowText {
  return {
    label: l10n.t('Editor'),
    description: l10n.t('in the browser'),
    tooltip: l10n.t('An editor runs inside and can be opened in the browser.'),
  };
}

/** Where it is on this computer: "127.0.0.1:3000". */
export function localAddress({ localPort }: ForwardedPort): string {
  return `127.0.0.1:${localPort}`;
}

/** Its address for a browser. */
export function browserAddress({ attributes, localPort }: ForwardedPort): string {
  return `${attributes.protocol ?? 'http'}://127.0.0.1:${localPort}/`;
}

/** "3000", or with its label "3000 (Web)". */
export function portName({ key, attributes }: ForwardedPort): string {
  return attributes.label === undefined ? key : `${key} (${attributes.label})`;
}

/** What a person would call the program: "python3" for "/usr/bin/python3 -m http.server". */
function programName(command: string): string {
  const [program = ''] = command.split(' ');
  return program.replace(/^.*\/(?=.)/, '').slice(0, commandLength);
}
