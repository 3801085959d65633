import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { commandIds } from '../../../src/ui/commandIds.ts';

interface Manifest {
  contributes: {
    commands: { command: string; category: string; title: string; enablement?: string }[];
    menus: Record<string, { command: string; when?: string; group?: string }[]>;
    views: Record<string, { icon: string }[]>;
    keybindings: { command: string }[];
    configuration: {
      properties: Record<string, { order?: number; default?: unknown; markdownDescription?: string }>;
    };
  };
}

const root = new URL('../../../', import.meta.url);
const text = readFileSync(new URL('package.json', root), 'utf8');
const manifest = JSON.parse(text) as Manifest;
const nls = JSON.parse(readFileSync(new URL('package.nls.json', root), 'utf8')) as Record<string, string>;
const { contributes } = manifest;

describe('package.json', () => {
  it('contributes exactly the commands that the code registers', () => {
    expect(contributes.commands.map(({ command }) => command).sort()).toEqual([...commandIds].sort());
  });

  it('gives every command the category and a title without an emoji', () => {
    for (const { category, title } of contributes.commands) {
      expect(category).toBe('Switchyard');
      expect(nls[title.slice(1, -1)]).toMatch(/^[A-Z][A-Za-z /…]+$/);
    }
  });

  it('names only commands that exist in menus and key bindings', () => {
    const used = [...Object.values(contributes.menus).flat(), ...contributes.keybindings];
    for (const { command } of used) expect(commandIds).toContain(command);
  });

  it('has every text in package.nls.json and none there that nobody uses', () => {
    const keys = [...text.matchAll(/"%([^%"]+)%"/g)].map(([, key]) => key ?? '');
    expect([...new Set(keys)].sort()).toEqual(Object.keys(nls).sort());
  });

  it('shows at most three inline actions on any row', () => {
    const inline = (contributes.menus['view/item/context'] ?? []).filter(({ group }) =>
      group?.startsWith('inline'),
    );
    const places = new Set(inline.map(({ group }) => group));
    expect(places.size).toBeLessThanOrEqual(3);
  });

  it('puts destructive commands last', () => {
    const groups = (contributes.menus['view/item/context'] ?? [])
      .flatMap(({ group }) => group ?? [])
      .filter((group) => !group.startsWith('inline'));
    const destroy = (contributes.menus['view/item/context'] ?? []).filter(
      ({ command }) => command === 'switchyard.destroy',
    );
    expect(destroy.length).toBeGreaterThan(0);
    for (const { group } of destroy) expect(group).toBe(groups.toSorted().at(-1));
  });

  it('describes every setting and gives it a default and a place', () => {
    for (const setting of Object.values(contributes.configuration.properties)) {
      expect(setting.markdownDescription).toBeDefined();
      expect(setting.default).toBeDefined();
      expect(setting.order).toBeDefined();
    }
  });
});
