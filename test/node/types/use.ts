// use.ts - uses index.d.ts as an application in TypeScript does: it has to
// compile, and what is marked must not.
import {
  Batch, compareStates, Mark, Message, Poller, Queue, version,
} from 'haplopoll';

const poller = new Poller({
  inFlightMax: 10,
  servers: [{
    name: 'server',
    url: 'https://localhost',
    proxy: null,
    queues: [{name: 'q1', apiKey: 'key', state: Buffer.alloc(0), format: 'raw'}],
  }],
  async deliver(batch: Batch) {
    for (const message of batch.messages) {
      const body: Buffer = message.body;
      store(body, message.json().id, message);
    }
  },
});

function store(body: Buffer, id: number, message: Message): void {
  console.log(version, body.length, id, message.isRepeat);
}

export async function answer(stored: Buffer | undefined): Promise<void> {
  for await (const batch of poller.batches()) {
    const name: string = batch.queue.server.name;
    if (stored !== undefined && compareStates(batch.state, stored) === 'stale') {
      batch.stale(stored);
    } else if (name === 'server') {
      const isMarked: boolean = batch.accept();
      console.log(isMarked);
    } else {
      batch.retry('not now', 1000) || batch.drop() || batch.reject(null);
    }
  }
  const left: number | undefined = await poller.stop(1000);
  await poller.unref().close();
  console.log(left);
}

poller.on('marked', (queue: Queue, mark: Mark) => {
  console.log(queue.name, mark.unreadCount?.toFixed());
});
poller.once('failed', ({text, queue}) => {
  console.error(text);
  queue?.pollNow();
});
poller.on('drained', async (queue) => {
  await queue.remove();
  queue.server.remove();
});

// @ts-expect-error: made by the poller
new Batch();
// @ts-expect-error: misspelt
poller.on('market', (queue: Queue, mark: Mark) => {});
// @ts-expect-error: an option of queues
new Poller({intervalMs: 5});
// @ts-expect-error: null must be looked for
poller.on('marked', (queue, mark) => mark.unreadCount.toFixed());
