import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import fc from 'fast-check';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { devcontainerSchema } from '../../../src/config/block.ts';
import { parseSwitchyardConfig } from '../../../src/config/read.ts';

const shipped = new URL('../../../media/switchyard.schema.json', import.meta.url);

/** Names of our block, and some that are not, so that random blocks are near to valid ones. */
const someKey = fc.constantFrom(
  ...['environment', 'container', 'vm', 'sync', 'workspace', 'onLeave', 'source', 'cpus', 'memory', 'disk'],
  ...[
    'readySnapshot',
    'provider',
    'acceleration',
    'ignore',
    'protect',
    'box',
    'version',
    'vagrantfile',
    'machine',
    'colour',
  ],
  '__proto__',
  'constructor',
);
const someValue = fc.oneof(
  fc.constantFrom('container', 'vm', 'host', 'mount', 'ssh', 'keep', 'stop', 'pause', 'suspend', 'image'),
  fc.constantFrom('auto', 'kvm', '4gb', '0gb', '12', '1.5gb', '9999tb', '999999999999999', '', 'libvirt'),
  fc.constantFrom(0, 1, 2, 2.5, -1, true, null),
  fc.array(fc.oneof(fc.string({ maxLength: 3 }), fc.integer()), { maxLength: 3 }),
);
const { block } = fc.letrec<{ block: Record<string, unknown> }>((tie) => ({
  block: fc.dictionary(someKey, fc.oneof({ maxDepth: 4 }, someValue, tie('block')), { maxKeys: 4 }),
}));

/** Blocks in which every key stands where it belongs; values may still be wrong. */
const wellPlaced = fc.record(
  {
    environment: someValue,
    container: fc.record({ workspace: someValue, onLeave: someValue }, { requiredKeys: [] }),
    vm: fc.record(
      {
        source: fc.oneof(
          someValue,
          fc.record({ box: someValue, version: someValue }, { requiredKeys: [] }),
          fc.record({ vagrantfile: someValue, machine: someValue, box: someValue }, { requiredKeys: [] }),
        ),
        cpus: someValue,
        memory: someValue,
        acceleration: someValue,
        readySnapshot: someValue,
      },
      { requiredKeys: [] },
    ),
    sync: fc.record({ ignore: someValue, protect: someValue }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);

function validatorAccepts(file: unknown): boolean {
  try {
    parseSwitchyardConfig(JSON.stringify(file), '/p/devcontainer.json');
    return true;
  } catch {
    return false;
  }
}

describe('the JSON schema', () => {
  it('is the one that ships, and is contributed for every place of the spec', async () => {
    const text = await format(JSON.stringify(devcontainerSchema()), { parser: 'json', printWidth: 110 });
    await expect(text).toMatchFileSnapshot(shipped.pathname);
    const manifest = JSON.parse(
      await readFile(new URL('../../../package.json', import.meta.url), 'utf8'),
    ) as { contributes: { jsonValidation: unknown } };
    expect(manifest.contributes.jsonValidation).toEqual([
      { fileMatch: ['devcontainer.json', '.devcontainer.json'], url: './media/switchyard.schema.json' },
    ]);
  });

  it('agrees with the validator', () => {
    const accepts = new Ajv({ strict: false, validateFormats: false }).compile(devcontainerSchema());
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(block, wellPlaced, wellPlaced), (switchyard) => {
        const file: unknown = JSON.parse(JSON.stringify({ customizations: { switchyard } }));
        const verdict = validatorAccepts(file);
        if (verdict) accepted += 1;
        expect(accepts(file)).toBe(verdict);
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  it('leaves the rest of the file to others', () => {
    const accepts = new Ajv({ strict: false }).compile(devcontainerSchema());
    expect(accepts({ image: 3, customizations: { vscode: { settings: 1 } } })).toBe(true);
  });
});
