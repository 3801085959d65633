import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import * as vscode from 'vscode';
import { activationTimes } from '../activationTimes.ts';

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

  it('activates no slower than the built-in git extension, in the same window', async () => {
    await extension.activate();
    const git = vscode.extensions.getExtension('vscode.git');
    assert.ok(git, 'the built-in git extension is not there');
    await git.activate();
    const times = await activationTimes();
    const ours = times.get(id);
    const theirs = times.get('vscode.git');
    assert.ok(ours, `VS Code measured no activation of ${id}`);
    assert.ok(theirs, 'VS Code measured no activation of vscode.git');
    console.log(`[test] activation: ours ${describeTime(ours)}, git ${describeTime(theirs)}`);
    assert.ok(total(ours) <= total(theirs), `ours ${describeTime(ours)}, git ${describeTime(theirs)}`);
  });
});

type Time = NonNullable<ReturnType<Awaited<ReturnType<typeof activationTimes>>['get']>>;

/** Everything that the extension host did for it: loading its code, the call, and what the call waited for. */
function total(time: Time): number {
  return time.loadMs + time.callMs + time.resolveMs;
}

function describeTime(time: Time): string {
  return `${total(time)} ms (load ${time.loadMs}, call ${time.callMs}, until resolved ${time.resolveMs})`;
}
