import { join } from 'node:path';
import { findProgram } from '../programs.ts';
import { run } from '../run.ts';

/** The desktop VS Code of this computer, where there is one and a display to show it on. */
export async function findDesktopEditor(): Promise<string | undefined> {
  const { env } = process;
  if (!env['DISPLAY'] && !env['WAYLAND_DISPLAY']) return undefined;
  return findProgram('code', 'codium', 'code-insiders');
}

/** Opens the project in a desktop VS Code with data of its own, so the person's editor stays as it is. */
export async function openDesktopEditor(
  program: string,
  options: { readonly dataFolder: string; readonly vsix: string; readonly project: string },
): Promise<void> {
  const folders = [
    ['--user-data-dir', join(options.dataFolder, 'user')],
    ['--extensions-dir', join(options.dataFolder, 'extensions')],
    // Chromium's sandbox refuses root.
    process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  ].flat();
  await run(program, [...folders, '--install-extension', options.vsix, '--force'], { timeoutMs: 120_000 });
  await run(program, [...folders, '--new-window', options.project], { timeoutMs: 60_000 });
}
