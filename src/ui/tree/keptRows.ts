import type { Node, RowNode } from './nodes.ts';

/**
 * The rows below an environment, each the same object for as long as there is a row of its id: VS Code knows
 * a row by its object, and redraws alone what it is told by that.
 */
export class KeptRows {
  readonly #rows = new Map<string, RowNode>();
  /** The ids below each. */
  readonly #below = new Map<string, readonly string[]>();

  /** @returns the rows to draw below `parent`, in their order */
  put(parent: Node, fresh: readonly RowNode[]): RowNode[] {
    this.change(parent, fresh);
    return this.of(parent);
  }

  of({ id }: Node): RowNode[] {
    return (this.#below.get(id) ?? []).flatMap((row) => this.#rows.get(row) ?? []);
  }

  /**
   * These are the rows below `parent` now.
   * @returns what must be redrawn, and what is below it with it: the rows that say something else, or the
   * one below which rows came, went or changed places
   */
  change(parent: Node, fresh: readonly RowNode[]): Node[] {
    const before = this.#below.get(parent.id) ?? [];
    const after = fresh.map(({ id }) => id);
    const isSame = before.length === after.length && before.every((id, index) => id === after[index]);
    this.#below.set(parent.id, after);
    for (const id of before) if (!after.includes(id)) this.#forget(id);
    const changed = fresh.flatMap((row) => this.#keep(parent, row));
    return isSame ? changed : [parent];
  }

  clear(): void {
    this.#rows.clear();
    this.#below.clear();
  }

  #keep(parent: Node, fresh: RowNode): Node[] {
    const row = this.#rows.get(fresh.id) ?? fresh;
    const before = said(row);
    const isNew = row === fresh;
    if (!isNew) Object.assign(row, { children: undefined }, fresh);
    Object.assign(row, { parent });
    this.#rows.set(row.id, row);
    const below = this.change(row, childrenOf(fresh));
    return isNew || said(row) !== before ? [row] : below;
  }

  #forget(id: string): void {
    this.#rows.delete(id);
    for (const child of this.#below.get(id) ?? []) this.#forget(child);
    this.#below.delete(id);
  }
}

function childrenOf(row: RowNode): readonly RowNode[] {
  return row.type === 'fact' ? (row.children ?? []) : [];
}

/** All that its own line shows; whether it can be opened is part of it. */
function said(row: RowNode): string {
  return row.type === 'port'
    ? JSON.stringify(row.port)
    : JSON.stringify([row.fact, row.text, row.children === undefined]);
}
