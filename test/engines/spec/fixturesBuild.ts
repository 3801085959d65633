import { base, type SpecFixture } from './fixture.ts';

const dockerfile = (text: string, at = '.devcontainer/Dockerfile'): Readonly<Record<string, string>> => ({
  [at]: text,
});

const feature = (id: string, rest: object, install: string): Readonly<Record<string, string>> => ({
  [`.devcontainer/${id}/devcontainer-feature.json`]: JSON.stringify({
    id,
    version: '1.0.0',
    name: id,
    ...rest,
  }),
  [`.devcontainer/${id}/install.sh`]: `#!/bin/sh\nset -e\n${install}\n`,
});

const show = (script: string): string => `mkdir -p /tmp/out; { ${script}; } > /tmp/out/shown`;

/** Images that are built, and features. */
export const buildFixtures: readonly SpecFixture[] = [
  {
    name: 'a Dockerfile',
    config: { build: { dockerfile: 'Dockerfile' } },
    files: dockerfile(`FROM ${base}\nENV BUILT=yes\nWORKDIR /srv\n`),
    shows: ['"BUILT":"yes"'],
  },
  {
    name: 'build arguments',
    env: { SPEC_ARG: 'here' },
    config: { build: { dockerfile: 'Dockerfile', args: { ONE: '1 2', TWO: '${localEnv:SPEC_ARG}' } } },
    files: dockerfile(`FROM ${base}\nARG ONE\nARG TWO\nENV BUILT="$ONE-$TWO"\n`),
    shows: ['"BUILT":"1 2-here"'],
  },
  {
    name: 'a build target',
    config: { build: { dockerfile: 'Dockerfile', target: 'middle' } },
    files: dockerfile(`FROM ${base} AS middle\nENV STAGE=middle\nFROM middle AS last\nENV STAGE=last\n`),
    shows: ['"STAGE":"middle"'],
  },
  {
    name: 'a build context',
    config: { build: { dockerfile: 'Dockerfile', context: '..' }, postCreateCommand: show('cat /copied') },
    files: { ...dockerfile(`FROM ${base}\nCOPY top /copied\n`), top: 'of the project' },
    shows: ['of the project'],
  },
  {
    name: 'build options',
    config: { build: { dockerfile: 'Dockerfile', options: ['--label', 'spec.option=yes'] } },
    files: dockerfile(`FROM ${base}\nENV X=1\n`),
    shows: ['"spec.option":"yes"'],
  },
  {
    name: 'dockerFile and context at the top',
    config: { dockerFile: 'Dockerfile', context: '..', postCreateCommand: show('cat /copied') },
    files: { ...dockerfile(`FROM ${base}\nCOPY top /copied\n`), top: 'of the project' },
    shows: ['of the project'],
  },
  {
    name: 'a Dockerfile elsewhere',
    config: { build: { dockerfile: '../docker/Dev.dockerfile' } },
    files: dockerfile(`FROM ${base}\nENV BUILT=elsewhere\n`, 'docker/Dev.dockerfile'),
    shows: ['"BUILT":"elsewhere"'],
  },
  {
    name: 'cacheFrom',
    config: { build: { dockerfile: 'Dockerfile', cacheFrom: base } },
    files: dockerfile(`FROM ${base}\nENV BUILT=cached\n`),
    shows: ['"BUILT":"cached"'],
  },
  {
    name: 'a feature with options',
    config: { features: { './one': { level: 'high' } }, postCreateCommand: show('cat /one') },
    files: feature(
      'one',
      {
        options: { level: { type: 'string', default: 'low' }, more: { type: 'boolean', default: true } },
        containerEnv: { ONE_ENV: 'set' },
      },
      'echo "$LEVEL $MORE $_REMOTE_USER $_CONTAINER_USER" > /one',
    ),
    shows: ['high true root', '"ONE_ENV":"set"'],
    always: true,
  },
  {
    name: 'two features in the order they ask for',
    config: { features: { './one': {}, './two': {} }, postCreateCommand: show('cat /features') },
    files: {
      ...feature('one', { installsAfter: ['./two'] }, 'echo one >> /features'),
      ...feature('two', {}, 'echo two >> /features'),
    },
    shows: ['one', 'two'],
  },
  {
    name: 'two features in the order that the config gives',
    config: {
      features: { './one': {}, './two': {} },
      overrideFeatureInstallOrder: ['./two', './one'],
      postCreateCommand: show('cat /features'),
    },
    files: { ...feature('one', {}, 'echo one >> /features'), ...feature('two', {}, 'echo two >> /features') },
    shows: ['two\\none'],
  },
  {
    name: "features' hooks before the config's",
    config: {
      features: { './one': {} },
      onCreateCommand: 'echo config >> /tmp/out/order',
      postStartCommand: 'echo config start >> /tmp/out/order',
    },
    files: feature(
      'one',
      {
        onCreateCommand: 'mkdir -p /tmp/out; echo feature >> /tmp/out/order',
        postStartCommand: { a: 'echo feature start >> /tmp/out/order' },
      },
      'true',
    ),
    shows: ['feature\\nconfig\\nfeature start\\nconfig start'],
  },
  {
    name: 'mounts, capabilities and entrypoint of a feature',
    config: { features: { './one': {} } },
    files: feature(
      'one',
      {
        mounts: [{ source: 'switchyard-spec-feature', target: '/feature', type: 'volume' }],
        capAdd: ['SYS_PTRACE'],
        init: true,
        entrypoint: '/usr/local/share/one.sh',
      },
      'printf "#!/bin/sh\\nmkdir -p /tmp/out; echo ran > /tmp/out/entrypoint\\nexec \\"\\$@\\"\\n" > /usr/local/share/one.sh; chmod +x /usr/local/share/one.sh',
    ),
    shows: ['switchyard-spec-feature', 'SYS_PTRACE', '"entrypoint":"ran'],
  },
  {
    name: 'a feature over a Dockerfile with a user',
    config: {
      build: { dockerfile: 'Dockerfile' },
      remoteUser: 'dev',
      features: { './one': {} },
      postCreateCommand: show('cat /one'),
    },
    files: {
      ...dockerfile(`FROM ${base}\nENV BUILT=yes\n`),
      ...feature('one', {}, 'echo "$_REMOTE_USER $_REMOTE_USER_HOME" > /one'),
    },
    shows: ['dev /home/dev', '"BUILT":"yes"'],
  },
  {
    name: 'a feature that fails',
    config: { features: { './one': {} } },
    files: feature('one', {}, 'exit 7'),
    shows: ['"outcome":"failed"'],
  },
];
