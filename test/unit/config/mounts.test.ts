import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMount } from '../../../src/config/mounts.ts';

const volume = { type: 'volume', readOnly: false, options: {} };

describe('an entry of mounts', () => {
  it('is an object of three texts, of which others do not count', () => {
    expect(parseMount({ type: 'bind', source: '/a', target: '/b' })).toEqual({
      type: 'bind',
      source: '/a',
      target: '/b',
      readOnly: false,
      options: {},
    });
    expect(parseMount({ type: 'volume', source: 'v', target: '/b/', external: true })).toEqual({
      ...volume,
      source: 'v',
      target: '/b',
    });
    expect(parseMount({ type: 'volume', target: '/b' })).toEqual({ ...volume, target: '/b' });
  });

  it('is a text with the names that the engine knows, a volume by default', () => {
    expect(parseMount('src=v,dst=/b')).toEqual({ ...volume, source: 'v', target: '/b' });
    expect(parseMount('TYPE=bind,Source=/x=y,destination=/b,readonly')).toEqual({
      type: 'bind',
      source: '/x=y',
      target: '/b',
      readOnly: true,
      options: {},
    });
    expect(parseMount('type=tmpfs,target=/b,tmpfs-size=64m,ro=false')).toEqual({
      type: 'tmpfs',
      target: '/b',
      readOnly: false,
      options: { 'tmpfs-size': '64m' },
    });
  });

  it('may have commas and quotes within quotes', () => {
    expect(parseMount('"source=/a,b ""c""",target=/b,type=bind')).toMatchObject({ source: '/a,b "c"' });
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (name) => {
        const field = `"source=/${name.replaceAll('"', '""')}"`;
        expect(parseMount(`type=bind,${field},target=/b`)).toMatchObject({
          source: `/${name}`,
          target: '/b',
        });
      }),
    );
  });

  it('that is none is told with the reason', () => {
    for (const [value, reason] of [
      ['type=volume,source=v', /names no target/],
      ['type=volume,source=v,target=b', /not an absolute path/],
      ['type=bind,target=/b', /names no source/],
      [{ type: 'bind', source: 1, target: '/b' }, /neither a text nor an object/],
      [null, /neither a text nor an object/],
      [[], /names no target/],
      ['', /names no target/],
    ] as const) {
      expect(parseMount(value)).toMatchObject({ reason: expect.stringMatching(reason) as string });
    }
  });

  it('never breaks the reader', () => {
    fc.assert(fc.property(fc.anything(), (value) => void parseMount(value)));
    fc.assert(fc.property(fc.string(), (value) => void parseMount(value)));
  });
});
