import { parentPort, workerData } from 'node:worker_threads';
import { DiskStore } from '../store/disk-store.ts';
import { Engine } from './engine.ts';
import { EngineClock } from './engine-clock.ts';
import { FiguresClock } from './figures-clock.ts';
import { Pulse } from './pulse.ts';
import type { EngineMessage, EngineSettings } from './thread-messages.ts';

/** The thread that owns the store: batches in, answers out, and nothing else shared. */
const port = parentPort;
if (port === null) throw new Error('this module runs as a thread of the mailbox');

const tell = (message: EngineMessage, transfer: readonly ArrayBuffer[] = []): void => {
  port.postMessage(message, [...transfer]);
};
const settings = workerData as EngineSettings;

try {
  const store = new DiskStore(settings.path);
  const engine = new Engine(store, {
    bodyBytesMax: settings.bodyBytesMax,
    onCorrupt: (topic, id) => {
      tell({ kind: 'corrupt', topic, id });
    },
  });
  const tellFigures = (): void => {
    tell({ kind: 'figures', figures: { ...engine.figures, store: store.figures } });
  };
  const figures = new FiguresClock(tellFigures);
  const clock = new EngineClock(engine.nowMs);
  const pulse = new Pulse(engine, clock, {
    answers: (batch, done) => {
      tell({ kind: 'answers', batch, done }, [batch.buffer as ArrayBuffer]);
      figures.changed();
    },
    failed: (error) => {
      figures.stop();
      // Nothing is known of the state any more; whoever starts the thread again reads it from the disk.
      engine.close();
      tell({ kind: 'failed', error });
      port.close();
    },
  });
  port.on('message', (batch: Uint8Array | 'stop') => {
    if (batch === 'stop') {
      pulse.stop();
      figures.stop();
      engine.close();
      port.close();
    } else {
      pulse.step(batch);
    }
  });
  tellFigures();
  tell({ kind: 'ready' });
} catch (error) {
  tell({ kind: 'failed', error });
  port.close();
}
