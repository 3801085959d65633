import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import type { EnvironmentPorts, ForwardedPort } from '../../ports/environmentPorts.ts';
import type { ErrorReporter } from '../errors.ts';
import { kindName } from '../tree/rowText.ts';
import { openPort, previewPort } from './openPort.ts';
import { localAddress, portName } from './portText.ts';
import type { WindowPorts } from './windowPorts.ts';

/** Does what the config says when something begins to listen: tells it, opens it, or keeps quiet; once a port. */
export function tellPorts(windowPorts: WindowPorts, errors: ErrorReporter): Disposable {
  const disposables = new DisposableStore();
  const told = new Set<string>();
  disposables.add(
    windowPorts.onDidListen(({ ports, port }) => {
      const { environment } = ports;
      const name = `${environment.project.id} ${environment.kind} ${port.key}`;
      const isNew = !told.has(name);
      told.add(name);
      // Who asked for a port in person knows of it.
      if (port.origin === 'person') return;
      act(ports, port, isNew).catch((error: unknown) =>
        errors.report(error, l10n.t('Port {0} could not be opened.', portName(port))),
      );
    }),
  );
  disposables.add(
    windowPorts.onDidFail((error) => errors.report(error, error.what, { severity: 'warning' })),
  );
  return disposables;
}

async function act(ports: EnvironmentPorts, port: ForwardedPort, isNew: boolean): Promise<void> {
  switch (port.attributes.onAutoForward) {
    case 'ignore':
    case 'silent':
      return;
    case 'openBrowser':
      return openPort(port);
    case 'openBrowserOnce':
      return isNew ? openPort(port) : undefined;
    case 'openPreview':
      return previewPort(port);
    case 'notify':
      return isNew ? notify(ports, port) : undefined;
  }
}

async function notify(ports: EnvironmentPorts, port: ForwardedPort): Promise<void> {
  const open = l10n.t('Open in Browser');
  const stop = l10n.t('Stop Forwarding');
  const kind = kindName(ports.environment.kind);
  const message =
    port.localPort === port.port
      ? l10n.t('Port {0} of the {1} is at {2}.', portName(port), kind, localAddress(port))
      : l10n.t(
          'Port {0} of the {1} is at {2}: {3} is taken on this computer.',
          portName(port),
          kind,
          localAddress(port),
          port.port,
        );
  const chosen = await vscode.window.showInformationMessage(message, open, stop);
  if (chosen === open) await openPort(port);
  else if (chosen === stop) await ports.stop(port.key);
}
