// Requests to the API. Paths are relative, so that the page works below any
// path of a proxy.

const BASE = 'api/v1/';
const TIMEOUT_MS = 15000;
const ACT_MS = 60000; // what changes something may have to finish something

export class ApiError extends Error {
  constructor(status, message) {
    super(message);
    this.status = status; // of HTTP; 0: there was no response
  }
}

// server/queue, as a part of a path.
export function pathOf(...names) {
  return names.map(encodeURIComponent).join('/');
}

function queryOf(values) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') {
      query.set(name, value);
    }
  }
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

async function messageOf(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return `the response was ${response.status} ${response.statusText}`;
  }
}

// expected: a status that is no error, besides those of success.
async function ask(method, path, body, expected = 200) {
  const options = {
    method,
    cache: 'no-store',
    credentials: 'same-origin',
    headers: {Accept: 'application/json'},
    signal: AbortSignal.timeout(method === 'GET' ? TIMEOUT_MS : ACT_MS),
  };
  if (method !== 'GET') {
    options.headers['X-Haplo-Poll'] = '1'; // no other site can send this
  }
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(BASE + path, options);
  } catch {
    throw new ApiError(0, 'no response');
  }
  if (!response.ok && response.status !== expected) {
    throw new ApiError(response.status, await messageOf(response));
  }
  try {
    return await response.json();
  } catch {
    throw new ApiError(0, 'the response was cut off');
  }
}

export function get(path, query = {}) {
  return ask('GET', path + queryOf(query));
}

export function post(path, body, expected) {
  return ask('POST', path, body, expected);
}

export function remove(path) {
  return ask('DELETE', path);
}

// All pages of a list, or as many as it takes for `max` items.
export async function getList(path, member, query = {}, max = Infinity) {
  const items = [];
  let answer;
  let after = null;
  do {
    answer = await get(path, {...query, limit: Math.min(max, 1000), after});
    items.push(...answer[member]);
    after = answer.next;
  } while (after !== null && items.length < max);
  return {items, matched: answer.matched ?? items.length};
}

export function openEvents() {
  return new EventSource(`${BASE}events`);
}
