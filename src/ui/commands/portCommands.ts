import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { parseGuestPort, type GuestPort } from '../../config/ports.ts';
import type { CommandId } from '../commandIds.ts';
import { openPort, pasteableAddress } from '../ports/openPort.ts';
import { localAddress, portName } from '../ports/portText.ts';
import type { WindowPorts } from '../ports/windowPorts.ts';
import { isPortNode } from '../tree/nodes.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetEnvironment } from './targets.ts';

/** How long a passing message stands in the status bar, in milliseconds. */
const toldMs = 5_000;

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** Commands about the ports of an environment. */
export function portCommands(services: CommandServices, windowPorts: WindowPorts): Handlers {
  return {
    'switchyard.forwardPort': async (argument) => {
      requireTrust();
      const title = l10n.t('Forward a Port');
      const target = await targetEnvironment(services, argument, 'canConnect', title);
      if (!target) return;
      const { environment } = target;
      const asked = await askPort(title, kindName(environment.kind));
      if (!asked) return;
      const port = await windowPorts.of(environment).forward(asked.inside, asked.localPort);
      vscode.window.setStatusBarMessage(
        l10n.t('Port {0} is at {1}.', portName(port), localAddress(port)),
        toldMs,
      );
    },
    'switchyard.openPort': async (argument) => {
      if (isPortNode(argument)) await openPort(argument.port);
    },
    'switchyard.copyPortAddress': async (argument) => {
      if (!isPortNode(argument)) return;
      const address = await pasteableAddress(argument.port);
      await vscode.env.clipboard.writeText(address);
      vscode.window.setStatusBarMessage(l10n.t('Copied: {0}', address), toldMs);
    },
    'switchyard.stopPort': async (argument) => {
      if (isPortNode(argument)) await windowPorts.of(argument.environment).stop(argument.port.key);
    },
  };
}

interface Asked {
  readonly inside: GuestPort;
  /** Undefined: the same number. */
  readonly localPort: number | undefined;
}

async function askPort(title: string, kind: string): Promise<Asked | undefined> {
  const text = await vscode.window.showInputBox({
    title,
    prompt: l10n.t('A port inside the {0}: 3000, db:5432, or 8080=3000 for another number here.', kind),
    placeHolder: '3000',
    validateInput: (value) =>
      value === '' || parseAsked(value)
        ? undefined
        : l10n.t('A number from 1 to 65535 is expected, as in 3000, db:5432 or 8080=3000.'),
  });
  return text === undefined ? undefined : parseAsked(text);
}

function parseAsked(text: string): Asked | undefined {
  const [, local, inside = ''] = /^(?:\s*(\d+)\s*=)?(.*)$/.exec(text) ?? [];
  const port = parseGuestPort(inside);
  const here = local === undefined ? undefined : parseGuestPort(local)?.port;
  if (!port || (local !== undefined && here === undefined)) return undefined;
  return { inside: port, localPort: here };
}
