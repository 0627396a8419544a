import { SIGNAL_REPEAT_MS } from '../limits.ts';

/** What a process does when it is told something from outside. */
export interface SignalHandlers {
  /** SIGTERM or SIGINT came for the first time. */
  onStop(signal: NodeJS.Signals): void;
  /** One of them came again. */
  onStopAgain(signal: NodeJS.Signals): void;
  /** SIGHUP: renewed files, or the terminal is gone. */
  onHangUp(): void;
}

/**
 * Listens for the signals of operators and their machines. A repetition that
 * comes at once is ignored: when someone presses Ctrl-C under `npm start`, the
 * terminal signals all processes, and npm signals its child once more.
 */
export function handleSignals(handlers: SignalHandlers): void {
  let firstMs: number | undefined;
  const onStop = (signal: NodeJS.Signals): void => {
    const nowMs = performance.now();
    if (firstMs === undefined) {
      firstMs = nowMs;
      handlers.onStop(signal);
    } else if (nowMs - firstMs >= SIGNAL_REPEAT_MS) {
      handlers.onStopAgain(signal);
    }
  };
  process.on('SIGTERM', onStop);
  process.on('SIGINT', onStop);
  process.on('SIGHUP', () => {
    handlers.onHangUp();
  });
}
