// messages.js - the messages of a batch. What a message has is copied when it
// is first read, which must be before the batch is answered.
'use strict';

const {Batch} = require('./load.js');
const {bodyOf, textOf, idOf, datetimeOf, keyOf, isRepeatOf} = Batch.prototype;

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
    return this.#body ??= bodyOf.call(this.#batch, this.#index);
  }

  json() {
    return this.#value ??= JSON.parse(textOf.call(this.#batch, this.#index));
  }

  get id() {
    return idOf.call(this.#batch, this.#index);
  }

  get datetime() {
    return datetimeOf.call(this.#batch, this.#index);
  }

  get key() {
    return keyOf.call(this.#batch, this.#index);
  }

  get isRepeat() {
    return isRepeatOf.call(this.#batch, this.#index);
  }
}

function messagesOf(batch) {
  return Array.from({length: batch.messageCount},
                    (_, index) => new Message(batch, index));
}

module.exports = {Message, messagesOf};
