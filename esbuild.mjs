// Builds what the extension ships into dist/, or the folder after `--outdir`. `--watch` rebuilds,
// `--production` minifies.
import { build, context } from 'esbuild';
import { cp, mkdir, rm } from 'node:fs/promises';

const production = process.argv.includes('--production');
const watch = process.argv.includes('--watch');
const outdirAt = process.argv.indexOf('--outdir');
const dist = outdirAt === -1 ? 'dist' : process.argv[outdirAt + 1];

/** What is imported only when it is needed must not be read and compiled when the window opens. */
const heavy = ['dockerode', 'ssh2', 'execa', 'tar-stream', 'yaml'];

/**
 * @param {Record<string, string>} entryPoints
 * @param {string} vendor where the heavy packages lie, seen from the files that are built
 * @returns {import('esbuild').BuildOptions}
 */
const bundles = (entryPoints, vendor) => ({
  entryPoints,
  outdir: dist,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node22',
  // jsonc-parser's main is a UMD module whose own requires no bundler sees.
  mainFields: ['module', 'main'],
  // ssh2 requires its native parts in try/catch; what cannot be loaded is done in JavaScript.
  external: ['vscode', 'cpu-features', '*.node'],
  plugins: [
    {
      name: 'heavy-apart',
      setup: (build) => {
        build.onResolve({ filter: new RegExp(`^(${heavy.join('|')})$`) }, ({ kind, path }) =>
          kind === 'dynamic-import' ? { path: `${vendor}/${path}.cjs`, external: true } : undefined,
        );
      },
    },
    {
      // What few connections need stays out of what every one loads.
      name: 'plain-apart',
      setup: (build) => {
        build.onResolve({ filter: /^\.\/plain\.ts$/ }, () => ({ path: './plain.cjs', external: true }));
      },
    },
  ],
  // How code knows that it runs in the bundle (src/sync/files.ts).
  define: { 'import.meta.url': 'undefined' },
  sourcemap: !production,
  minify: production,
  logLevel: 'info',
});

const all = [
  bundles(
    {
      extension: 'src/extension.ts',
      ...Object.fromEntries(heavy.map((name) => [`vendor/${name}`, name])),
    },
    './vendor',
  ),
  bundles(
    {
      'sync/hostWorker': 'src/sync/host/hostWorker.ts',
      'sync/syncProcess': 'src/sync/apart/syncProcess.ts',
      'ssh/proxy': 'src/ssh/proxy/proxy.ts',
      'ssh/serve': 'src/ssh/proxy/serve.ts',
      'ssh/plain': 'src/ssh/proxy/plain.ts',
    },
    '../vendor',
  ),
];

/** The Dev Containers CLI runs as a program of its own, under the editor's Node. */
async function copyDevContainersCli() {
  const from = 'node_modules/@devcontainers/cli';
  const to = `${dist}/devcontainers-cli`;
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  const parts = ['package.json', 'LICENSE.txt', 'ThirdPartyNotices.txt', 'devcontainer.js', 'scripts'];
  for (const part of parts) await cp(`${from}/${part}`, `${to}/${part}`, { recursive: true });
  await cp(`${from}/dist/spec-node/devContainersSpecCLI.js`, `${to}/dist/spec-node/devContainersSpecCLI.js`);
}

/** The agents of sync and of the connections are fed to an interpreter in the guest as they are. */
async function copyAgents() {
  const agents = { sync: ['agent.py', 'agent.pl', 'agent.sh'], connections: ['agent.pl', 'sftp.pl'] };
  for (const [room, names] of Object.entries(agents)) {
    const to = `${dist}/${room === 'connections' ? 'guest' : room}`;
    await mkdir(to, { recursive: true });
    for (const name of names) await cp(`src/${room}/guest/${name}`, `${to}/${name}`);
  }
}

await rm(dist, { recursive: true, force: true });
await copyDevContainersCli();
await copyAgents();
for (const options of all) {
  if (watch) await (await context(options)).watch();
  else await build(options);
}
