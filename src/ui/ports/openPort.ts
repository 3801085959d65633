import * as vscode from 'vscode';
import type { ForwardedPort } from '../../ports/environmentPorts.ts';
import { browserAddress, localAddress } from './portText.ts';

/** The port's address for the browser that the person looks at, which may be on another computer than we are. */
async function externalAddress(port: ForwardedPort): Promise<vscode.Uri> {
  return vscode.env.asExternalUri(vscode.Uri.parse(browserAddress(port), true));
}

export async function openPort(port: ForwardedPort): Promise<void> {
  await vscode.env.openExternal(await externalAddress(port));
}

/** In the editor's own browser. */
export async function previewPort(port: ForwardedPort): Promise<void> {
  const address = await externalAddress(port);
  await vscode.commands.executeCommand('simpleBrowser.show', address.toString(true));
}

/** What a person pastes into a browser or another program. */
export async function pasteableAddress(port: ForwardedPort): Promise<string> {
  const local = vscode.Uri.parse(browserAddress(port), true);
  const external = await vscode.env.asExternalUri(local);
  if (external.authority !== local.authority) return external.toString(true);
  return port.attributes.protocol === undefined ? localAddress(port) : external.toString(true);
}
