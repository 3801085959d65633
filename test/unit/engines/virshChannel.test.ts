import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { CommandFailed, type Command, type RunOptions, type Runner } from '../../../src/base/process.ts';
import { virshCommands } from '../../../src/engines/virsh.ts';
import { isNoDomain } from '../../../src/engines/virshErrors.ts';
import { VirshChannel } from '../../../src/engines/virshChannel.ts';

type Say = (line: string, stream: 'stdout' | 'stderr') => void;

/** What a virsh on its own is asked, and one that stays, which answers with `reply`. */
class FakeVirsh implements Runner {
  readonly alone: string[] = [];
  started = 0;
  ended = 0;
  readonly #reply: (question: string, say: Say) => boolean;

  /** @param reply false: nothing more is said */
  constructor(reply: (question: string, say: Say) => boolean) {
    this.#reply = reply;
  }

  async run<T>(command: Command<T>, { signal, onLine }: RunOptions = {}): Promise<T> {
    if (!(command.input instanceof Readable)) {
      this.alone.push(command.args.slice(3).join(' '));
      return command.parse('one\ntwo\n');
    }
    this.started += 1;
    await this.#converse(command.input, onLine ?? (() => undefined), signal);
    this.ended += 1;
    return command.parse('');
  }

  async #converse(input: Readable, say: Say, signal: AbortSignal | undefined): Promise<void> {
    const lines = createInterface({ input });
    signal?.addEventListener('abort', () => lines.close());
    for await (const line of lines) {
      const parts = /^echo switchyard '(.*?)'; (.*); echo switchyard '(.*?)'; echo --err/.exec(line);
      if (!parts) continue;
      const [, begin = '', question = '', end = ''] = parts;
      say(`virsh # ${line}`, 'stdout');
      const printed: string[] = [];
      const goesOn = this.#reply(question, (text, stream) => {
        if (stream === 'stderr') say(text, stream);
        else printed.push(`${text}\n`);
      });
      if (!goesOn) continue;
      for (const text of `switchyard ${begin}${printed.join('')}switchyard ${end}virsh # `.split('\n'))
        say(text, 'stdout');
      say(`error: switchyard ${end}`, 'stderr');
    }
  }
}

function channelTo(reply: (question: string, say: Say) => boolean): {
  virsh: FakeVirsh;
  channel: VirshChannel;
} {
  const virsh = new FakeVirsh(reply);
  const channel = new VirshChannel(virsh, silentLogger, { answerMs: 200 });
  onTestFinished(() => channel.dispose());
  return { virsh, channel };
}

const names = (...all: readonly string[]): ((question: string, say: Say) => boolean) => {
  return (_question, say) => {
    for (const name of all) say(name, 'stdout');
    return true;
  };
};

describe('the channel to libvirt', () => {
  it('asks one virsh that stays, one question after the other', async () => {
    const { virsh, channel } = channelTo(names('a', 'b'));
    const answers = await Promise.all([1, 2, 3].map(() => channel.run(virshCommands.domainNames())));
    expect(answers).toEqual([
      ['a', 'b'],
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(virsh).toMatchObject({ started: 1, alone: [] });
  });

  it('takes an empty answer for one', async () => {
    const { virsh, channel } = channelTo(names());
    expect(await channel.run(virshCommands.domainNames())).toEqual([]);
    expect(virsh.alone).toEqual([]);
  });

  it('quotes what is asked for', async () => {
    const asked: string[] = [];
    const { channel } = channelTo((question) => {
      asked.push(question);
      return true;
    });
    await channel.run(virshCommands.xml("it's; destroy all"));
    expect(asked).toEqual(["dumpxml --domain 'it'\\''s; destroy all'"]);
  });

  it('leaves to a virsh of its own what changes something, and what cannot be typed', async () => {
    const { virsh, channel } = channelTo(names('a'));
    await channel.run(virshCommands.destroy('d'));
    await channel.run(virshCommands.xml('naïve'));
    await channel.run(virshCommands.xml('two\nlines'));
    expect(virsh.started).toBe(0);
    expect(virsh.alone).toEqual([
      'destroy --domain d',
      'dumpxml --domain naïve',
      'dumpxml --domain two\nlines',
    ]);
  });

  it('takes it for an answer that there is no such domain', async () => {
    const { virsh, channel } = channelTo((_question, say) => {
      say("error: failed to get domain 'gone'", 'stderr');
      return true;
    });
    const failure: unknown = await channel
      .run(virshCommands.domainInfo('gone'))
      .catch((error: unknown) => error);
    expect(isNoDomain(failure)).toBe(true);
    expect(virsh.alone).toEqual([]);
  });

  it('asks once more where libvirt went away while it was asked for a domain', async () => {
    const { virsh, channel } = channelTo((_question, say) => {
      say('error: Disconnected from qemu:///system due to end of file', 'stderr');
      say("error: failed to get domain 'there'", 'stderr');
      return true;
    });
    await channel.run(virshCommands.xml('there'));
    expect(virsh.alone).toEqual(['dumpxml --domain there']);
  });

  it('believes no other error: a virsh of its own has the last word', async () => {
    const { virsh, channel } = channelTo((_question, say) => {
      say('error: Disconnected from qemu:///system due to end of file', 'stderr');
      return true;
    });
    expect(await channel.run(virshCommands.domainNames())).toEqual(['one', 'two']);
    expect(virsh.alone).toEqual(['list --all --name']);
  });

  it('asks a virsh of its own where it is silent, and leaves the channel alone for a while', async () => {
    const { virsh, channel } = channelTo(() => false);
    expect(await channel.run(virshCommands.domainNames())).toEqual(['one', 'two']);
    expect(await channel.run(virshCommands.domainNames())).toEqual(['one', 'two']);
    expect(virsh).toMatchObject({ started: 1 });
    expect(virsh.alone).toHaveLength(2);
  });

  it('ends the virsh that stays, and asks no more of it', async () => {
    const { virsh, channel } = channelTo(names('a'));
    await channel.run(virshCommands.domainNames());
    channel.dispose();
    await channel.run(virshCommands.domainNames());
    expect(virsh).toMatchObject({ started: 1, ended: 1, alone: ['list --all --name'] });
  });

  it('lets go of an answer that nobody waits for any more', async () => {
    const { channel } = channelTo(() => false);
    const end = new AbortController();
    const asked = channel.run(virshCommands.domainNames(), { signal: end.signal });
    end.abort();
    await expect(asked).rejects.toMatchObject({ name: 'AbortError' });
    await expect(channel.run(virshCommands.domainNames())).resolves.not.toBeInstanceOf(CommandFailed);
  });
});
