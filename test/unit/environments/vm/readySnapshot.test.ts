import { describe, expect, it } from 'vitest';
import { withDisk } from '../../../../src/environments/vm/readySnapshot.ts';

const disk = (file: string, backing = ''): string =>
  `<disk type='file' device='disk'><source file='${file}' index='1'/>${backing}<target dev='vda'/></disk>`;

describe('the definition of a machine that comes back', () => {
  it('has the disk of what changes, and says nothing of what that stands on', () => {
    const backing = `<backingStore type='file'><source file='/box.img'/><backingStore/></backingStore>\n`;
    const other = disk('/p/other.img', backing);
    const xml = `<domain><uuid>1</uuid>${disk('/p/a&amp;b.img', backing)}${other}<serial/></domain>`;
    expect(withDisk(xml, '/p/a&b.img', "/p/$&'live.img")).toBe(
      `<domain><uuid>1</uuid>${disk('/p/$&amp;&apos;live.img')}${other}<serial/></domain>`,
    );
  });
});
