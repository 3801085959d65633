import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Session } from './session.ts';

describe('a project whose authors are not trusted', () => {
  let session: Session;
  beforeAll(async () => {
    session = await Session.begin('trust', { trusted: false });
  });
  afterAll(() => session.end());

  test('shows its environments', async () => {
    const { workbench } = session;
    await workbench.show('Switchyard');
    await workbench.environments.row('Container').waitFor(/not created yet/);
    await session.picture('untrusted');
  });

  test('offers no command that would build or run what the project says', async () => {
    const { workbench } = session;
    const offered = await workbench.offeredCommands('Switchyard: ');
    expect(offered).toContain('Switchyard: Show Log');
    expect(offered).not.toContain('Switchyard: Open in Container');
    expect(offered).not.toContain('Switchyard: Open in VM');
    expect(offered).not.toContain('Switchyard: Toggle Container/VM');
  });
});
