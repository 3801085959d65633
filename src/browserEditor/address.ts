/** A name of its own for this computer: what ends in .localhost is the loopback address to a browser (RFC 6761). */
const ownName = 'switchyard.localhost';
const loopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/;

/**
 * The address at which a browser opens an editor that is forwarded to this computer. Two editors must not share an
 * origin: each keeps its state there, and would take the other's extensions for its own. An editor in a browser
 * that hands out ports as paths below its own address would make them share it.
 * @param direct the address on the computer that the forward listens on
 * @param external what this window's editor makes of it for the browser in front of the person
 * @param isInBrowser whether this window is a page of a browser, which has cookies of the host's name already
 * @returns undefined where the browser is elsewhere and can reach it only below the address of this window
 */
export function editorAddress(direct: URL, external: URL, isInBrowser: boolean): URL | undefined {
  const isBelowAnother = external.pathname !== direct.pathname;
  if (isBelowAnother && !loopback.test(external.hostname)) return undefined;
  const isHere = isBelowAnother || external.origin === direct.origin;
  if (!isInBrowser || !isHere) return external;
  const own = new URL(direct);
  own.hostname = ownName;
  return own;
}
