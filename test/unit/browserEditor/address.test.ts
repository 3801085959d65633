import { describe, expect, it } from 'vitest';
import { editorAddress } from '../../../src/browserEditor/address.ts';

const direct = new URL('http://127.0.0.1:4000/?tkn=secret&folder=%2Fworkspaces%2Fapi');
const query = direct.search;
const openedFrom = (external: string, isInBrowser = true): string | undefined =>
  editorAddress(direct, new URL(external), isInBrowser)?.href;

describe('the address of an editor in the browser', () => {
  it('is as it is where the window is no page itself', () => {
    expect(openedFrom(direct.href, false)).toBe(direct.href);
    expect(openedFrom(`http://localhost:4001/${query}`, false)).toBe(`http://localhost:4001/${query}`);
  });

  it('has a name of its own beside a page of this computer, which shares neither origin nor cookies', () => {
    const own = `http://switchyard.localhost:4000/${query}`;
    expect(openedFrom(direct.href)).toBe(own);
    expect(openedFrom(`http://127.0.0.1:8080/proxy/4000/${query}`)).toBe(own);
    expect(openedFrom(`http://localhost:8080/proxy/4000/${query}`)).toBe(own);
  });

  it('is the one that the window gives where that is an origin of its own', () => {
    const forwarded = `https://4000.dev.example/${query}`;
    expect(openedFrom(forwarded)).toBe(forwarded);
  });

  it('is none where the window could only give one below its own', () => {
    expect(openedFrom(`https://dev.example/proxy/4000/${query}`)).toBeUndefined();
  });
});
