import type { CredentialKind } from '../../credentials/sharedCredentials.ts';
import type { EnvironmentDetails } from '../../environments/environment.ts';
import type { ForwardedPort } from '../../ports/environmentPorts.ts';
import type { SyncHealth } from '../../sync/liveSync.ts';
import { credentialsRow } from '../credentials/credentialText.ts';
import { editorRow, portsRow } from '../ports/portText.ts';
import { factRows, ignoredRow } from './factText.ts';
import type { EnvironmentNode, FactNode, RowNode } from './nodes.ts';
import type { RowText } from './row.ts';
import type { Snapshot } from './rowText.ts';
import { syncNeedsPerson, syncRows } from './syncText.ts';

/** What this window does for an environment, beside what the environment is. */
export interface WindowServices {
  readonly forwarded: readonly ForwardedPort[];
  readonly editorRuns: boolean;
  readonly credentials: readonly CredentialKind[];
}

/** The rows below an environment, in their order, with those below them. */
export function environmentRows(
  node: EnvironmentNode,
  snapshot: Snapshot,
  services: WindowServices,
): RowNode[] {
  const fact = (id: string, text: RowText): FactNode => ({
    type: 'fact',
    id: `${node.id}:${id}`,
    fact: id,
    text,
    parent: node,
  });
  const { details, sync, now } = snapshot;
  const rows: RowNode[] = factRows(snapshot).map(({ id, text }) =>
    id === 'workspace' && sync ? workspaceNode(fact(id, text), sync, now) : fact(id, text),
  );
  const ports = details && portsRow(details.ports, services.forwarded, snapshot.status.state === 'running');
  if (ports) rows.push(portsNode(fact('ports', ports), node, services.forwarded));
  if (services.editorRuns) rows.push(fact('editor', editorRow()));
  const credentials = credentialsRow(services.credentials);
  if (credentials) rows.push(fact('credentials', credentials));
  const ignored = details && ignoredRow(details);
  if (ignored) rows.push(ignoredNode(fact('ignored', ignored), details));
  return rows;
}

function workspaceNode(parent: FactNode, health: SyncHealth, now: Date): FactNode {
  const children = syncRows(health, now).map(({ id, text }): FactNode => ({
    type: 'fact',
    id: `${parent.id}:${id}`,
    fact: `sync-${id.replace(/:.*/s, '')}`,
    text,
    parent,
  }));
  return { ...parent, fact: syncNeedsPerson(health) ? 'workspaceAlarm' : 'workspace', children };
}

function portsNode(
  parent: FactNode,
  { id, environment }: EnvironmentNode,
  forwarded: readonly ForwardedPort[],
): FactNode {
  if (forwarded.length === 0) return parent;
  const children = forwarded.map((port): RowNode => ({
    type: 'port',
    id: `${id}:port:${port.key}`,
    environment,
    port,
    parent,
  }));
  return { ...parent, children };
}

function ignoredNode(parent: FactNode, { ignored }: EnvironmentDetails): FactNode {
  const children = ignored.map(({ property, reason }): FactNode => ({
    type: 'fact',
    id: `${parent.id}:${property}`,
    fact: 'ignoredProperty',
    text: { label: property, description: reason, tooltip: reason },
    parent,
  }));
  return { ...parent, children };
}
