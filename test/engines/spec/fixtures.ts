import { base, type SpecFixture } from './fixture.ts';
import { buildFixtures } from './fixturesBuild.ts';
import { composeFixtures } from './fixturesCompose.ts';
import { hookFixtures } from './fixturesHooks.ts';
import { variableFixtures } from './fixturesVariables.ts';

/** Prints what only the container itself can tell. */
const look = (script: string): string => `mkdir -p /tmp/out; { ${script}; } > /tmp/out/look 2>&1`;

const places: readonly SpecFixture[] = [
  {
    name: 'an image and nothing else',
    config: {},
    shows: ['/workspaces/project', '"user":"root"'],
    always: true,
  },
  {
    name: 'comments and trailing commas',
    config: `// first\n{ "image": "${base}", /* here */ "remoteEnv": { "A": "1", }, }\n`,
    shows: ['"A":"1"'],
  },
  {
    name: 'the config beside the code',
    at: '.devcontainer.json',
    config: {},
    shows: ['/workspaces/project'],
  },
  {
    name: 'a named config',
    at: '.devcontainer/go/devcontainer.json',
    config: {},
    shows: ['/workspaces/project'],
  },
  {
    name: 'a folder with spaces',
    folder: 'my  own project',
    config: {},
    shows: ['/workspaces/my  own project'],
  },
  { name: 'a folder with shell signs', folder: "it's $HOME `id`", config: {}, shows: ["it's $HOME `id`"] },
  { name: 'a folder with Unicode', folder: 'ünï 日本', config: {}, shows: ['/workspaces/ünï 日本'] },
  {
    name: 'a workspace folder and mount of its own',
    config: {
      workspaceFolder: '/work/here',
      workspaceMount: 'source=${localWorkspaceFolder},target=/work/here,type=bind,consistency=cached',
    },
    shows: ['"cwd":"/work/here"'],
    always: true,
  },
  {
    name: 'a workspace folder below the mount',
    config: { workspaceFolder: '/workspaces/project/sub' },
    files: { 'sub/file': 'x' },
    shows: ['"cwd":"/workspaces/project/sub"'],
  },
  {
    name: 'no workspace mount',
    config: { workspaceFolder: '/srv', workspaceMount: '' },
    shows: ['"cwd":"/srv"'],
  },
];

const users: readonly SpecFixture[] = [
  {
    name: 'remoteUser',
    config: { remoteUser: 'dev' },
    shows: ['"user":"dev"', '"HOME":"/home/dev"'],
    always: true,
  },
  { name: 'containerUser', config: { containerUser: 'dev' }, shows: ['"user":"dev"', '"User":"dev"'] },
  {
    name: 'containerUser and another remoteUser',
    config: { containerUser: 'dev', remoteUser: 'root' },
    shows: ['"user":"root"', '"User":"dev"'],
  },
  { name: 'remoteUser by its number', config: { remoteUser: '1000' }, shows: ['"user":"dev"'] },
  { name: 'the user of runArgs', config: { runArgs: ['-u', 'dev'] }, shows: ['"User":"dev"'] },
  {
    name: 'the user of the image',
    config: { build: { dockerfile: 'Dockerfile' } },
    files: { '.devcontainer/Dockerfile': `FROM ${base}\nUSER dev\n` },
    shows: ['"user":"dev"'],
  },
  {
    name: 'a remoteUser whose UID stays',
    config: { remoteUser: 'dev', updateRemoteUserUID: false },
    shows: ['"uid":"1000"'],
  },
  {
    name: 'a user with another shell',
    config: { remoteUser: 'plain', postCreateCommand: look('echo $0; echo $PLAIN') },
    shows: ['"user":"plain"'],
  },
];

const merging: readonly SpecFixture[] = [
  {
    name: "the image's metadata",
    config: {},
    metadata: [
      { remoteUser: 'dev', remoteEnv: { META: 'yes' }, containerEnv: { BAKED: 'in' } },
      { postCreateCommand: look('echo by the image') },
    ],
    shows: ['"user":"dev"', '"META":"yes"', 'by the image', 'BAKED=in'],
    always: true,
  },
  {
    name: "the config over the image's metadata",
    config: {
      remoteUser: 'root',
      remoteEnv: { META: 'config', MORE: '1' },
      containerEnv: { BAKED: 'over' },
    },
    metadata: {
      remoteUser: 'dev',
      remoteEnv: { META: 'image', KEPT: '1' },
      containerEnv: { BAKED: 'in' },
    },
    shows: ['"user":"root"', '"META":"config"', '"KEPT":"1"', 'BAKED=over'],
  },
  {
    name: "the image's hooks before the config's",
    config: {
      onCreateCommand: 'echo 4 >> /tmp/out/order',
      postCreateCommand: 'echo 6 >> /tmp/out/order',
    },
    metadata: [
      {
        onCreateCommand: 'mkdir -p /tmp/out; echo 1 >> /tmp/out/order',
        postCreateCommand: 'echo 5 >> /tmp/out/order',
      },
      { onCreateCommand: ['sh', '-c', 'echo 2 >> /tmp/out/order'] },
      { onCreateCommand: { three: 'echo 3 >> /tmp/out/order' } },
    ],
    shows: ['1\\n2\\n3\\n4\\n5\\n6'],
  },
  {
    name: "mounts, capabilities and flags of the image's metadata",
    config: {
      mounts: ['type=tmpfs,target=/one', { type: 'volume', source: 'switchyard-spec-two', target: '/two' }],
      capAdd: ['SYS_PTRACE'],
    },
    metadata: [
      { mounts: ['source=switchyard-spec-one,target=/one,type=volume'], capAdd: ['NET_ADMIN'], init: true },
      { securityOpt: ['seccomp=unconfined'], privileged: false },
    ],
    shows: ['NET_ADMIN', 'SYS_PTRACE', 'seccomp=unconfined', '"Init":true', '/one', 'switchyard-spec-two'],
  },
  {
    name: 'userEnvProbe of the image',
    config: {},
    metadata: { userEnvProbe: 'none' },
    shows: ['/workspaces/project'],
  },
];

