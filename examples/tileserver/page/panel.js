const POLL_MS = 1_000;
const HISTORY = 60;

const show = (id, text) => {
  document.getElementById(id).textContent = text;
};

const msText = (ms) => `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;

const bytesText = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

/** Shows what the tile server and the browser's cache did, once a second while anybody looks. */
export class Panel {
  #cached = 0;
  #last;
  #history = new Array(HISTORY).fill(0);

  start() {
    // The browser says which of its requests never left it.
    new PerformanceObserver((list) => {
      for (const { name, transferSize, decodedBodySize } of list.getEntries()) {
        if (name.includes('/tiles/') && transferSize === 0 && decodedBodySize > 0) this.#cached++;
      }
    }).observe({ type: 'resource', buffered: true });
    const poll = async () => {
      if (!document.hidden) await this.#update();
      setTimeout(poll, POLL_MS);
    };
    void poll();
  }

  /** What is under the pointer. */
  point(place, blob) {
    show('place', place);
    show('blob', blob);
  }

  async #update() {
    const figures = await fetch('/figures.json').then((response) => response.json()).catch(() => undefined);
    if (figures === undefined) return;
    const now = performance.now();
    const { tiles: before, at } = this.#last ?? { tiles: figures.tiles, at: now - POLL_MS };
    this.#last = { tiles: figures.tiles, at: now };
    // Another tile server may have come after the last one.
    const rate = Math.max(0, ((figures.tiles - before) * 1_000) / (now - at));
    this.#history = [...this.#history.slice(1), rate];
    show('tiles', figures.tiles.toLocaleString('en'));
    show('rate', rate.toFixed(rate < 10 ? 1 : 0));
    show('bytes', bytesText(figures.bytes));
    show('cached', String(this.#cached + figures.not_modified));
    show('p50', msText(figures.p50_ms));
    show('p99', msText(figures.p99_ms));
    this.#draw();
  }

  #draw() {
    const top = Math.max(10, ...this.#history);
    const points = this.#history.map((rate, index) => `${(index * 60) / (HISTORY - 1)} ${19.5 - (rate / top) * 18}`);
    document.querySelector('#history path').setAttribute('d', `M0 21 L${points.join(' L')} L60 21 Z`);
  }
}
