/** Text as it stands in XML. */
export function toXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll("'", '&apos;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

const entities: Readonly<Record<string, string>> = { amp: '&', apos: "'", quot: '"', lt: '<', gt: '>' };

/** Text out of XML. */
export function fromXml(text: string): string {
  return text.replaceAll(/&(amp|apos|quot|lt|gt);/g, (whole, name: string) => entities[name] ?? whole);
}
