// The form that asks for a token, where the process wants one. The token is
// sent once; a cookie that scripts cannot read is what remains of it.

import * as api from './api.js';
import {byId, setHidden, setText} from './dom.js';

export class Login {
  constructor({on_done}) {
    this.on_done = on_done;
    this.isKnown = false; // whether there is a session
    this.wasIn = false;   // it was used, and has ended
    byId('login').addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    byId('logout').addEventListener('click', () => this.logOut());
  }

  ask() {
    if (!byId('login').hidden) {
      return;
    }
    setText(byId('login-note'), this.wasIn
      ? 'Your session has ended: after 12 hours, when haplo-poll is restarted, ' +
        'or when its token changes.' : '');
    setHidden(byId('login'), false);
    setHidden(byId('logout'), true);
    byId('token').focus();
  }

  async submit() {
    const field = byId('token');
    try {
      await api.post('session', {token: field.value});
    } catch (error) {
      setText(byId('login-error'), error.message);
      field.select();
      return;
    }
    field.value = '';
    setText(byId('login-error'), '');
    this.isKnown = false;
    setHidden(byId('login'), true);
    setHidden(byId('logout'), false);
    this.on_done();
  }

  // Only who has logged in can log out. Asked once.
  async offerLogOut() {
    if (this.isKnown) {
      return;
    }
    this.isKnown = true;
    try {
      const session = await api.get('session');
      setHidden(byId('logout'), session.expires_at === null);
      this.wasIn = true;
    } catch {
      this.isKnown = false; // it is asked again
    }
  }

  async logOut() {
    await api.remove('session');
    location.reload();
  }
}
