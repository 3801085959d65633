import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { remoteExtensions } from '../../src/ui/remote/extensions.ts';

/**
 * Puts extensions of the right names into an editor's folder: that they are there is all that ours asks of
 * them. They have no code; what they would do with an address cannot be tried without them.
 */
export async function installStandIns(folder: string): Promise<void> {
  for (const { id } of remoteExtensions) {
    const [publisher, name] = id.split('.');
    const own = join(folder, `${id}-1.0.0`);
    await mkdir(own);
    await writeFile(
      join(own, 'package.json'),
      JSON.stringify({
        publisher,
        name,
        version: '1.0.0',
        engines: { vscode: '*' },
        // Where ours runs in this window: an extension sees only those of its own host.
        extensionKind: ['ui', 'workspace'],
      }),
    );
  }
}
