import { describe, expect, it } from 'vitest';
import { parseSwitchyardConfig } from '../../../../src/config/read.ts';
import { expectRoom } from '../../../../src/environments/vm/supported.ts';

const host = { cpus: 4, memoryBytes: 8 * 2 ** 30 };
const file = '/p/.devcontainer/devcontainer.json';

function room(config: object): void {
  expectRoom(parseSwitchyardConfig(JSON.stringify(config), file).settings, host, file);
}

describe('expectRoom', () => {
  it('lets pass what the computer has', () => {
    expect(() => room({})).not.toThrow();
    expect(() => room({ hostRequirements: { cpus: 4, memory: '8gb' } })).not.toThrow();
  });

  it.each([
    [{ hostRequirements: { cpus: 5 } }, 'It is to have 5 CPUs, and this computer has 4.'],
    [
      { hostRequirements: { memory: '9gb' } },
      'It is to have 9.0 GiB of memory, and this computer has 8.0 GiB.',
    ],
    [
      { customizations: { switchyard: { vm: { cpus: 64 } } } },
      'It is to have 64 CPUs, and this computer has 4.',
    ],
  ])('refuses %j, and opens the file to mend it', (config, why) => {
    expect(() => room(config)).toThrow(
      expect.objectContaining({
        code: 'config.unsupported',
        why,
        remedies: [{ do: 'openFile', file }],
      }) as Error,
    );
  });

  it('goes by our own keys before hostRequirements', () => {
    const customizations = { switchyard: { vm: { cpus: 2 } } };
    expect(() => room({ hostRequirements: { cpus: 64 }, customizations })).not.toThrow();
  });
});
