import { describe, expect, it } from 'vitest';
import type { EnvironmentState } from '../../../src/environments/environment.ts';
import { statusText } from '../../../src/ui/statusText.ts';
import type { Snapshot } from '../../../src/ui/tree/rowText.ts';

function snapshot(kind: 'container' | 'vm', state: EnvironmentState, step?: string): Snapshot {
  return {
    kind,
    active: false,
    status: { state, capabilities: new Set(), startedAt: undefined, problem: undefined, drifted: false },
    starts: { last: undefined, medianMs: undefined, count: 0, firstBuild: undefined },
    expectedMs: undefined,
    usage: undefined,
    details: undefined,
    sync: undefined,
    step,
    now: new Date(),
  };
}

const alone = { project: undefined };

describe('statusText', () => {
  it('names the active environment and nothing else while it runs', () => {
    expect(statusText('vm', [snapshot('container', 'stopped'), snapshot('vm', 'running')], alone).text).toBe(
      '$(vm) VM',
    );
    expect(statusText('host', [snapshot('container', 'stopped')], alone).text).toBe('$(home) Host');
  });

  it('says so where the active environment does not run', () => {
    expect(statusText('vm', [snapshot('vm', 'suspended')], alone).text).toBe('$(vm) VM · suspended');
  });

  it('shows the step of an operation, of whichever environment', () => {
    const status = statusText(
      'container',
      [snapshot('container', 'running'), snapshot('vm', 'stopped', 'Booting')],
      alone,
    );
    expect(status.text).toBe('$(loading~spin) VM: Booting');
    expect(status.accessibilityLabel).toContain('Booting');
  });

  it('names the project where the window has several', () => {
    expect(statusText('container', [snapshot('container', 'running')], { project: 'api' }).text).toBe(
      '$(package) api: Container',
    );
  });

  it('alarms only when the engine of the active environment is gone', () => {
    expect(statusText('vm', [snapshot('vm', 'unavailable')], alone).alarming).toBe(true);
    expect(
      statusText('container', [snapshot('vm', 'unavailable'), snapshot('container', 'running')], alone)
        .alarming,
    ).toBe(false);
  });

  it('has both kinds and the host in the tooltip', () => {
    const { tooltip } = statusText(
      'vm',
      [snapshot('container', 'stopped'), snapshot('vm', 'running')],
      alone,
    );
    expect(tooltip).toMatch(/Container \| stopped/);
    expect(tooltip).toMatch(/\*\*VM\*\* ✓ \| up/);
    expect(tooltip).toMatch(/Host/);
  });
});
