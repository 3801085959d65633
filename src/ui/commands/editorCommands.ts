import * as l10n from '@vscode/l10n';
import * as vscode from 'vscode';
import { SwitchyardError } from '../../base/errors.ts';
import { editorAddress } from '../../browserEditor/address.ts';
import { copyEditor, findLocalEditor } from '../../browserEditor/copyEditor.ts';
import type { EditorServer } from '../../browserEditor/findServer.ts';
import type { OperationOptions } from '../../environments/environment.ts';
import { editorToken } from '../browserEditor/editorToken.ts';
import type { WindowEditors } from '../browserEditor/windowEditors.ts';
import type { CommandId } from '../commandIds.ts';
import { kindName } from '../tree/rowText.ts';
import type { CommandServices } from './services.ts';
import { requireTrust, targetEnvironment, type Target } from './targets.ts';

type Handlers = Partial<Record<CommandId, (argument?: unknown) => unknown>>;

/** The door that needs no other extension: an editor inside, in the browser. */
export function editorCommands(
  services: CommandServices,
  editors: WindowEditors,
  secrets: vscode.SecretStorage,
): Handlers {
  const start = async (
    { model, environment }: Target,
    options: OperationOptions,
  ): Promise<string | undefined> => {
    const opened = await model.switcher.open(environment.kind, options);
    return editors.of(model, environment).open({
      ...options,
      connection: opened.connection,
      workspaceFolder: opened.workspaceFolder,
      command: vscode.workspace.getConfiguration('switchyard').get<string>('browserEditor.command', ''),
      token: await editorToken(secrets),
      provide: () => offerCopy(kindName(environment.kind), opened.connection, options),
    });
  };

  return {
    'switchyard.openBrowserEditor': async (argument) => {
      requireTrust();
      const target = await targetEnvironment(services, argument, 'canConnect', l10n.t('Open Browser Editor'));
      if (!target) return;
      const { model, environment } = target;
      const title = l10n.t(
        'Opening the browser editor of {0} ({1})',
        model.project.name,
        kindName(environment.kind),
      );
      const address = await services.operations.run(title, environment, (options) => start(target, options));
      if (address === undefined) return;
      await openInBrowser(address);
    },
    'switchyard.stopBrowserEditor': async (argument) => {
      const title = l10n.t('Stop Browser Editor');
      const target = await targetEnvironment(services, argument, 'canConnect', title);
      if (target) editors.find(target.environment)?.stop();
    },
  };
}

/** @throws SwitchyardError `editor.failed` where the browser is elsewhere, and this editor gives it no own address */
async function openInBrowser(address: string): Promise<void> {
  const external = await vscode.env.asExternalUri(vscode.Uri.parse(address, true));
  const given = new URL(external.toString(true));
  const taken = editorAddress(new URL(address), given, vscode.env.uiKind === vscode.UIKind.Web);
  if (!taken) throw noOwnAddress();
  await vscode.env.openExternal(taken === given ? external : vscode.Uri.parse(taken.href, true));
}

function noOwnAddress(): SwitchyardError {
  return new SwitchyardError({
    code: 'editor.failed',
    what: l10n.t('The browser editor has no address that this browser can open.'),
    why: l10n.t(
      'The editor of this page gives ports addresses below its own, where a second editor would mix up its state with the first.',
    ),
    next: l10n.t(
      'Let it give each port a host name of its own (code-server: --proxy-domain), or forward the port of the editor from this computer with ssh -L.',
    ),
    remedies: [{ do: 'showLog' }],
  });
}

/** Asks whether the very editor of this window may be copied in, where it can run there. */
async function offerCopy(
  kind: string,
  connection: Parameters<typeof copyEditor>[0],
  options: OperationOptions,
): Promise<EditorServer | undefined> {
  const local = await findLocalEditor(process.execPath, vscode.env.appRoot);
  if (!local) throw noServer(kind);
  const copy = l10n.t('Copy');
  const chosen = await vscode.window.showInformationMessage(
    l10n.t('There is no editor in the {0} yet.', kind),
    {
      modal: true,
      detail: l10n.t(
        'The editor of this window can be copied into it: about 0.6 GB below the home folder, once. An image with code-server or openvscode-server needs no copy.',
      ),
    },
    copy,
  );
  return chosen === copy ? copyEditor(connection, local, options) : undefined;
}

function noServer(kind: string): SwitchyardError {
  return new SwitchyardError({
    code: 'editor.missing',
    what: l10n.t('There is no editor in the {0}.', kind),
    why: l10n.t(
      'Neither code-server nor openvscode-server is installed in it, and the editor of this window is no server.',
    ),
    next: l10n.t(
      'Add one of them to the image, or name another in the setting "switchyard.browserEditor.command".',
    ),
    remedies: [],
  });
}
