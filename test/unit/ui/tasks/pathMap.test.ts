import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OutputPaths, toGuest } from '../../../../src/ui/tasks/pathMap.ts';

const folder = { host: '/home/me/api', guest: '/workspaces/api' };

function all(...pieces: string[]): string {
  const paths = new OutputPaths(folder);
  return pieces.map((piece) => paths.write(piece)).join('') + paths.flush();
}

describe('OutputPaths', () => {
  it("turns the guest's paths into the host's", () => {
    expect(all('/workspaces/api/a.ts(1,2): error\n')).toBe('/home/me/api/a.ts(1,2): error\n');
    expect(all('at file:///workspaces/api/x.js "/workspaces/api"')).toBe(
      'at file:///home/me/api/x.js "/home/me/api"',
    );
    expect(all('cd /workspaces/api')).toBe('cd /home/me/api');
  });

  it('leaves alone what only looks like it', () => {
    for (const text of [
      '/workspaces/api-2/a',
      '/old/workspaces/api/a',
      '/workspaces/apis',
      '/workspaces',
      'x/workspaces/api/y',
    ]) {
      expect(all(text), text).toBe(text);
    }
  });

  it('says the same however the output is cut into pieces', () => {
    const text = fc.array(
      fc.constantFrom('/workspaces/api', '/', 'workspaces', '/work', 'a', ' ', '\n', '-', 'spaces/api', '"'),
      {
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(80), { maxLength: 6 }), (words, cuts) => {
        const whole = words.join('');
        const places = [
          ...new Set([0, ...cuts.map((cut) => Math.min(cut, whole.length)), whole.length]),
        ].sort((a, b) => a - b);
        const pieces = places.slice(1).map((end, index) => whole.slice(places[index], end));
        expect(all(...pieces)).toBe(all(whole));
      }),
    );
  });

  it('keeps back no more than the beginning of the path', () => {
    const paths = new OutputPaths(folder);
    expect(paths.write('Continue? /work')).toBe('Continue? ');
    expect(paths.flush()).toBe('/work');
    expect(paths.write('/workspaces/api/x')).toBe('/workspaces/api/x');
  });
});

describe('toGuest', () => {
  it("turns the host's paths into the guest's", () => {
    expect(toGuest('node /home/me/api/x.js --root=/home/me/api', folder)).toBe(
      'node /workspaces/api/x.js --root=/workspaces/api',
    );
    expect(toGuest('/home/me/api2', folder)).toBe('/home/me/api2');
  });
});
