export type LifecycleCommand =
  string | readonly string[] | Readonly<Record<string, string | readonly string[]>>;

/**
 * A devcontainer.json with the image's and the features' metadata merged in and variables substituted,
 * by the spec's rules. Only what Switchyard reads; a property that is not set is missing.
 * @see https://containers.dev/implementors/spec/#merge-logic
 */
export interface MergedConfiguration {
  readonly name?: string;
  readonly image?: string;
  readonly dockerComposeFile?: string | readonly string[];
  readonly service?: string;
  readonly runServices?: readonly string[];
  readonly remoteUser?: string;
  readonly containerUser?: string;
  readonly remoteEnv?: Readonly<Record<string, string | null>>;
  readonly containerEnv?: Readonly<Record<string, string>>;
  readonly forwardPorts?: readonly (number | string)[];
  readonly portsAttributes?: Readonly<Record<string, unknown>>;
  readonly otherPortsAttributes?: unknown;
  readonly initializeCommand?: LifecycleCommand;
  readonly onCreateCommands?: readonly LifecycleCommand[];
  readonly updateContentCommands?: readonly LifecycleCommand[];
  readonly postCreateCommands?: readonly LifecycleCommand[];
  readonly postStartCommands?: readonly LifecycleCommand[];
  readonly postAttachCommands?: readonly LifecycleCommand[];
  readonly userEnvProbe?: string;
  readonly waitFor?: string;
  readonly updateRemoteUserUID?: boolean;
  readonly runArgs?: readonly string[];
  readonly mounts?: readonly unknown[];
  readonly privileged?: boolean;
  readonly init?: boolean;
  readonly capAdd?: readonly string[];
  readonly securityOpt?: readonly string[];
  readonly entrypoints?: readonly string[];
  readonly workspaceFolder?: string;
  readonly workspaceMount?: string;
  readonly appPort?: unknown;
  readonly overrideCommand?: boolean;
  readonly shutdownAction?: string;
  readonly hostRequirements?: Readonly<Record<string, unknown>>;
}
