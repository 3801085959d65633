import type { GuestKind } from '../../base/kinds.ts';
import type { Environment, OtherEnvironment } from '../../environments/environment.ts';
import type { ForwardedPort } from '../../ports/environmentPorts.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { RowText } from './row.ts';

/** What stands in the tree. Each has an id that stays the same while it is the same thing. */
export type Node =
  | { readonly type: 'project'; readonly id: string; readonly model: ProjectModel }
  | {
      readonly type: 'environment';
      readonly id: string;
      readonly model: ProjectModel;
      readonly environment: Environment;
    }
  | {
      readonly type: 'fact';
      readonly id: string;
      readonly fact: string;
      readonly text: RowText;
      readonly parent: Node;
      readonly children?: readonly RowNode[];
    }
  | {
      readonly type: 'port';
      readonly id: string;
      readonly environment: Environment;
      readonly port: ForwardedPort;
      readonly parent: Node;
    }
  | { readonly type: 'others'; readonly id: string; readonly kind: GuestKind }
  | { readonly type: 'other'; readonly id: string; readonly other: OtherEnvironment };

/** A row that says one thing about what stands above it. */
export type FactNode = Extract<Node, { type: 'fact' }>;

export type EnvironmentNode = Extract<Node, { type: 'environment' }>;

/** What stands below an environment. */
export type RowNode = FactNode | Extract<Node, { type: 'port' }>;

/** The environment's node that a row belongs to, or that it is. */
export function environmentNodeOf(value: unknown): EnvironmentNode | undefined {
  if (isEnvironmentNode(value)) return value;
  return hasType(value, 'fact') || isPortNode(value)
    ? environmentNodeOf((value as FactNode).parent)
    : undefined;
}

/** Tells an environment's node from whatever else a command may be called with. */
export function isEnvironmentNode(value: unknown): value is EnvironmentNode {
  return hasType(value, 'environment');
}

export function isPortNode(value: unknown): value is Extract<Node, { type: 'port' }> {
  return hasType(value, 'port');
}

export function isOtherNode(value: unknown): value is Extract<Node, { type: 'other' }> {
  return hasType(value, 'other');
}

export function isProjectNode(value: unknown): value is Extract<Node, { type: 'project' }> {
  return hasType(value, 'project');
}

function hasType(value: unknown, type: Node['type']): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === type;
}
