import { base, type SpecFixture } from './fixture.ts';

const compose = (services: object, rest: object = {}): Readonly<Record<string, string>> => ({
  // JSON is YAML, too.
  '.devcontainer/compose.yaml': JSON.stringify({ version: '3.8', services, ...rest }),
});

const sleeps = { image: base, command: 'sleep infinity', init: true };
const app = { ...sleeps, volumes: ['..:/workspace'] };
const config = { dockerComposeFile: 'compose.yaml', service: 'app', workspaceFolder: '/workspace' };

const look = (script: string): string => `mkdir -p /tmp/out; { ${script}; } > /tmp/out/look 2>&1`;

/** Dev containers with a compose file; each has a folder of its own name, because Compose goes by it. */
export const composeFixtures: readonly SpecFixture[] = [
  {
    name: 'a service of a compose file',
    folder: 'spec-compose-one',
    config: { ...config, remoteEnv: { A: '1' }, postCreateCommand: 'echo made > made' },
    files: compose({ app: { ...app, environment: { FROM_COMPOSE: 'yes' } } }),
    shows: ['"cwd":"/workspace"', '"FROM_COMPOSE":"yes"', '"made":"made'],
  },
  {
    name: 'two services',
    folder: 'spec-compose-two',
    config: { ...config, postCreateCommand: look('getent hosts db | wc -l') },
    files: compose({ app: { ...app, depends_on: ['db'] }, db: sleeps }),
    shows: ['"look":"1\\n"', '"services":["app","db"]'],
    always: true,
  },
  {
    name: 'services after a stop',
    folder: 'spec-compose-stop',
    config: { ...config, postStartCommand: 'mkdir -p /tmp/out; echo start >> /tmp/out/starts' },
    files: compose({ app: { ...app, depends_on: ['db'] }, db: sleeps }),
    restart: true,
    shows: ['start\\nstart', '"services":["app","db"]'],
  },
  {
    name: 'only the services that are asked for',
    folder: 'spec-compose-some',
    config: { ...config, runServices: ['db'] },
    files: compose({ app, db: sleeps, other: sleeps }),
    shows: ['"services":["app","db"]'],
  },
  {
    name: 'a service that is built, with a user and containerEnv',
    folder: 'spec-compose-build',
    config: { ...config, remoteUser: 'dev', containerEnv: { C: '1' } },
    files: {
      ...compose({ app: { ...app, image: undefined, build: { context: '.', dockerfile: 'Dockerfile' } } }),
      '.devcontainer/Dockerfile': `FROM ${base}\nENV BUILT=yes\n`,
    },
    shows: ['"user":"dev"', '"BUILT":"yes"'],
  },
  {
    name: 'two compose files',
    folder: 'spec-compose-files',
    config: { ...config, dockerComposeFile: ['compose.yaml', 'more.yaml'] },
    files: {
      ...compose({ app: { ...app, environment: { A: 'one', B: 'one' } } }),
      '.devcontainer/more.yaml': JSON.stringify({
        version: '3.8',
        services: { app: { environment: { A: 'two' } } },
      }),
    },
    shows: ['"A":"two"', '"B":"one"'],
  },
  {
    name: 'a service that is not in the file',
    folder: 'spec-compose-none',
    config: { ...config, service: 'nope' },
    files: compose({ app }),
    shows: ['"outcome":"failed"'],
  },
];
