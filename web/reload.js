// The button that makes the process read its configuration again, and what has
// become of that: what is new, changed, gone, or still finishing; or why it was
// rejected.

import * as api from './api.js';
import {byId, el, setHidden} from './dom.js';
import {count} from './format.js';

const LISTS = [
  ['added', 'Added'], ['changed', 'Changed'], ['removed', 'Removed'],
  ['waiting', 'Finishing first'], ['held', 'Not polled'],
  ['errors', 'What is wrong'],
];
const REJECTED = 422;

export class Reload {
  // on_done(): the configuration may be another one now; on_failed(error): it
  // was not even asked.
  constructor({on_done, on_failed}) {
    this.on_done = on_done;
    this.on_failed = on_failed;
    this.button = byId('reload');
    this.dialog = byId('reload-result');
    this.button.addEventListener('click', () => this.run());
    byId('reload-close').addEventListener('click', () => this.dialog.close());
  }

  offer(mayAct) {
    setHidden(this.button, !mayAct);
  }

  async run() {
    if (this.button.getAttribute('aria-disabled') === 'true') {
      return;
    }
    // Not `disabled`, which would take the focus away.
    this.button.setAttribute('aria-disabled', 'true');
    const face = [...this.button.childNodes];
    this.button.textContent = 'Reloading …';
    try {
      this.show(await api.post('reload', undefined, REJECTED));
    } catch (error) {
      if (!(error instanceof api.ApiError)) {
        throw error;
      }
      this.on_failed(error);
    } finally {
      this.button.replaceChildren(...face);
      this.button.setAttribute('aria-disabled', 'false');
    }
    this.on_done();
  }

  show(result) {
    const lists = LISTS.filter(([name]) => result[name].length > 0);
    const parts = lists.flatMap(([name, title]) => [
      el('h3', {}, `${title} (${count(result[name].length)})`),
      el('ul', {}, ...result[name].map((line) => el('li', {}, line))),
    ]);
    if (!result.ok) {
      this.tell('The configuration was rejected: nothing has changed', parts);
      return;
    }
    this.tell(`Configuration ${result.generation} is in use`,
      parts.length > 0 ? parts : [el('p', {}, 'Nothing has changed.')]);
  }

  tell(title, parts) {
    byId('reload-title').textContent = title;
    byId('reload-text').replaceChildren(...parts);
    this.dialog.showModal();
  }
}
