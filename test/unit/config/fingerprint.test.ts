import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { configFingerprint, liveConfig } from '../../../src/config/fingerprint.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'switchyard-fingerprint-'));
  file = path.join(folder, 'devcontainer.json');
  await mkdir(path.join(folder, 'one'));
});
afterEach(() => rm(folder, { recursive: true }));

const config = {
  build: { dockerfile: 'Dockerfile' },
  features: { './one': { level: 1 }, 'registry.example/x/y:1': {} },
  remoteEnv: { A: '1' },
};

async function fingerprintOf(text: string | object): Promise<string> {
  await writeFile(file, typeof text === 'string' ? text : JSON.stringify(text));
  return configFingerprint(file);
}

describe('the fingerprint', () => {
  it('stays where nothing changes that a rebuild would apply', async () => {
    const before = await fingerprintOf(config);
    expect(await fingerprintOf(`// a comment\n${JSON.stringify(config, undefined, 4)}`)).toBe(before);
    expect(await fingerprintOf({ ...config, name: 'n', customizations: { switchyard: {} } })).toBe(before);
    expect(await fingerprintOf({ ...config, remoteEnv: { A: '2' }, userEnvProbe: 'none' })).toBe(before);
  });

  it('changes with the config, the Dockerfile, a compose file and a local feature', async () => {
    const seen = [await fingerprintOf(config)];
    seen.push(await fingerprintOf({ ...config, containerEnv: { B: '1' } }));
    await writeFile(path.join(folder, 'Dockerfile'), 'FROM a');
    seen.push(await fingerprintOf(config));
    await writeFile(path.join(folder, 'Dockerfile'), 'FROM b');
    seen.push(await fingerprintOf(config));
    await writeFile(path.join(folder, 'one', 'install.sh'), 'true');
    seen.push(await fingerprintOf(config));
    const composed = { dockerComposeFile: ['a.yaml', 'b.yaml'], service: 'x' };
    seen.push(await fingerprintOf(composed));
    await writeFile(path.join(folder, 'b.yaml'), 'services: {}');
    seen.push(await fingerprintOf(composed));
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe('what needs no rebuild', () => {
  it('is remoteEnv and userEnvProbe', async () => {
    const live = async (text: object): Promise<string> => {
      await fingerprintOf(text);
      return liveConfig(file);
    };
    const before = await live(config);
    expect(await live({ ...config, build: { dockerfile: 'Other' } })).toBe(before);
    expect(await live({ ...config, remoteEnv: { A: '2' } })).not.toBe(before);
    expect(await live({ ...config, userEnvProbe: 'none' })).not.toBe(before);
  });
});