const running: readonly SpecFixture[] = [
  {
    name: 'a bind mount',
    config: {
      mounts: ['source=${localWorkspaceFolder}/data,target=/data,type=bind,readonly'],
      postCreateCommand: look('cat /data/file'),
    },
    files: { 'data/file': 'mounted' },
    shows: ['mounted', '"RW":false'],
    always: true,
  },
  {
    name: 'a volume by an object',
    config: { mounts: [{ source: 'switchyard-spec-${devcontainerId}', target: '/data', type: 'volume' }] },
    shows: ['switchyard-spec-', '/data'],
  },
  {
    name: 'a tmpfs',
    config: {
      mounts: ['type=tmpfs,target=/scratch'],
      postCreateCommand: look('df /scratch | tail -1 | cut -d" " -f1'),
    },
    shows: ['tmpfs'],
  },
  {
    name: 'runArgs',
    config: {
      runArgs: [
        '--memory',
        '300m',
        '--cpus=1.5',
        '--hostname',
        'spec-host',
        '--label',
        'spec.label=a b',
        '--shm-size=128m',
      ],
    },
    shows: ['314572800', '1500000000', '"spec.label":"a b"', 'spec-host'],
  },
  {
    name: 'init',
    config: { init: true, postCreateCommand: look('cat /proc/1/comm') },
    shows: ['"Init":true', 'docker-init'],
  },
  // A machine that may not do so itself fails with both.
  { name: 'privileged', config: { privileged: true }, shows: ['"outcome"'] },
  { name: 'capAdd', config: { capAdd: ['NET_ADMIN', 'SYS_PTRACE'] }, shows: ['NET_ADMIN'] },
  { name: 'securityOpt', config: { securityOpt: ['seccomp=unconfined'] }, shows: ['seccomp=unconfined'] },
  {
    name: "the image's own command",
    config: {
      build: { dockerfile: 'Dockerfile' },
      overrideCommand: false,
      postCreateCommand: look('tr "\\0" " " < /proc/1/cmdline'),
    },
    files: {
      '.devcontainer/Dockerfile': `FROM ${base}\nENTRYPOINT ["/bin/sh", "-c"]\nCMD ["exec sleep 98765"]\n`,
    },
    shows: ['sleep 98765'],
  },
  { name: 'appPort', config: { appPort: ['127.0.0.1:34567:80'] }, shows: ['34567'] },
  { name: 'appPort by its number', config: { appPort: 34568 }, shows: ['34568'] },
  {
    name: 'ports, requirements and what happens at the end',
    config: {
      forwardPorts: [3000, 'db:5432'],
      portsAttributes: { 3000: { label: 'Web', onAutoForward: 'silent' } },
      otherPortsAttributes: { onAutoForward: 'ignore' },
      hostRequirements: { cpus: 1, memory: '64mb', storage: '1gb' },
      shutdownAction: 'none',
      customizations: { switchyard: {}, other: { any: 1 } },
    },
    shows: ['/workspaces/project'],
  },
  {
    name: 'entrypoint of a stopped container',
    config: { init: true, postStartCommand: 'mkdir -p /tmp/out; echo up >> /tmp/out/starts' },
    restart: true,
    shows: ['up\\nup'],
  },
];

const refused: readonly SpecFixture[] = [
  {
    name: 'a Dockerfile that is not there',
    config: { build: { dockerfile: 'Nowhere' } },
    shows: ['"outcome":"failed"'],
  },
  {
    name: 'a Dockerfile that fails',
    config: { build: { dockerfile: 'Dockerfile' } },
    files: { '.devcontainer/Dockerfile': `FROM ${base}\nRUN exit 3\n` },
    shows: ['"outcome":"failed"'],
  },
  {
    name: 'an option that Docker does not know',
    config: { runArgs: ['--no-such-option'] },
    shows: ['"outcome":"failed"'],
  },
  {
    name: 'a variable without its name',
    config: { remoteEnv: { A: '${localEnv}' } },
    shows: ['"outcome":"failed"'],
  },
  {
    name: 'a failing initializeCommand',
    config: { initializeCommand: 'exit 4' },
    shows: ['"outcome":"failed"'],
  },
];

/** Every property of the schema, by what it makes of an environment. */
export const fixtures: readonly SpecFixture[] = [
  ...places,
  ...users,
  ...variableFixtures,
  ...hookFixtures.map((fixture): SpecFixture => ({ notInTerminal: 'everything', ...fixture })),
  ...merging,
  ...running,
  ...buildFixtures,
  ...composeFixtures,
  ...refused,
];
