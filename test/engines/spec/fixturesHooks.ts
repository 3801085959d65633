import type { SpecFixture } from './fixture.ts';

const note = (text: string): string => `mkdir -p /tmp/out; echo ${text} >> /tmp/out/order`;

const every = {
  onCreateCommand: note('onCreate'),
  updateContentCommand: note('updateContent'),
  postCreateCommand: note('postCreate'),
  postStartCommand: note('postStart'),
  postAttachCommand: note('postAttach'),
};

const order = 'onCreate\\nupdateContent\\npostCreate\\npostStart\\npostAttach';

/** Prints every word on a line of its own. */
const words = ['sh', '-c', 'mkdir -p /tmp/out; printf "%s\\n" "$@" > /tmp/out/words', 'sh'];

/** Lifecycle hooks in all forms. */
export const hookFixtures: readonly SpecFixture[] = [
  { name: 'all hooks in their order', config: every, shows: [order], always: true },
  {
    name: 'hooks after a stop',
    config: { ...every, postAttachCommand: '' },
    restart: true,
    shows: ['postStart\\npostStart'],
    always: true,
  },
  {
    name: 'a hook as a list',
    config: { postCreateCommand: [...words, '$(id)', "it's", 'two  words', ';', 'a\nb', '', '*', '"', '\\'] },
    shows: ['$(id)', "it's", 'two  words'],
    always: true,
  },
  {
    name: 'a hook as a text with everything in it',
    config: {
      postCreateCommand: `mkdir -p /tmp/out; printf '%s|' "it's" "$(echo sub)" \`echo back\` "$HOME" 'a;b' > /tmp/out/text; echo "two\nlines" >> /tmp/out/text && true`,
    },
    shows: ["it's|sub|back|/root|a;b|"],
  },
  {
    name: 'a hook as an object',
    config: {
      postCreateCommand: { one: 'mkdir -p /tmp/out; echo 1 > /tmp/out/one', two: [...words, 'of two'] },
    },
    shows: ['of two'],
  },
  {
    name: 'the parts of an object at the same time',
    config: {
      onCreateCommand: 'mkdir -p /tmp/out; mkfifo /tmp/a /tmp/b',
      postCreateCommand: {
        one: 'echo 1 > /tmp/a; cat /tmp/b > /tmp/out/one',
        two: 'cat /tmp/a > /tmp/out/two; echo 2 > /tmp/b',
      },
    },
    shows: ['"one":"2\\n"', '"two":"1\\n"'],
  },
  {
    name: 'the parts of each hook before the next hook',
    config: {
      onCreateCommand: {
        slow: `while [ ! -e /tmp/go ]; do :; done; ${note('slow')}`,
        fast: `${note('fast')}; touch /tmp/go`,
      },
      postCreateCommand: note('after'),
    },
    shows: ['fast\\nslow\\nafter'],
  },
  {
    name: 'empty hooks',
    config: {
      onCreateCommand: '',
      updateContentCommand: [],
      postCreateCommand: {},
      postStartCommand: '  ',
      postAttachCommand: note('attach'),
    },
    shows: ['attach'],
  },
  {
    name: 'a failing hook stops those after it',
    config: { ...every, postCreateCommand: `${note('fails')}; exit 3` },
    shows: ['"outcome":"hook failed"', 'updateContent\\nfails'],
    always: true,
  },
  {
    name: 'a failing first hook',
    config: { ...every, onCreateCommand: 'exit 1' },
    shows: ['"outcome":"hook failed"'],
  },
  {
    name: 'a failing part of an object',
    config: { onCreateCommand: { bad: 'exit 5', good: note('good') }, postCreateCommand: note('never') },
    shows: ['"outcome":"hook failed"', 'good'],
  },
  {
    name: 'a failing last hook',
    config: { ...every, postAttachCommand: 'exit 1' },
    shows: ['"outcome":"hook failed"', 'postStart'],
  },
  {
    name: 'a failing hook runs no second time',
    config: { ...every, postCreateCommand: `${note('fails')}; exit 3`, postAttachCommand: '' },
    staysMarked: true,
    restart: true,
    shows: ['fails'],
  },
  {
    name: 'a hook that a signal ends',
    config: { ...every, postCreateCommand: 'kill -9 $$' },
    shows: ['"outcome":"hook failed"'],
  },
  {
    name: 'a program that is not there',
    config: { postCreateCommand: ['no-such-program', 'x'], postStartCommand: note('never') },
    shows: ['"outcome":"hook failed"'],
  },
  {
    name: 'where hooks run, and as whom',
    config: {
      remoteUser: 'dev',
      postCreateCommand: 'mkdir -p /tmp/out; { pwd; id -un; echo $HOME; umask; } > /tmp/out/where',
    },
    shows: ['/workspaces/project\\ndev\\n/home/dev'],
  },
  {
    name: 'the environment of hooks',
    config: {
      remoteUser: 'dev',
      containerEnv: { C: '1' },
      remoteEnv: { R: '2', PATH: '${containerEnv:PATH}:/more' },
      postCreateCommand:
        'mkdir -p /tmp/out; env | grep -E "^(C|R|PATH|HOME|USER|LOGNAME|SHELL)=" | sort > /tmp/out/env',
    },
    shows: ['C=1', 'R=2', ':/more'],
  },
  {
    name: 'files in the workspace',
    config: {
      postCreateCommand: 'mkdir made; echo made > made/file',
      postStartCommand: 'cat made/file made/file > twice',
    },
    shows: ['made/file', 'made\\nmade'],
  },
  {
    name: 'initializeCommand',
    config: {
      initializeCommand: 'echo here > "$PWD/initialized"',
      postCreateCommand: 'cat initialized > seen',
    },
    shows: ['"initialized":"here', '"seen":"here'],
    always: true,
  },
  {
    name: 'initializeCommand as a list',
    config: {
      initializeCommand: [
        'sh',
        '-c',
        'printf "%s\\n" "$@" > initialized',
        'sh',
        '$(id)',
        "it's",
        '${localWorkspaceFolderBasename}',
      ],
    },
    shows: ["$(id)\\nit's\\nproject"],
  },
  {
    name: 'initializeCommand as an object',
    config: { initializeCommand: { one: 'echo 1 > one', two: ['sh', '-c', 'echo 2 > two'] } },
    shows: ['"one":"1', '"two":"2'],
  },
  {
    name: 'initializeCommand at each start',
    config: { initializeCommand: 'echo start >> initialized' },
    restart: true,
    shows: ['start\\nstart'],
  },
  { name: 'waitFor the last hook', config: { ...every, waitFor: 'postStartCommand' }, shows: [order] },
  { name: 'waitFor the first hook', config: { ...every, waitFor: 'onCreateCommand' }, shows: [order] },
];
