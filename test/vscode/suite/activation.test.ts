import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import { activationWindows, describeTime, median, totalMs, type Activations } from '../activations.ts';
import { measureActivations } from '../activationTimes.ts';
import { variables } from '../variables.ts';

const id = 'switchyard.switchyard';

describe('The extension', () => {
  let extension: vscode.Extension<unknown>;

  before(() => {
    const found = vscode.extensions.getExtension<unknown>(id);
    assert.ok(found, `${id} is not there`);
    extension = found;
  });

  it('activates in a project with a devcontainer.json', async () => {
    await extension.activate();
    assert.equal(extension.isActive, true);
  });

  it('registers the commands that package.json names, all of them and no others', async () => {
    await extension.activate();
    const manifest = extension.packageJSON as {
      contributes: {
        commands: { command: string }[];
        views?: Record<string, { id: string }[]>;
      };
    };
    const views = Object.values(manifest.contributes.views ?? {})
      .flat()
      .map((view) => view.id);
    // VS Code itself registers `<view>.focus` and its like.
    const isOfAView = (command: string): boolean => views.some((view) => command.startsWith(`${view}.`));
    const registered = (await vscode.commands.getCommands(true)).filter(
      (command) => command.startsWith('switchyard.') && !isOfAView(command),
    );
    assert.deepEqual(registered.sort(), manifest.contributes.commands.map(({ command }) => command).sort());
  });

  it('activates no slower than the built-in git extension, in the same windows', async () => {
    const file = process.env[variables.activations];
    assert.ok(file !== undefined, 'no file with what earlier windows measured');
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    const windows = [...lines.map((line) => JSON.parse(line) as Activations), await measureActivations()];
    assert.ok(windows.length >= activationWindows, `only ${windows.length} windows were measured`);
    const ours = median(windows.map((window) => window.ours));
    const git = median(windows.map((window) => window.git));
    const all = windows.map((window) => `${totalMs(window.ours)}/${totalMs(window.git)}`).join(', ');
    const measured = `ours ${describeTime(ours)}, git ${describeTime(git)}; medians of ${windows.length} windows: ${all}`;
    console.log(`[test] activation: ${measured}`);
    assert.ok(totalMs(ours) <= totalMs(git), measured);
  });
});
