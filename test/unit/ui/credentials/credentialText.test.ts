import { expect, it } from 'vitest';
import { credentialKinds } from '../../../../src/credentials/sharedCredentials.ts';
import { credentialsRow } from '../../../../src/ui/credentials/credentialText.ts';

it('the row of shared credentials is there while there are some, in few letters, and says all of it in its tooltip', () => {
  expect(credentialsRow([])).toBeUndefined();
  const row = credentialsRow(credentialKinds);
  expect(row).toMatchObject({ label: 'Credentials', description: 'SSH agent, git' });
  expect(row?.tooltip).toContain('SSH agent, Git credentials');
});
