import { readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { ignoredProperties, knownProperties, propertyTable } from '../../../src/environments/properties.ts';

const readme = new URL('../../../README.md', import.meta.url);

/**
 * Every property of the containers.dev schema (devContainer.base.schema.json), without those that it calls
 * deprecated and `$schema`.
 */
const schema = [
  ...['name', 'image', 'build', 'dockerFile', 'context', 'dockerComposeFile', 'service', 'runServices'],
  ...['features', 'overrideFeatureInstallOrder', 'secrets', 'hostRequirements', 'forwardPorts'],
  ...['portsAttributes', 'otherPortsAttributes', 'appPort', 'runArgs', 'shutdownAction', 'overrideCommand'],
  ...['workspaceFolder', 'workspaceMount', 'updateRemoteUserUID', 'containerEnv', 'containerUser', 'mounts'],
  ...['init', 'privileged', 'capAdd', 'securityOpt', 'remoteEnv', 'remoteUser', 'userEnvProbe', 'waitFor'],
  ...['initializeCommand', 'onCreateCommand', 'updateContentCommand', 'postCreateCommand'],
  ...['postStartCommand', 'postAttachCommand'],
];

describe('the table of properties', () => {
  it('speaks of every property of the schema, once', () => {
    const known = knownProperties();
    expect(schema.filter((name) => !known.includes(name))).toEqual([]);
    expect(new Set(known).size).toBe(known.length);
  });

  it('is the one in the README; with UPDATE_README=1 it is written there', async () => {
    const text = await readFile(readme, 'utf8');
    const [before = '', rest = ''] = text.split('<!-- properties -->');
    const [, after = ''] = rest.split('<!-- /properties -->');
    const wanted = await format(
      `${before}<!-- properties -->\n\n${propertyTable()}\n\n<!-- /properties -->${after}`,
      { parser: 'markdown', printWidth: 110 },
    );
    if (process.env['UPDATE_README']) await writeFile(readme, wanted);
    else expect(text).toBe(wanted);
  });
});

describe('ignoredProperties', () => {
  it('names what is set and left, with the reason', () => {
    const merged = {
      runArgs: ['--cpus', '1'],
      capAdd: [],
      privileged: false,
      remoteUser: 'dev',
      secrets: {},
    };
    expect(ignoredProperties('container', merged)).toEqual([]);
    expect(ignoredProperties('vm', merged)).toEqual([
      { property: 'runArgs', reason: expect.stringContaining('container engine') as string },
    ]);
  });

  it('knows a property by its name in a merged configuration', () => {
    expect(ignoredProperties('vm', { entrypoints: ['/start.sh'] }, 'box')).toMatchObject([
      { property: 'entrypoint of a feature' },
    ]);
  });
});
