// Health as the API has it: its order, its words and its tone. Tones are what
// parts.css has colours and shapes for.

export const HEALTHS = ['blocked', 'refused', 'held', 'failing', 'not_tried',
  'paused', 'ok', 'elsewhere'];

const TONES = {
  ok: 'fine', paused: 'paused', not_tried: 'paused', failing: 'failing',
  refused: 'stuck', blocked: 'stuck', held: 'stuck', elsewhere: 'elsewhere',
};

export function tone(health) {
  return TONES[health] ?? 'unknown';
}

// As people read it.
export function wordOf(health) {
  return health.replace('_', ' ');
}

export function rank(health) {
  const index = HEALTHS.indexOf(health);
  return index < 0 ? HEALTHS.length : index;
}

export function isTrouble(health) {
  return !['ok', 'paused', 'not_tried', 'elsewhere'].includes(health);
}

export function troubleCount(counts) {
  return counts.failing + counts.refused + counts.blocked + counts.held;
}

// Of what is elsewhere, in place of why it is in trouble.
export function polledBy(item) {
  return `polled by ${item.polled_by ?? 'nobody just now'}`;
}
