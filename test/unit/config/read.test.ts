import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SwitchyardError } from '../../../src/base/errors.ts';
import {
  parseSwitchyardConfig,
  readSwitchyardConfig,
  settingsForVagrantfile,
} from '../../../src/config/read.ts';

const file = '/p/.devcontainer/devcontainer.json';

function failure(text: string): SwitchyardError {
  try {
    parseSwitchyardConfig(text, file);
  } catch (error) {
    if (error instanceof SwitchyardError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}

describe('defaults', () => {
  it('are those of the product where nothing is said', () => {
    expect(parseSwitchyardConfig('{ "image": "debian:bookworm" }', file)).toEqual({
      name: undefined,
      settings: {
        environment: 'container',
        container: { workspace: 'mount', onLeave: 'keep' },
        vm: {
          source: { type: 'image' },
          cpus: 2,
          memoryBytes: 2 * 2 ** 30,
          diskBytes: 20 * 2 ** 30,
          provider: undefined,
          acceleration: 'auto',
          workspace: 'ssh',
          onLeave: 'suspend',
          readySnapshot: false,
        },
        sync: { ignore: [], protect: [] },
      },
    });
  });

  it('keep no ready snapshot, which costs disk, unless it is asked for', () => {
    const { settings } = parseSwitchyardConfig(
      '{ "customizations": { "switchyard": { "vm": { "readySnapshot": true } } } }',
      file,
    );
    expect(settings.vm.readySnapshot).toBe(true);
    expect(() =>
      parseSwitchyardConfig(
        '{ "customizations": { "switchyard": { "vm": { "readySnapshot": "yes" } } } }',
        file,
      ),
    ).toThrow(/readySnapshot/);
  });

  it('size the VM by hostRequirements, unless our block says otherwise', () => {
    const { settings } = parseSwitchyardConfig(
      `{ // sizes
         "hostRequirements": { "cpus": 3, "memory": "512mb", "storage": "8gb", },
         "customizations": { "switchyard": { "vm": { "memory": "1gb" } } }, /* the end */
       }`,
      file,
    );
    expect(settings.vm).toMatchObject({ cpus: 3, memoryBytes: 2 ** 30, diskBytes: 8 * 2 ** 30 });
  });

  it('open a project that has only a Vagrantfile in its VM', () => {
    const settings = settingsForVagrantfile('/p/Vagrantfile');
    expect(settings.environment).toBe('vm');
    expect(settings.vm.source).toEqual({
      type: 'vagrantfile',
      vagrantfile: '/p/Vagrantfile',
      machine: undefined,
    });
  });
});

describe('what is written', () => {
  it('is taken as it is', () => {
    const { name, settings } = parseSwitchyardConfig(
      JSON.stringify({
        name: 'api',
        customizations: {
          vscode: { extensions: ['x.y'] },
          switchyard: {
            environment: 'vm',
            container: { workspace: 'ssh', onLeave: 'pause' },
            vm: { source: { vagrantfile: '../Vagrantfile', machine: 'web' }, acceleration: 'tcg', cpus: 4 },
            sync: { ignore: ['dist/'] },
          },
        },
      }),
      file,
    );
    expect(name).toBe('api');
    expect(settings.container).toEqual({ workspace: 'ssh', onLeave: 'pause' });
    expect(settings.vm.source).toEqual({
      type: 'vagrantfile',
      vagrantfile: '/p/Vagrantfile',
      machine: 'web',
    });
    expect(settings.vm).toMatchObject({ acceleration: 'tcg', cpus: 4 });
    expect(settings.sync).toEqual({ ignore: ['dist/'], protect: [] });
  });

  it('may name a box', () => {
    const text = '{"customizations":{"switchyard":{"vm":{"source":{"box":"debian/bookworm64"}}}}}';
    expect(parseSwitchyardConfig(text, file).settings.vm.source).toEqual({
      type: 'box',
      box: 'debian/bookworm64',
      version: undefined,
    });
  });
});

describe('trouble in the file', () => {
  it.each([
    ['{\n  "image": "x"\n  "name": "y"\n}', 3, 3, 'comma'],
    ['{ "name": tru }', 1, 11, 'neither'],
    ['{\r\n  "name": "y', 2, 11, 'closing quote'],
    ['', 1, 1, 'value'],
    ['{ "a": 1 } "x"', 1, 12, 'end here'],
  ])('broken JSON %j names line and column', (text, line, column, why) => {
    const error = failure(text);
    expect(error.code).toBe('config.syntax');
    expect(error.why).toContain(why);
    expect(error.remedies).toEqual([{ do: 'openFile', file, line, column }]);
    expect(error.why).toContain(`${file}, line ${line}, column ${column}`);
  });

  it.each([
    ['{"vm": {"onLeave": "sleep"}}', 'vm.onLeave" is "sleep"; allowed are: "suspend", "stop", "keep"', 20],
    ['{"vms": {}}', 'switchyard.vms" is not known; allowed are: "environment", "container", "vm", "sync"', 2],
    ['{"vm": {"cpus": "2"}}', 'vm.cpus" is "2", but must be a whole number of at least 1', 17],
    ['{"vm": {"memory": "4 GB"}}', 'vm.memory" is "4 GB", but must be a size', 19],
    ['{"sync": {"ignore": ["a", 1]}}', 'sync.ignore[1]" is 1, but must be a text', 27],
    ['{"vm": {"source": {"machine": "x"}}}', '"image" | { "box": …, "version"?: … } | { "vagrantfile"', 19],
    ['{"vm": {"source": {"box": "b", "boks": 1}}}', 'vm.source.boks" is not known; allowed are: "box"', 32],
    ['[]', 'customizations.switchyard" is [], but must be an object', 1],
  ])('an unknown key or value in %s is named with what is allowed', (block, why, column) => {
    const head = '{"customizations":{"switchyard":\n';
    const error = failure(`${head}${block}}}`);
    expect(error.code).toBe('config.invalid');
    expect(error.why).toContain(why);
    expect(error.remedies).toEqual([{ do: 'openFile', file, line: 2, column }]);
  });

  it('names the first of several in the order of the file', () => {
    const error = failure('{"hostRequirements": {"cpus": 0}, "customizations": {"switchyard": {"x": 1}}}');
    expect(error.why).toContain('hostRequirements.cpus');
  });

  it('of the whole file is named too', () => {
    expect(failure('[1]').why).toContain('"devcontainer.json" is [1], but must be an object');
  });

  it('takes no key of an object for granted that every object has', () => {
    const inBlock = (block: string): string => failure(`{"customizations":{"switchyard":${block}}}`).why;
    expect(inBlock('{"__proto__":{}}')).toContain('__proto__" is not known');
    expect(inBlock('{"toString":{}}')).toContain('toString" is not known');
  });

  it('survives nesting that no parser can follow', () => {
    expect(failure('['.repeat(200_000)).code).toBe('config.syntax');
  });

  it('is always an error with a position, whatever the text', () => {
    const near = fc.stringMatching(/^[{}[\],:"a1 \n/*]{0,40}$/);
    fc.assert(
      fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
        try {
          parseSwitchyardConfig(text, file);
        } catch (error) {
          if (!(error instanceof SwitchyardError)) throw error;
          expect(error.remedies[0]).toMatchObject({ do: 'openFile', file });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says that there is no file', async () => {
    await expect(readSwitchyardConfig('/nowhere/devcontainer.json')).rejects.toMatchObject({
      code: 'config.missing',
    });
  });
});
