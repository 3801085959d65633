/**
 * The spec's format of a size: a whole number, and `kb`, `mb`, `gb` or `tb`; without a unit it is bytes.
 * Not zero, and never more than can be counted exactly.
 */
export const sizePattern = '^[1-9]([0-9]{0,14}|[0-9]{0,11}kb|[0-9]{0,8}mb|[0-9]{0,5}gb|[0-9]{0,2}tb)$';

const size = new RegExp(sizePattern);
const factors: Readonly<Record<string, number>> = { kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 };

/**
 * Bytes of a size such as `4gb`; a unit is a power of 1024.
 * @see https://containers.dev/implementors/json_reference/#min-host-reqs
 * @returns undefined where the text is no size
 */
export function parseSize(text: string): number | undefined {
  if (!size.test(text)) return undefined;
  return parseInt(text, 10) * (factors[text.slice(-2)] ?? 1);
}
