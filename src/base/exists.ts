import { access } from 'node:fs/promises';

/** Whether there is anything at a path of this computer. @throws where that cannot be told, say for want of a right */
export async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return false;
  }
}
