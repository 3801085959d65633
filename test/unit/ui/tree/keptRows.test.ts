import { describe, expect, it } from 'vitest';
import type { EnvironmentNode, FactNode } from '../../../../src/ui/tree/nodes.ts';
import { KeptRows } from '../../../../src/ui/tree/keptRows.ts';

// Only its id is looked at.
const environment = { type: 'environment', id: 'e' } as EnvironmentNode;

function row(id: string, description: string, children?: readonly FactNode[]): FactNode {
  const text = { label: id, description, tooltip: description };
  return { type: 'fact', id, fact: id, text, parent: environment, ...(children ? { children } : {}) };
}

describe('the rows below an environment', () => {
  it('stay the same objects while they say something else', () => {
    const rows = new KeptRows();
    const [cpu, memory] = rows.put(environment, [row('cpu', '2 %'), row('memory', '84 MB')]);
    expect(rows.change(environment, [row('cpu', '3 %'), row('memory', '84 MB')])).toEqual([cpu]);
    expect(rows.of(environment)).toEqual([cpu, memory]);
    expect(rows.of(environment)[0]).toBe(cpu);
    expect(cpu).toMatchObject({ text: { description: '3 %' } });
  });

  it('are all left alone where nothing changed', () => {
    const rows = new KeptRows();
    const both = () => [row('cpu', '2 %'), row('ports', '1 forwarded', [row('ports:80', '80')])];
    rows.put(environment, both());
    expect(rows.change(environment, both())).toEqual([]);
  });

  it.each([
    ['came', [row('cpu', '2 %'), row('memory', '84 MB'), row('disk', '12 MB')]],
    ['went', [row('cpu', '2 %')]],
    ['changed places', [row('memory', '84 MB'), row('cpu', '2 %')]],
  ])('are drawn anew together where one %s', (_, after) => {
    const rows = new KeptRows();
    rows.put(environment, [row('cpu', '2 %'), row('memory', '84 MB')]);
    expect(rows.change(environment, after)).toEqual([environment]);
    expect(rows.of(environment).map(({ id }) => id)).toEqual(after.map(({ id }) => id));
  });

  it('are drawn alone also where they stand below another row', () => {
    const rows = new KeptRows();
    rows.put(environment, [row('sync', 'live', [row('pending', '3'), row('scan', '1 s ago')])]);
    const [sync] = rows.of(environment);
    const [, scan] = sync ? rows.of(sync) : [];
    const changed = rows.change(environment, [
      row('sync', 'live', [row('pending', '3'), row('scan', '3 s ago')]),
    ]);
    expect(changed).toEqual([scan]);
    expect(changed[0]).toBe(scan);
    expect(scan).toMatchObject({ parent: sync });
  });

  it('can be opened once there is something below them, and not when that went', () => {
    const rows = new KeptRows();
    const [ports] = rows.put(environment, [row('ports', 'none forwarded')]);
    expect(rows.change(environment, [row('ports', 'none forwarded', [row('80', '80')])])).toEqual([ports]);
    expect(ports && rows.of(ports)).toHaveLength(1);
    expect(rows.change(environment, [row('ports', 'none forwarded')])).toEqual([ports]);
    expect(ports && rows.of(ports)).toEqual([]);
    expect(ports).toMatchObject({ children: undefined });
  });

  it('that come back are new ones', () => {
    const rows = new KeptRows();
    const [before] = rows.put(environment, [row('sync', 'live', [row('pending', '3')])]);
    rows.change(environment, []);
    const [after] = rows.put(environment, [row('sync', 'live', [row('pending', '3')])]);
    expect(after).not.toBe(before);
    expect(after && rows.of(after)).toHaveLength(1);
  });
});
