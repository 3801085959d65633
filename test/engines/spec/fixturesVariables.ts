import { base, type SpecFixture } from './fixture.ts';

const rc = (text: string): Readonly<Record<string, string>> => ({
  '.devcontainer/Dockerfile': `FROM ${base}\n${text}`,
});
const build = { build: { dockerfile: 'Dockerfile' } };

/** In each startup file of a shell another variable is set. */
const startup = rc(
  [
    "RUN echo 'export FROM_PROFILE=1; PATH=/from/profile:$PATH' >> /home/dev/.profile",
    "RUN sed -i '1i export FROM_BASHRC=1; PATH=$PATH:/from/bashrc' /home/dev/.bashrc",
    "RUN echo 'export FROM_PROFILE_D=1' > /etc/profile.d/spec.sh && chown dev /home/dev/.profile /home/dev/.bashrc",
    'ENV PATH=/from/image:$PATH',
    '',
  ].join('\n'),
);

/** Variables and their substitution, and the environment of what runs. */
export const variableFixtures: readonly SpecFixture[] = [
  {
    name: 'containerEnv',
    config: { containerEnv: { A: 'one', B: 'two words' } },
    shows: ['A=one', 'B=two words', '"A":"one"'],
  },
  {
    name: 'remoteEnv',
    config: { remoteEnv: { A: 'one', B: 'two words' } },
    shows: ['"A":"one"', '"B":"two words"'],
    always: true,
  },
  {
    name: 'remoteEnv over containerEnv',
    config: { containerEnv: { A: 'c', B: 'c' }, remoteEnv: { A: 'r' } },
    shows: ['"A":"r"', '"B":"c"'],
  },
  {
    name: 'remoteEnv that extends PATH',
    config: { remoteEnv: { PATH: '/first:${containerEnv:PATH}:/last' } },
    shows: ['/first:/', ':/last'],
    always: true,
  },
  {
    name: 'containerEnv of the image',
    config: { ...build, remoteEnv: { COPY: '<${containerEnv:FROM_IMAGE}>' } },
    files: rc('ENV FROM_IMAGE="a b"\n'),
    shows: ['"COPY":"<a b>"'],
  },
  {
    name: 'containerEnv with a default, and without one',
    config: {
      remoteEnv: {
        A: '${containerEnv:NOPE:fallback}',
        B: '[${containerEnv:NOPE}]',
        C: '${containerEnv:NOPE:}',
      },
    },
    shows: ['"A":"fallback"', '"B":"[]"'],
  },
  {
    name: 'values with quotes, dollars and line breaks',
    config: {
      containerEnv: { Q: `it's "quoted" \\ $HOME \`id\` $(id)` },
      remoteEnv: { Q2: `it's "quoted" \\ $HOME \`id\` $(id)`, LINES: 'one\ntwo', EQUALS: 'a=b=c', EMPTY: '' },
    },
    shows: ['$(id)', 'one\\ntwo', '"EQUALS":"a=b=c"', '"EMPTY":""'],
  },
  {
    name: 'localEnv',
    env: { SPEC_LOCAL: 'from here' },
    config: { containerEnv: { A: '${localEnv:SPEC_LOCAL}' }, remoteEnv: { B: '${env:SPEC_LOCAL}' } },
    shows: ['A=from here', '"B":"from here"'],
  },
  {
    name: 'localEnv with a default, and without one',
    config: {
      remoteEnv: {
        A: '${localEnv:SPEC_NOPE:fallback}',
        B: '[${localEnv:SPEC_NOPE}]',
        C: '${localEnv:SPEC_NOPE:a:b}',
      },
    },
    shows: ['"A":"fallback"', '"B":"[]"', '"C":"a"'],
  },
  {
    name: 'a value that looks like a variable is not substituted again',
    env: { SPEC_NESTED: '${localWorkspaceFolder}' },
    config: { remoteEnv: { A: '${localEnv:SPEC_NESTED}' } },
    shows: ['"A":"${localWorkspaceFolder}"'],
  },
  {
    name: 'folders on this computer',
    config: { remoteEnv: { A: '${localWorkspaceFolder}', B: '${localWorkspaceFolderBasename}' } },
    shows: ['"B":"project"', '/project"'],
  },
  {
    name: 'folders in the container',
    config: {
      workspaceFolder: '/workspaces/${localWorkspaceFolderBasename}',
      remoteEnv: { A: '${containerWorkspaceFolder}', B: '${containerWorkspaceFolderBasename}' },
    },
    shows: ['"A":"/workspaces/project"', '"B":"project"'],
  },
  {
    name: 'devcontainerId',
    config: {
      containerEnv: { ID: 'x-${devcontainerId}' },
      remoteEnv: { ID2: '${devcontainerId}' },
      postCreateCommand: 'mkdir -p /tmp/out; echo "id $ID2 ${devcontainerId}" > /tmp/out/id',
    },
    notInTerminal: ['ID2'],
    shows: ['ID=x-', '"id":"id '],
    always: true,
  },
  {
    name: 'unknown variables stay',
    config: { remoteEnv: { A: '${nope}', B: '${nope:x}', C: '$HOME $${x} ${' } },
    shows: ['"A":"${nope}"', '"C":"$HOME $${x} ${"'],
  },
  {
    name: 'variables in lists and objects',
    env: { SPEC_NAME: 'n' },
    config: {
      runArgs: ['--hostname=${localWorkspaceFolderBasename}-h', '--label', 'spec.x=${localEnv:SPEC_NAME}'],
      mounts: [
        { type: 'volume', source: 'switchyard-spec-${localEnv:SPEC_NAME}', target: '/${localEnv:SPEC_NAME}' },
      ],
    },
    shows: ['project-h', '"spec.x":"n"', 'switchyard-spec-n'],
  },
  {
    name: 'variables in a hook',
    env: { SPEC_NAME: 'n' },
    config: {
      postCreateCommand: [
        'sh',
        '-c',
        'mkdir -p /tmp/out; echo "$@" > /tmp/out/args',
        'sh',
        '${localEnv:SPEC_NAME}',
        '${containerWorkspaceFolder}',
        '${devcontainerId}',
      ],
    },
    shows: ['n /workspaces/project '],
  },
  {
    name: 'userEnvProbe none',
    config: { ...build, remoteUser: 'dev', userEnvProbe: 'none' },
    files: startup,
    shows: ['/from/image'],
  },
  {
    name: 'userEnvProbe loginShell',
    config: { ...build, remoteUser: 'dev', userEnvProbe: 'loginShell' },
    files: startup,
    shows: ['"FROM_PROFILE":"1"', '"FROM_PROFILE_D":"1"'],
  },
  {
    name: 'userEnvProbe interactiveShell',
    config: { ...build, remoteUser: 'dev', userEnvProbe: 'interactiveShell' },
    files: startup,
    shows: ['"FROM_BASHRC":"1"'],
  },
  {
    name: 'userEnvProbe loginInteractiveShell',
    config: { ...build, remoteUser: 'dev', userEnvProbe: 'loginInteractiveShell' },
    files: startup,
    shows: ['"FROM_PROFILE":"1"', '"FROM_BASHRC":"1"', '/from/profile', '/from/image'],
    always: true,
  },
  {
    name: 'userEnvProbe where nothing is said',
    config: { ...build, remoteUser: 'dev' },
    files: startup,
    shows: ['"FROM_PROFILE":"1"'],
  },
  {
    name: 'remoteEnv over what the shell sets',
    config: { ...build, remoteUser: 'dev', remoteEnv: { FROM_PROFILE: 'over' } },
    files: startup,
    shows: ['"FROM_PROFILE":"over"'],
  },
  {
    name: 'remoteEnv that changed needs no rebuild',
    config: { remoteEnv: { A: 'before', GONE: '1' }, containerEnv: { C: 'c' } },
    then: {
      remoteEnv: { A: 'after ${containerEnv:C}', B: '${localWorkspaceFolderBasename}' },
      containerEnv: { C: 'new' },
    },
    shows: ['"A":"after c"', '"B":"project"', '"C":"c"'],
    always: true,
  },
  {
    name: 'userEnvProbe that changed needs no rebuild',
    config: { remoteUser: 'plain', userEnvProbe: 'none' },
    then: { remoteUser: 'plain', userEnvProbe: 'loginShell' },
    shows: ['"PLAIN":"1"'],
  },
];
