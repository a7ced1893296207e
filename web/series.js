// The past of numbers, for plots.

export const SLOTS = 60;  // of a Rate
const RATE_MS_MIN = 2000; // a rate over less time is noise
const MEAN_SLOTS = 6;     // half a minute: a number that can be read
const MINUTE_MS = 60000;
const SPAN_MS_MIN = 30 * MINUTE_MS; // of a plot, however young the process is
const POINTS_MAX = 180;             // in a plot: it has not many more pixels

// How fast a counter grows, per second, as this page has seen it.
export class Rate {
  constructor() {
    this.values = [];
    this.total = null;
    this.atMs = 0;
  }

  // A counter that has become smaller was reset: how far it had got is unknown.
  note(total, nowMs) {
    if (this.total !== null && nowMs - this.atMs < RATE_MS_MIN) {
      return;
    }
    if (this.total !== null && total >= this.total) {
      this.values.push((total - this.total) * 1000 / (nowMs - this.atMs));
      this.values.splice(0, this.values.length - SLOTS);
    }
    this.total = total;
    this.atMs = nowMs;
  }

  get last() {
    return this.values.at(-1) ?? null;
  }

  get mean() {
    const values = this.values.slice(-MEAN_SLOTS);
    return values.length === 0 ? null
      : values.reduce((sum, one) => sum + one, 0) / values.length;
  }

  // For drawPlot(): [x from 0 to 1, value].
  get points() {
    const first = SLOTS - this.values.length;
    return this.values.map((value, index) =>
      [(first + index) / (SLOTS - 1), value]);
  }
}

// The largest of some neighbours, so that no peak is lost; null if none is
// known.
function thinned(values) {
  const size = Math.ceil(values.length / POINTS_MAX);
  const groups = [];
  for (let end = values.length; end > 0; end -= size) {
    const known = values.slice(Math.max(0, end - size), end)
      .filter((value) => value !== null);
    groups.unshift(known.length > 0 ? Math.max(...known) : null);
  }
  return {size, groups};
}

// A number over the last hours: the minutes that the process remembers, and
// what it is now.
export class Past {
  constructor() {
    this.endMs = null; // of the newest minute
    this.stepMs = MINUTE_MS;
    this.minuteCount = 0;
    this.values = [];
    this.now = null;
  }

  // factor: by which each minute is multiplied.
  load(end, minutes, factor = 1) {
    const {size, groups} = thinned(minutes);
    this.endMs = end === null ? null : Date.parse(end);
    this.stepMs = size * MINUTE_MS;
    this.minuteCount = minutes.length;
    this.values = groups.map((value) => value === null ? null : value * factor);
  }

  // How long ago it begins, in seconds.
  span(nowMs) {
    const beginMs = this.endMs === null ? nowMs
      : this.endMs - this.minuteCount * MINUTE_MS;
    return Math.max(SPAN_MS_MIN, nowMs - beginMs) / 1000;
  }

  get peak() {
    const known = [...this.values, this.now].filter((value) => value !== null);
    return known.length > 0 ? Math.max(...known) : null;
  }

  // For drawPlot(): [x from 0 to 1, value].
  points(nowMs) {
    const spanMs = this.span(nowMs) * 1000;
    const xOf = (atMs) => Math.max(0, 1 - (nowMs - atMs) / spanMs);
    const count = this.values.length;
    const points = this.values.map((value, index) =>
      [xOf(this.endMs - (count - 1 - index) * this.stepMs), value]);
    points.push([1, this.now]);
    return points;
  }
}
