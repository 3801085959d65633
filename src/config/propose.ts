/** Files at the top of a workspace folder: name, and text where it was read. */
export type FolderListing = ReadonlyMap<string, string | undefined>;

/** Names under which a compose file is looked for, and whose text `proposeConfig` wants. */
export const composeFileNames: readonly string[] = [
  'compose.yaml',
  'compose.yml',
  'docker-compose.yaml',
  'docker-compose.yml',
];

interface Proposal {
  /** What was found, as the comment in the file names it. */
  readonly because: string;
  /** The lines that say what the container is made from, and what it needs once. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/**
 * The text of a small `.devcontainer/devcontainer.json` for a folder: a Dockerfile or a compose file of
 * the project's own comes first, then a public image for the language that is used.
 */
export function proposeConfig(name: string, listing: FolderListing): string {
  const { because, properties } = ownImage(listing) ?? language(listing);
  const config = {
    name,
    ...properties,
    ...(listing.has('Vagrantfile')
      ? { customizations: { switchyard: { vm: { source: { vagrantfile: '../Vagrantfile' } } } } }
      : {}),
  };
  return [
    `// Opens this folder in a container and in a virtual machine. Made for: ${because}.`,
    '// All properties: https://containers.dev/implementors/json_reference/',
    JSON.stringify(config, undefined, 2),
    '',
  ].join('\n');
}

function ownImage(listing: FolderListing): Proposal | undefined {
  if (listing.has('Dockerfile')) {
    return { because: 'Dockerfile', properties: { build: { dockerfile: '../Dockerfile', context: '..' } } };
  }
  for (const file of composeFileNames) {
    const service = firstService(listing.get(file) ?? '');
    if (service === undefined) continue;
    return {
      because: file,
      properties: { dockerComposeFile: `../${file}`, service, workspaceFolder: '/workspace' },
    };
  }
  return undefined;
}

function language(listing: FolderListing): Proposal {
  if (listing.has('package.json')) {
    return {
      because: 'package.json',
      properties: { image: 'node:24-bookworm', remoteUser: 'node', postCreateCommand: nodeInstall(listing) },
    };
  }
  const others: readonly (readonly [file: string, image: string, command: string | undefined])[] = [
    ['requirements.txt', 'python:3.13-bookworm', 'pip install -r requirements.txt'],
    ['pyproject.toml', 'python:3.13-bookworm', 'pip install -e .'],
    ['go.mod', 'golang:1-bookworm', 'go mod download'],
    ['Cargo.toml', 'rust:1-bookworm', 'cargo fetch'],
    ['Gemfile', 'ruby:3-bookworm', 'bundle install'],
    ['pom.xml', 'maven:3-eclipse-temurin-21', undefined],
    ['composer.json', 'composer:2', 'composer install'],
  ];
  for (const [file, image, postCreateCommand] of others) {
    if (!listing.has(file)) continue;
    return { because: file, properties: { image, ...(postCreateCommand ? { postCreateCommand } : {}) } };
  }
  return { because: 'any project', properties: { image: 'debian:bookworm' } };
}

function nodeInstall(listing: FolderListing): string {
  if (listing.has('package-lock.json')) return 'npm ci';
  if (listing.has('yarn.lock')) return 'yarn install --frozen-lockfile';
  if (listing.has('pnpm-lock.yaml')) return 'npx --yes pnpm install --frozen-lockfile';
  return 'npm install';
}

/** The first key under `services:`; a proposal needs no more of YAML than its indentation. */
function firstService(compose: string): string | undefined {
  return /^services:[^\S\n]*(?:#.*)?\n(?:[^\S\n]*(?:#.*)?\n)*[^\S\n]+["']?([\w.-]+)["']?[^\S\n]*:/m.exec(
    compose,
  )?.[1];
}
