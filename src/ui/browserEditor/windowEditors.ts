import { DisposableStore, type Disposable } from '../../base/disposable.ts';
import { Emitter } from '../../base/event.ts';
import type { Logger } from '../../base/log.ts';
import { BrowserEditor } from '../../browserEditor/browserEditor.ts';
import type { Environment } from '../../environments/environment.ts';
import type { ProjectModel } from '../model/projectModel.ts';
import type { WindowProjects } from '../model/windowProjects.ts';
import type { WindowPorts } from '../ports/windowPorts.ts';

interface Kept {
  readonly model: ProjectModel;
  readonly editor: BrowserEditor;
  readonly end: Disposable;
}

/** The browser editors of the window's environments; each is made when it is first asked for. */
export class WindowEditors implements Disposable {
  readonly #ports: WindowPorts;
  readonly #log: Logger;
  readonly #kept = new Map<Environment, Kept>();
  readonly #changed = new Emitter<Environment>();
  /** Fires when the editor of an environment started or ended. */
  readonly onDidChange = this.#changed.event;
  readonly #listening: Disposable;

  constructor(projects: WindowProjects, ports: WindowPorts, log: Logger) {
    this.#ports = ports;
    this.#log = log;
    this.#listening = projects.onDidChange(() => {
      for (const [environment, { model, end }] of this.#kept) {
        if (projects.models.includes(model)) continue;
        this.#kept.delete(environment);
        end.dispose();
      }
    });
  }

  find(environment: Environment): BrowserEditor | undefined {
    return this.#kept.get(environment)?.editor;
  }

  of(model: ProjectModel, environment: Environment): BrowserEditor {
    const known = this.#kept.get(environment);
    if (known) return known.editor;
    const end = new DisposableStore();
    const editor = end.add(new BrowserEditor(this.#log));
    let hidden: Disposable | undefined;
    end.add(
      editor.onDidChange(() => {
        hidden?.dispose();
        const { guestPort } = editor;
        hidden = guestPort === undefined ? undefined : this.#ports.find(environment)?.hide(guestPort);
        this.#changed.fire(environment);
      }),
    );
    this.#kept.set(environment, { model, editor, end });
    return editor;
  }

  dispose(): void {
    this.#listening.dispose();
    for (const { end } of this.#kept.values()) end.dispose();
    this.#kept.clear();
    this.#changed.dispose();
  }
}
