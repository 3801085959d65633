import * as l10n from '@vscode/l10n';

/**
 * Numbers for people: a unit on each, and no more digits than the figure is good for.
 */

/** A measured duration: "85 ms", "0.4 s", "12.3 s", "2 min 05 s". `ms` in milliseconds. */
export function formatDuration(ms: number): string {
  if (ms < 99.5) return l10n.t('{0} ms', Math.round(ms));
  if (ms < 59_950) return l10n.t('{0} s', (ms / 1000).toFixed(1));
  const seconds = Math.round(ms / 1000);
  return l10n.t('{0} min {1} s', Math.floor(seconds / 60), String(seconds % 60).padStart(2, '0'));
}

/** How long something has been so: "12 s", "38 min", "5 h 12 min", "3 d 4 h". `ms` in milliseconds. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return l10n.t('{0} s', seconds);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return l10n.t('{0} min', minutes);
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return l10n.t('{0} h {1} min', hours, minutes % 60);
  return l10n.t('{0} d {1} h', Math.floor(hours / 24), hours % 24);
}

const units = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/**
 * A size in steps of 1024, as Docker's and libvirt's own tools and the devcontainer.json spec count:
 * "84 MB", "1.5 GB". Three digits at most.
 */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 rounds to 1000, which is a digit too many.
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 9.95 && !Number.isInteger(value) ? 1 : 0;
  return `${value.toFixed(digits)} ${units[unit] ?? 'TB'}`;
}

/** "0 %", "2 %", "97 %"; under ten per cent that is not zero, with one decimal where it says more: "0.4 %". */
export function formatPercent(percent: number): string {
  const digits = percent >= 0.05 && percent < 0.95 ? 1 : 0;
  return `${percent.toFixed(digits)} %`;
}

/**
 * The same figures for a row in which four of them must fit beside a name: no space before the unit, and no
 * digit that a glance does not need. "85ms", "7.7s", "12s", "6min". `ms` in milliseconds.
 */
export function compactDuration(ms: number): string {
  if (ms < 99.5) return l10n.t('{0}ms', Math.round(ms));
  if (ms < 9_950) return l10n.t('{0}s', (ms / 1000).toFixed(1));
  if (ms < 99_500) return l10n.t('{0}s', Math.round(ms / 1000));
  return l10n.t('{0}min', Math.round(ms / 60_000));
}

/** "84MB", "1.5GB"; see `formatBytes`. */
export function compactBytes(bytes: number): string {
  return formatBytes(bytes).replace(' ', '');
}

/** "0%", "97%". */
export function compactPercent(percent: number): string {
  return `${percent.toFixed(0)}%`;
}

/** The time of day in the person's locale, without seconds; with the date where it is another day. */
export function formatClock(at: Date, now: Date = new Date()): string {
  const time = new Intl.DateTimeFormat(undefined, {
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }).format(at);
  if (at.toDateString() === now.toDateString()) return time;
  return `${new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' }).format(at)} ${time}`;
}
