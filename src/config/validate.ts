import * as l10n from '@vscode/l10n';
import { getNodeValue, type Node } from 'jsonc-parser';
import type { Shape } from './block.ts';
import { parseSize } from './sizes.ts';

/** Something in the file that is not as it must be. */
export interface Problem {
  /** Where in the text, in UTF-16 code units from 0. */
  readonly offset: number;
  /** A whole sentence that names the key and what is allowed. */
  readonly message: string;
}

/** Everything below `node` that is not of the shape, in the order of the file. */
export function validate(node: Node, shape: Shape, path: string): readonly Problem[] {
  switch (shape.type) {
    case 'object':
      return validateObject(node, shape, path);
    case 'choice':
      return shape.values.includes(valueOf(node) as string)
        ? []
        : [wrong(node, l10n.t('"{0}" is {1}; allowed are: {2}.', path, textOf(node), listOf(shape.values)))];
    case 'text':
      return isText(node) ? [] : [wrong(node, mustBe(path, node, l10n.t('a text that is not empty')))];
    case 'count': {
      const value = valueOf(node);
      return Number.isInteger(value) && (value as number) >= 1
        ? []
        : [wrong(node, mustBe(path, node, l10n.t('a whole number of at least 1')))];
    }
    case 'flag':
      return typeof valueOf(node) === 'boolean'
        ? []
        : [wrong(node, mustBe(path, node, l10n.t('true or false')))];
    case 'size': {
      const value = valueOf(node);
      return typeof value === 'string' && parseSize(value) !== undefined
        ? []
        : [wrong(node, mustBe(path, node, l10n.t('a size with kb, mb, gb or tb, such as "4gb"')))];
    }
    case 'texts': {
      if (node.type !== 'array') return [wrong(node, mustBe(path, node, l10n.t('a list of texts')))];
      return (node.children ?? []).flatMap((item, index) =>
        validate(item, { type: 'text' }, `${path}[${index}]`),
      );
    }
    case 'either':
      return validateEither(node, shape, path);
  }
}

/** The value of a key of an object; of several with the same name the last counts, as in JSON.parse. */
export function member(node: Node | undefined, name: string): Node | undefined {
  if (node?.type !== 'object') return undefined;
  const property = node.children?.findLast((child) => child.children?.[0]?.value === name);
  return property?.children?.[1];
}

function validateObject(node: Node, shape: Shape & { type: 'object' }, path: string): readonly Problem[] {
  if (node.type !== 'object') return [wrong(node, mustBe(path, node, l10n.t('an object')))];
  const problems: Problem[] = [];
  for (const property of node.children ?? []) {
    const [name] = property.children ?? [];
    if (!name) continue;
    const key = String(name.value);
    const known = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined;
    if (!known) {
      problems.push(
        wrong(
          name,
          l10n.t('"{0}" is not known; allowed are: {1}.', `${path}.${key}`, listOf(Object.keys(shape.keys))),
        ),
      );
      continue;
    }
    const value = member(node, key);
    // A repeated key: only the one that counts is looked at.
    if (value && value === property.children?.[1])
      problems.push(...validate(value, known.shape, `${path}.${key}`));
  }
  for (const [key, { required }] of Object.entries(shape.keys)) {
    if (required && !member(node, key))
      problems.push(wrong(node, l10n.t('"{0}" is missing.', `${path}.${key}`)));
  }
  return problems;
}

function validateEither(node: Node, shape: Shape & { type: 'either' }, path: string): readonly Problem[] {
  const meant = shape.shapes.find((one) =>
    one.type === 'object'
      ? Object.entries(one.keys).some(([key, { required }]) => required && member(node, key))
      : validate(node, one, path).length === 0,
  );
  if (meant) return validate(node, meant, path);
  const forms = shape.shapes.map((one) => {
    if (one.type === 'choice') return listOf(one.values);
    if (one.type !== 'object') return one.type;
    return `{ ${Object.entries(one.keys)
      .map(([key, { required }]) => (required ? `"${key}": …` : `"${key}"?: …`))
      .join(', ')} }`;
  });
  return [wrong(node, l10n.t('"{0}" is {1}; allowed are: {2}.', path, textOf(node), forms.join(' | ')))];
}

function wrong(node: Node, message: string): Problem {
  return { offset: node.offset, message };
}

function mustBe(path: string, node: Node, wanted: string): string {
  return l10n.t('"{0}" is {1}, but must be {2}.', path, textOf(node), wanted);
}

function isText(node: Node): boolean {
  return typeof node.value === 'string' && node.value !== '';
}

function valueOf(node: Node): unknown {
  return node.value as unknown;
}

function textOf(node: Node): string {
  const text = JSON.stringify(getNodeValue(node));
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function listOf(values: readonly string[]): string {
  return values.map((value) => `"${value}"`).join(', ');
}
