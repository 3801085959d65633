import { sizePattern } from './sizes.ts';

/**
 * What a value in our block of devcontainer.json may be. One description of it serves the validator
 * (validate.ts) and the JSON schema with which the editor completes (media/switchyard.schema.json), so
 * that they cannot disagree.
 */
export type Shape =
  | { readonly type: 'object'; readonly keys: Readonly<Record<string, Key>> }
  | { readonly type: 'choice'; readonly values: readonly string[]; readonly meanings: readonly string[] }
  | { readonly type: 'text' }
  | { readonly type: 'count' }
  | { readonly type: 'flag' }
  | { readonly type: 'size' }
  | { readonly type: 'texts' }
  | { readonly type: 'either'; readonly shapes: readonly Shape[] };

export interface Key {
  readonly shape: Shape;
  /** For the person who writes the file; English, as the whole of devcontainer.json is. */
  readonly description: string;
  /** What holds without the key, where it is a fixed value. */
  readonly default?: string | number | boolean | readonly string[];
  readonly required?: boolean;
}

const workspaceModes = {
  type: 'choice',
  values: ['mount', 'ssh'],
  meanings: [
    'The folder itself, mounted: both sides see every change at once.',
    'A copy, kept the same in both directions over the connection.',
  ],
} as const satisfies Shape;

const vmSource: Shape = {
  type: 'either',
  shapes: [
    {
      type: 'choice',
      values: ['image'],
      meanings: ['Boots from the very image that the container runs.'],
    },
    {
      type: 'object',
      keys: {
        box: {
          shape: { type: 'text' },
          required: true,
          description: 'Name of a Vagrant box, such as "debian/bookworm64".',
        },
        version: { shape: { type: 'text' }, description: 'Version of the box. Default: the newest.' },
      },
    },
    {
      type: 'object',
      keys: {
        vagrantfile: {
          shape: { type: 'text' },
          required: true,
          description: 'Path of a Vagrantfile of your own, relative to this file.',
        },
        machine: {
          shape: { type: 'text' },
          description:
            'Which machine of the Vagrantfile. Default: the one named "default", else the only one.',
        },
      },
    },
  ],
};

/** `customizations.switchyard`. */
export const block: Shape & { type: 'object' } = {
  type: 'object',
  keys: {
    environment: {
      shape: {
        type: 'choice',
        values: ['container', 'vm', 'host'],
        meanings: ['A Docker container.', 'A virtual machine made by Vagrant.', 'No environment: the host.'],
      },
      default: 'container',
      description: 'Where the project opens the first time.',
    },
    container: {
      description: 'What holds for the container only.',
      shape: {
        type: 'object',
        keys: {
          workspace: {
            shape: workspaceModes,
            default: 'mount',
            description: 'How the workspace folder gets into the container.',
          },
          onLeave: {
            shape: {
              type: 'choice',
              values: ['keep', 'stop', 'pause'],
              meanings: ['It goes on running.', 'It is stopped.', 'It is frozen and keeps its memory.'],
            },
            default: 'keep',
            description: 'What happens to the container when you switch to another environment.',
          },
        },
      },
    },
    vm: {
      description: 'What holds for the virtual machine only.',
      shape: {
        type: 'object',
        keys: {
          source: {
            shape: vmSource,
            default: 'image',
            description: 'What the virtual machine is made from: "image", a box, or a Vagrantfile.',
          },
          cpus: {
            shape: { type: 'count' },
            description: 'Number of virtual CPUs. Default: hostRequirements.cpus, else 2.',
          },
          memory: {
            shape: { type: 'size' },
            description: 'Memory, such as "4gb". Default: hostRequirements.memory, else 2gb.',
          },
          disk: {
            shape: { type: 'size' },
            description: 'Size of the disk, such as "20gb". Default: hostRequirements.storage, else 20gb.',
          },
          provider: {
            shape: { type: 'text' },
            description:
              'The Vagrant provider of a Vagrantfile. Default: what Vagrant takes. "image" and a box need libvirt.',
          },
          acceleration: {
            shape: {
              type: 'choice',
              values: ['auto', 'kvm', 'tcg'],
              meanings: [
                'KVM where the processor really offers it, else software.',
                'Hardware virtualisation, or an error.',
                'Software emulation: slow, works everywhere.',
              ],
            },
            default: 'auto',
            description: 'How the processor of the virtual machine is run.',
          },
          workspace: {
            shape: workspaceModes,
            default: 'ssh',
            description: 'How the workspace folder gets into the virtual machine.',
          },
          onLeave: {
            shape: {
              type: 'choice',
              values: ['suspend', 'stop', 'keep'],
              meanings: ['Its memory goes to disk.', 'It is shut down.', 'It goes on running.'],
            },
            default: 'suspend',
            description: 'What happens to the virtual machine when you switch to another environment.',
          },
          readySnapshot: {
            shape: { type: 'flag' },
            default: false,
            description:
              'Keep its memory and disk as they are once it was made and its create commands ran: after a destroy it is back in seconds. Costs disk.',
          },
        },
      },
    },
    sync: {
      description: 'How a workspace that is not mounted is kept the same on both sides.',
      shape: {
        type: 'object',
        keys: {
          ignore: {
            shape: { type: 'texts' },
            default: [],
            description: 'gitignore patterns of what stays where it is, added to the built-in ones.',
          },
          protect: {
            shape: { type: 'texts' },
            default: [],
            description:
              'Paths whose changes from inside do not reach the host unasked, added to the built-in ones.',
          },
        },
      },
    },
  },
};

type JsonSchema = Record<string, unknown>;

/** The JSON schema for devcontainer.json files that constrains our block and nothing else. */
export function devcontainerSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Switchyard in devcontainer.json',
    type: 'object',
    properties: {
      customizations: {
        type: 'object',
        properties: {
          switchyard: {
            description: 'How Switchyard opens this project in a container and in a virtual machine.',
            ...schemaOf(block),
            default: {},
          },
        },
      },
    },
  };
}

function schemaOf(shape: Shape): JsonSchema {
  switch (shape.type) {
    case 'object': {
      const required = Object.entries(shape.keys).flatMap(([name, key]) => (key.required ? [name] : []));
      return {
        type: 'object',
        properties: Object.fromEntries(
          Object.entries(shape.keys).map(([name, key]) => [
            name,
            {
              description: key.description,
              ...schemaOf(key.shape),
              ...(key.default === undefined ? {} : { default: key.default }),
            },
          ]),
        ),
        ...(required.length > 0 ? { required } : {}),
        additionalProperties: false,
      };
    }
    case 'choice':
      return { type: 'string', enum: shape.values, enumDescriptions: shape.meanings };
    case 'text':
      return { type: 'string', minLength: 1 };
    case 'count':
      return { type: 'integer', minimum: 1 };
    case 'flag':
      return { type: 'boolean' };
    case 'size':
      return {
        type: 'string',
        pattern: sizePattern,
        patternErrorMessage: 'A whole number with kb, mb, gb or tb, such as "4gb".',
        examples: ['2gb', '4gb', '8gb', '20gb'],
      };
    case 'texts':
      return { type: 'array', items: { type: 'string', minLength: 1 } };
    case 'either':
      return { oneOf: shape.shapes.map(schemaOf) };
  }
}
