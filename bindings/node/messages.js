// messages.js - the messages of a batch. What a message has is copied when it
// is first read, which must be before the batch is answered. The JSON of a batch
// that is not large is read and parsed as a whole.
'use strict';

const {Batch} = require('./load.js');
const {bodyOf, textOf, texts, idOf, datetimeOf, keyOf, isRepeatOf} =
  Batch.prototype;
const values = Symbol('values'); // of the messages of a batch; null: one by one

// A message in another format than JSON is an error of its own, even if the
// whole looks like JSON: "1,2" is one message, and not two numbers.
function parseAll(batch) {
  const text = texts.call(batch);
  try {
    const all = text === undefined ? null : JSON.parse(text);
    return all?.length === batch.messageCount ? all : null;
  } catch {
    return null;
  }
}

function valueOf(batch, index) {
  if (batch[values] === undefined) {
    batch[values] = parseAll(batch);
  }
  return batch[values] !== null
    ? batch[values][index] : JSON.parse(textOf.call(batch, index));
}

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
    if (this.#value === undefined) {
      this.#value = valueOf(this.#batch, this.#index);
    }
    return this.#value;
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
  const messages = [];
  for (let index = 0, count = batch.messageCount; index < count; index++) {
    messages.push(new Message(batch, index));
  }
  return messages;
}

module.exports = {Message, messagesOf};
