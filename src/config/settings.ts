import type { EnvironmentKind } from '../base/kinds.ts';

/** `customizations.switchyard` with every default filled in. See product.md, "The one config". */
export interface SwitchyardSettings {
  readonly environment: EnvironmentKind;
  readonly container: {
    readonly workspace: WorkspaceMode;
    readonly onLeave: 'keep' | 'stop' | 'pause';
  };
  readonly vm: VmSettings;
  readonly sync: {
    /** gitignore patterns, on top of the defaults. */
    readonly ignore: readonly string[];
    /** Paths that a guest's change does not reach unasked, on top of the defaults. */
    readonly protect: readonly string[];
  };
}

/** How the workspace folder gets into an environment. */
export type WorkspaceMode = 'mount' | 'ssh';

export type VmSource =
  | { readonly type: 'image' }
  | { readonly type: 'box'; readonly box: string; readonly version: string | undefined }
  | {
      readonly type: 'vagrantfile';
      /** Absolute path. */ readonly vagrantfile: string;
      /** Undefined: the one named `default`, else the only one. */ readonly machine: string | undefined;
    };

export interface VmSettings {
  readonly source: VmSource;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Undefined: libvirt, or for a Vagrantfile what Vagrant itself takes. */
  readonly provider: string | undefined;
  readonly acceleration: 'auto' | 'kvm' | 'tcg';
  readonly workspace: WorkspaceMode;
  readonly onLeave: 'suspend' | 'stop' | 'keep';
  /** Whether memory and disk are kept as they are after the hooks of a creation, for after a destroy. */
  readonly readySnapshot: boolean;
}
