// Numbers, durations and times as people read them.

const whole = new Intl.NumberFormat('en-GB', {maximumFractionDigits: 0});
const tenths = new Intl.NumberFormat('en-GB', {
  minimumFractionDigits: 1, maximumFractionDigits: 1,
});
const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit', minute: '2-digit', second: '2-digit',
});
const date = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short'});
const longDate = new Intl.DateTimeFormat('en-GB', {dateStyle: 'long'});
const full = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'full', timeStyle: 'long',
});

export const NONE = '–';

export function isKnown(value) {
  return value !== null && value !== undefined;
}

export function count(value) {
  return isKnown(value) ? whole.format(value) : NONE;
}

// 1 queue, 2 queues
export function counted(value, noun, plural = `${noun}s`) {
  return `${whole.format(value)} ${value === 1 ? noun : plural}`;
}

export function rate(perSecond) {
  if (!isKnown(perSecond)) {
    return NONE;
  }
  return perSecond >= 100 || perSecond === 0
    ? whole.format(perSecond) : tenths.format(perSecond);
}

export function bytes(value) {
  if (!isKnown(value)) {
    return NONE;
  }
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const text = unit > 0 && size < 10 ? tenths.format(size) : whole.format(size);
  return `${text} ${units[unit]}`;
}

// At most two units: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h.
export function duration(seconds) {
  if (!isKnown(seconds)) {
    return NONE;
  }
  const s = Math.max(0, seconds);
  if (s > 0 && s < 1) {
    return `${Math.round(s * 1000)} ms`;
  }
  if (s < 10) {
    return `${Number(s.toFixed(1))} s`;
  }
  const total = Math.round(s);
  const steps = [[86400, 'd', 3600, 'h'], [3600, 'h', 60, 'min'],
    [60, 'min', 1, 's']];
  for (const [unit, name, part, partName] of steps) {
    if (total >= unit) {
      const rest = Math.floor((total % unit) / part);
      return `${Math.floor(total / unit)} ${name}` +
        (rest > 0 && total < unit * 10 ? ` ${rest} ${partName}` : '');
    }
  }
  return `${total} s`;
}

// One unit, for columns that are read down: 45 s, 3 min, 2 h, 3 d.
export function age(seconds) {
  const s = Math.max(0, seconds);
  if (s < 60) {
    return `${Math.floor(s)} s`;
  }
  if (s < 3600) {
    return `${Math.floor(s / 60)} min`;
  }
  return s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
}

// The time of day, and the date where it is not today's.
export function time(when, now) {
  const then = new Date(when);
  const text = clock.format(then);
  return then.toDateString() === new Date(now).toDateString()
    ? text : `${date.format(then)} ${text}`;
}

// 3 February 2027
export function day(when) {
  return longDate.format(new Date(when));
}

export function fullTime(when) {
  return full.format(new Date(when));
}
