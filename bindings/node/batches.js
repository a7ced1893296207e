// batches.js - batches as an async iterator.
'use strict';

const DONE = {value: undefined, done: true};

// Batches that nobody has taken yet, and iterators that wait for one. At any
// time, one of the two lists is empty.
class BatchList {
  #batches = [];
  #waiting = []; // {iterator, resolve}
  #isEnded = false;

  add(batch) {
    const first = this.#waiting.shift();
    if (first === undefined) {
      this.#batches.push(batch);
    } else {
      first.resolve({value: batch, done: false});
    }
  }

  // Ends all iterators, and returns the batches that none of them has taken.
  end() {
    const left = this.#batches;
    this.#isEnded = true;
    this.#batches = [];
    this.#endWaiting(() => true);
    return left;
  }

  // Several may be at work at the same time: each batch goes to one of them.
  // When one is left, what it has not taken yet is for others.
  iterate() {
    const iterator = {
      next: () => this.#take(iterator),
      return: async () => {
        this.#endWaiting((each) => each.iterator === iterator);
        return DONE;
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async #take(iterator) {
    if (this.#batches.length > 0) {
      return {value: this.#batches.shift(), done: false};
    }
    return this.#isEnded
      ? DONE
      : new Promise((resolve) => this.#waiting.push({iterator, resolve}));
  }

  #endWaiting(isMeant) {
    const ended = this.#waiting.filter(isMeant);
    this.#waiting = this.#waiting.filter((each) => !isMeant(each));
    for (const each of ended) {
      each.resolve(DONE);
    }
  }
}

module.exports = {BatchList};
