import { describe, expect, it } from 'vitest';
import { Echoes } from '../../../src/sync/host/echoes.ts';

describe('what the sync wrote itself', () => {
  it('is no news as long as it stands there', () => {
    const echoes = new Echoes();
    echoes.leave('a', 'print 1');
    expect(echoes.isEcho('a', 'print 1')).toBe(true);
    expect(echoes.isEcho('a', 'print 1')).toBe(true);
    expect(echoes.isEcho('b', '-')).toBe(false);
  });

  it('is news once something else stood there, whatever stands there now', () => {
    const echoes = new Echoes();
    echoes.leave('a', '-');
    expect(echoes.isEcho('a', 'made again')).toBe(false);
    expect(echoes.isEcho('a', '-')).toBe(false);
  });

  it('is news once the sync heard of another state by another way', () => {
    const echoes = new Echoes();
    echoes.leave('a', '-');
    echoes.see('a', 'found by asking');
    expect(echoes.isEcho('a', '-')).toBe(false);
    echoes.leave('b', '-');
    echoes.see('b', '-');
    expect(echoes.isEcho('b', '-')).toBe(true);
    echoes.forget();
    expect(echoes.isEcho('b', '-')).toBe(false);
  });
});
