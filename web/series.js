// What the page remembers of numbers, for its plots: the API has only what is
// so now. The totals are kept over a reload of the page.

export const SLOTS = 60;
const KEY = 'haplo-poll-series';
const STALE_MS = 60000;
const RATE_MS_MIN = 2000; // a rate over less time is noise

// The values of one plot.
export class Series {
  constructor(values = []) {
    this.values = values;
  }

  add(value) {
    this.values.push(value);
    if (this.values.length > SLOTS) {
      this.values.shift();
    }
  }

  get last() {
    return this.values.at(-1) ?? null;
  }
}

// How fast a counter grows, per second.
export class Rate extends Series {
  constructor(values = []) {
    super(values);
    this.total = null;
    this.atMs = 0;
  }

  // A counter that has become smaller belongs to another process.
  note(total, nowMs) {
    if (this.total !== null && nowMs - this.atMs < RATE_MS_MIN) {
      return;
    }
    if (this.total !== null) {
      const growth = total >= this.total ? total - this.total : total;
      this.add(growth * 1000 / (nowMs - this.atMs));
    }
    this.total = total;
    this.atMs = nowMs;
  }
}

export function keepSeries(seriesByName) {
  const kept = {at: Date.now()};
  for (const [name, series] of Object.entries(seriesByName)) {
    kept[name] = series.values;
  }
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // No storage, no past.
  }
}

export function recallSeries(seriesByName) {
  let kept = null;
  try {
    kept = JSON.parse(sessionStorage.getItem(KEY));
  } catch {
    // The same.
  }
  if (kept === null || !(Date.now() - kept.at < STALE_MS)) {
    return;
  }
  for (const [name, series] of Object.entries(seriesByName)) {
    const values = Array.isArray(kept[name]) ? kept[name] : [];
    series.values = values.filter((value) => value === null ||
      Number.isFinite(value)).slice(-SLOTS);
  }
}
