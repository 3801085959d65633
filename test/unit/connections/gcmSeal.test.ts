import { createDecipheriv, createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { GcmSeal } from '../../../src/connections/gcmSeal.ts';

const key = randomBytes(16);

/** What a seal sends, and what OpenSSH would read out of it: each packet with a counter of its own as the nonce. */
function sealed(iv: Buffer): { seal: GcmSeal; open: () => { payload: Buffer; padding: Buffer }[] } {
  const nonce = Buffer.from(iv);
  const sent: Buffer[] = [];
  const write = (data: Buffer): void => void sent.push(data);
  const seal = new GcmSeal({ algorithm: 'aes-128-gcm', key: createSecretKey(key), iv, outSeqno: 7, write });
  const open = (): { payload: Buffer; padding: Buffer }[] => {
    const packets: { payload: Buffer; padding: Buffer }[] = [];
    let rest = Buffer.concat(sent);
    while (rest.length > 0) {
      const length = rest.readUInt32BE(0);
      expect(length % 16).toBe(0);
      const decipher = createDecipheriv('aes-128-gcm', key, nonce);
      decipher.setAAD(rest.subarray(0, 4));
      decipher.setAuthTag(rest.subarray(4 + length, 4 + length + 16));
      const body = Buffer.concat([decipher.update(rest.subarray(4, 4 + length)), decipher.final()]);
      const end = body.length - (body[0] ?? 0);
      packets.push({ payload: body.subarray(1, end), padding: body.subarray(end) });
      nonce.writeBigUInt64BE(BigInt.asUintN(64, nonce.readBigUInt64BE(4) + 1n), 4);
      rest = rest.subarray(4 + length + 16);
    }
    return packets;
  };
  return { seal, open };
}

function send(seal: GcmSeal, payload: Buffer): void {
  const packet = seal.allocPacket(payload.length);
  payload.copy(packet, 5);
  seal.encrypt(packet);
}

describe('packets with AES-GCM', () => {
  it('of any size are opened by their counter, also where it carries over', () => {
    const { seal, open } = sealed(Buffer.from('0102030400000000000000fd', 'hex'));
    const payloads = [1, 11, 12, 15, 16, 17, 4096, 32_768, 32_777, 70_000].map((size) => randomBytes(size));
    for (const payload of payloads) send(seal, payload);
    const packets = open();
    expect(packets.map(({ payload }) => payload.toString('hex'))).toEqual(
      payloads.map((payload) => payload.toString('hex')),
    );
    for (const { padding } of packets) expect(padding.length).toBeGreaterThanOrEqual(4);
    expect(seal.outSeqno).toBe(7 + payloads.length);
  });

  it('never have the same padding twice', () => {
    const { seal, open } = sealed(Buffer.alloc(12));
    for (let index = 0; index < 1000; index++) send(seal, Buffer.alloc(3));
    const paddings = open().map(({ padding }) => padding.toString('hex'));
    expect(new Set(paddings).size).toBe(1000);
  });

  it('do not share their bytes where one is made before the other is sent', () => {
    const { seal, open } = sealed(Buffer.alloc(12));
    const first = seal.allocPacket(100);
    const second = seal.allocPacket(100);
    first.fill(1, 5, 105);
    second.fill(2, 5, 105);
    seal.encrypt(first);
    seal.encrypt(second);
    expect(open().map(({ payload }) => payload[0])).toEqual([1, 2]);
  });

  it('are not sent once it is over', () => {
    const { seal, open } = sealed(Buffer.alloc(12));
    seal.free();
    send(seal, Buffer.alloc(10));
    expect(open()).toEqual([]);
  });
});
