import { createHash, type Hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { parse } from 'jsonc-parser';

/** What takes effect in an environment that is there already: `devcontainer up` reads it anew each time. */
const live = ['remoteEnv', 'userEnvProbe'] as const;

/** What of a config needs no rebuild: another text means that it is to be read again. */
export async function liveConfig(configFile: string): Promise<string> {
  const config: unknown = parse(await readFile(configFile, 'utf8'), [], { allowTrailingComma: true });
  if (typeof config !== 'object' || config === null) return '';
  return JSON.stringify(live.map((name) => (config as Record<string, unknown>)[name] ?? null));
}

/**
 * A digest of what an environment is made from: the devcontainer.json (without comments and without
 * `customizations` and `name`, which change nothing inside, and what is live), its Dockerfile, its compose
 * files and its local features. Another digest means that a rebuild would make something else.
 */
export async function configFingerprint(configFile: string): Promise<string> {
  const hash = createHash('sha256');
  const text = await readFile(configFile, 'utf8');
  const config: unknown = parse(text, [], { allowTrailingComma: true });
  if (typeof config !== 'object' || config === null) {
    hash.update(text);
    return hash.digest('hex');
  }
  const others = new Set<string>(['customizations', 'name', ...live]);
  const made = Object.fromEntries(Object.entries(config).filter(([name]) => !others.has(name)));
  hash.update(JSON.stringify(made));
  const folder = path.dirname(configFile);
  for (const relative of referenced(made)) await addPath(hash, path.resolve(folder, relative), relative);
  return hash.digest('hex');
}

function referenced(config: Readonly<Record<string, unknown>>): readonly string[] {
  const build = config['build'] as { dockerfile?: unknown } | null | undefined;
  const features = Object.keys((config['features'] as object | null | undefined) ?? {});
  return [
    build?.dockerfile,
    config['dockerFile'],
    ...[config['dockerComposeFile']].flat(),
    ...features,
  ].filter(
    (value): value is string =>
      typeof value === 'string' && (!features.includes(value) || /^\.\.?\//.test(value)),
  );
}

async function addPath(hash: Hash, file: string, label: string): Promise<void> {
  hash.update(`\0${label}\0`);
  try {
    hash.update(await readFile(file));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EISDIR') {
      for (const name of (await readdir(file)).sort())
        await addPath(hash, path.join(file, name), `${label}/${name}`);
    } else if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw error;
    }
  }
}
