import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Session } from './session.ts';

describe('a project that was never opened', () => {
  let session: Session;
  beforeAll(async () => {
    session = await Session.begin('first-steps');
  });
  afterAll(() => session.end());

  test('lists its container and its VM, though neither exists', async () => {
    const { workbench } = session;
    await workbench.show('Switchyard');
    await workbench.environments.row('Container').waitFor(/not created yet/);
    await workbench.environments.row('VM').waitFor(/not created yet/);
    await session.picture('environments');
  });

  test('works on the host, and says so in the status bar', async () => {
    expect(await session.workbench.statusBar.text()).toBe('Host');
  });
});
