// messages.js - the messages of a batch. What a message has is copied when it
// is first read, which must be before the batch is answered.
'use strict';

class Message {
  #batch;
  #index;
  #body;
  #value;

  constructor(batch, index) {
    this.#batch = batch;
    this.#index = index;
  }

  get body() {
    return this.#body ??= this.#batch.bodyOf(this.#index);
  }

  json() {
    return this.#value ??= JSON.parse(this.#batch.textOf(this.#index));
  }

  get id() {
    return this.#batch.idOf(this.#index);
  }

  get datetime() {
    return this.#batch.datetimeOf(this.#index);
  }

  get key() {
    return this.#batch.keyOf(this.#index);
  }

  get isRepeat() {
    return this.#batch.isRepeatOf(this.#index);
  }
}

function messagesOf(batch) {
  return Array.from({length: batch.messageCount},
                    (_, index) => new Message(batch, index));
}

module.exports = {Message, messagesOf};
