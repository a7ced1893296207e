"""Writes the seeds of the fuzz targets, a folder each, into the folder given.

They come from the captures of a real server, the manual's example and what
the unit tests are about. The same ones each time.
"""
import gzip
import hashlib
import pathlib
import re
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CAPTURES = ROOT / "test" / "captures"
PIECES = b"\x01\x02\x03\x04"  # a seed of the sizes


def captures():
    """(name, head, body) of each answer; the last one of several."""
    for path in sorted(CAPTURES.glob("*.txt")):
        data = path.read_bytes()
        while data.startswith(b"HTTP/1.1 ") and b"\r\n\r\n" in data:
            head, data = data.split(b"\r\n\r\n", 1)
            if not data.startswith(b"HTTP/1.1 "):
                yield path.stem, head, data
                break


def header(head, name):
    found = re.search(rb"(?im)^%s: *([^\r\n]*)" % name, head)
    return found.group(1) if found else b""


def status(head):
    return int(head.split()[1])


BATCHES = [
    b'{"version":0,"token":"","messages":[]}',
    b'{"messages":[{"id":1,"id" : {"id":[2]} ,"datetime":[null]},{}],'
    b'"version":0,"token":"a+b/="}',
    b'{"version":0,"\\u0074oken":"\\u00e9\\ud83d\\ude00\\u0000",'
    b'"messages":[{"\\u0069d":-1.5e3,"datetime":"\\"}"}]}',
    b'{"version":0,"token":"x","token":"y","messages":[{}]}',
    b'{"version":0,"token":"\\ud800x","messages":[{}]}',
    b'{"version":0,"token":"\xff","messages":[{}]}',
    b'\xef\xbb\xbf{"version":0,"token":"t","messages":[{"a":"\xed\xa0\x80"}]}',
    b'{"version":0,"token":"t","messages":[' + b"{}," * 40 + b"{}]}",
    b'{"version":0,"token":"t","messages":[{"a":' + b"[" * 60 + b"]" * 60
    + b"}]}",
    b'{"version":0,"token":"t","messages":[{"n":' + b"9" * 200 + b"}]}",
    b"[" * 200,
    b"", b"null", b"{}", b'{"version":0,"token":""}',
    b'{"version":0,"messages":[]}', b'{"token":"","messages":[]}',
    b'{"version":1,"token":"","messages":[]}',
    b'{"version":0.0,"token":"","messages":[]}',
    b'{"version":-0,"token":"","messages":[]}',
    b'{"version":"0","token":"","messages":[]}',
    b'{"version":0,"token":1,"messages":[]}',
    b'{"version":0,"token":"","messages":{}}',
    b'{"version":0,"token":"t","messages":[{},1]}',
    b'{"version":0,"token":"t","messages":[[]]}',
    b'{"version":0,"token":"","messages":[],"messages":[]}',
    b'{"version":0,"version":0,"token":"","messages":[]}',
    b'{"version":0,"token":"","messages":[{}]}',
    b'{"version":0,"token":"x","messages":[]}',
    b'{"version":0,"token":"","messages":[]}"behind',
    b'{"version":0,"token":"","messages":[]}\v\f 1',
    b'{"version":0,"a":{"token":""},"b":[{"messages":[]}]}',
    b'{"version":0,"token":"t","messages":[{"id":01}]}',
    b'{"version":0,"token":"t","messages":[{"id":[1],"id":2,"datetime":3,'
    b'"datetime":{"id":4}}],"id":5}',
    b'{"version":0,"token":"t","messages":['
    + b",".join(b'{"id":%d,"datetime":[%d]}' % (i, i) for i in range(400))
    + b"]}",
    b'{"version":0,"token":"t","messages":[{"text":"' + b"\\n" * 7000 + b'"}]}',
    b'{"version":0,"token":"' + b"t" * 15000 + b'","messages":[{}]}',
]
SHAPES = [
    (b"/batch/ack", b"/batch/items",
     b'{"batch":{"ack":"MzM=","items":[{"ref":33,"payload":{"type":"x"}}]}}'),
    (b"/batch/ack", b"/batch/items",
     b'{"batch":{"items":[1,"a,b",[2,[3]],{"id":4},null,true],"ack":"t"}}'),
    (b"/1/ack", b"", b'[{"ack":"no"},{"ack":"yes"}]'),
    (b"/a~1b/~0/0", b"/m/1", b'{"a/b":{"~":["t"]},"m":[0,[{"id":1}]]}'),
    (b"", b"", b'"t"'),
    (b"/a/t", b"/m", b'{"a":{"t":"1"},"a":{"t":"2"},"m":[{}]}'),
    (b"/a/t", b"/m", b'{"a":{},"b":{"t":"1"},"m":[{}]}'),
    (b"/0", b"/01", b'["t",[1]]'),
]
PATTERNS = [
    b'<batch[^>]* token="([^"]*)', b"#token,([A-Za-z0-9+/=]*)",
    b"^token=([A-Za-z0-9+/=]*)", b"(a|b)*c+[^d-f]?", b"[[:alpha:]]{2,3}x{,2}",
    b"(x)?y$", b"\\w+\\s*\\.\\W\\S", b"()|a||b", b"[]a-]+[^]b]",
    b"(((a)*|b)+c?){3}", b"a{1000}", b"[[:nope:]]",
]
CONFIG = b"""\
state_dir: state
in_flight_max: 64
undelivered_max: 128M
inboxes:
  - {name: inbox, type: sqlite, path: inbox.db}
  - name: other
    type: sqlite
    path: /var/lib/haplo-poll/other.db
outlets:
  - {name: folder, type: files, path: out, inbox: inbox, on_refused: block,
     queues: ['*/student', b/raw], when: [{/action: "object:change",
     /object/type/code: [a, 'b:*', null]}, {workType: x, state: [y, z]}]}
  - {name: pipe, type: stdout, inbox: other, backoff: 2s, in_flight_max: 4}
defaults: {inbox: inbox, interval: 2m, backoff: 3s, token_pattern: 't=(.*)'}
servers:
  - name: example
    url: https://server.example.ac.uk:8443
    max_in_flight: 2
    connect_timeout: 3s
    proxy: http://proxy.example:3128
    interval_max: 1h
    queues: &queues
      - {name: student, api_key_file: &key key, interval: 1s}
      - name: raw
        api_key_env: FUZZ_KEY
        format: raw
        token_pattern: <token>([^<]+)</token>
        content_type: application/xml
        inbox: other
      - name: json
        api_key_file: *key
        token_pointer: /batch/ack
        messages_pointer: /batch/items
        max_body: 1G
  - name: b
    url: http://127.0.0.1:8080
    allow_http: true
    tls_ca_file: key
    queues: *queues
"""
SMALL_CONFIG = b"""\
state_dir: state
inbox: inbox.db
servers: [{name: a, url: 'https://a', queues: [{name: a, api_key_file: key}]}]
"""
VALUES = {
    0: [b"250ms", b"30s", b"1d", b"512K", b"64M", b"1G", b"0", b"18446744073709551616"],
    1: [b"/token", b"/a~1b/~0/0/-", b"", b"/" * 16, b"/" * 17, b"token", b"/a~"],
    2: [b"https://h.example", b"http://127.0.0.1:80/", b"https://[::1]:443",
        b"http://h.example:8080", b"https://u:p@h", b"ftp://h", b"https://h:0",
        b"https://h%2e.example", b"https://h%00.example",
        b"https://h_.example", b"https://h/x",
        b"https://127.1", b"https://\xc3\xa9.example", b"https://h\\x"],
    3: [b"http://proxy:3128", b"socks5h://u:p@p:1080", b"https://p", b"x"],
    4: [b"Kq3_x-0123456789abcdefghijklmnopqrstuvwxyzAB\n", b"short", b"a b" * 20,
        b"k" * 300, b"line\nline\n" * 9],
    5: [b"student", b"a!$&'()*+,;=:@", b"..", b"a/b", b"100%", b"n" * 129],
    6: [b"plain", b"\x1b[31m" * 30, b"\xc3\xa9" * 100],
}
JSON_VALUES = [
    b"1", b"-0", b"0", b"9223372036854775807", b"9223372036854775808",
    b"-9223372036854775808", b"1e+21", b"1.5", b"true", b"null", b'""',
    b'"mine"', b'"a\\u00e9\\n\\"\\\\\\/\\b\\f\\t"', b'"\\ud83d\\ude00"',
    b'"\\u0000"', b'"\\ud800"', b'"\xff"', b'"' + b"\\n" * 600 + b'"',
    b'{"y":[2019,{}]}', b"[]", b'"\xf0\x9f\x98\x80\xc3\xa9"',
]
SELECTED = b"""{"id":1,"datetime":"2026-01-02T03:04:05Z","action":\
"object:change","operation":"update","object":{"ref":"80q22","type":\
{"code":"std:type:person"},"title":"caf\\u00e9 \\ud83d\\ude00 \\ud83d",\
"attributes":{"dc:attribute:title":[{"type":0,"value":"a"},{"type":1}]},\
"a/b":{"m~n":[[],{},null,true,-1.5e3]},"ref":"again"},"action":"again"}"""
SELECTIONS = [
    b"/action\n/object/type/code", b"/object/ref\n/object/title\n/object",
    b"/object/attributes/dc:attribute:title/0/value\n/action/x\n/none",
    b"/object/a~1b/m~0n/4\n/object/a~1b\n/object/a~1b/m~0n/4/0\n/id",
    b"/object/attributes/dc:attribute:title/1\n/object/type\n/object/type",
    b"", b"/a~", b"/",
]


def http(body, kind=b"application/json", line=b"200 OK", extra=b""):
    return (b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s\r\n%s"
            % (line, kind, len(body), extra, body))


def chunked(body):
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n%x;x=y\r\n%s\r\n0\r\nA: b\r\n"
            b"\r\n" % (len(body), body))


def on_wire(fetch, mark):
    return len(fetch).to_bytes(2, "big") + fetch + mark


def wire_seeds():
    batch = BATCHES[1]
    marked = http(b'{"markedCount":2,"unreadCount":0}')
    yield on_wire(http(batch), marked)
    yield on_wire(chunked(batch), http(b"Marked: 2, Unread: 0", b"text/plain"))
    packed = gzip.compress(batch, mtime=0)
    yield on_wire(http(packed, extra=b"Content-Encoding: gzip\r\n"),
                  http(b"no", b"text/html", b"500 Oops"))
    yield on_wire(b"HTTP/1.1 100 Continue\r\n\r\n" + http(batch),
                  http(b"", line=b"302 Found",
                       extra=b"Location: /login?a=b\r\n"))
    yield on_wire(http(b"", line=b"503 Busy", extra=b"Retry-After: 7\r\n"), b"")
    yield on_wire(http(batch)[:-5], b"")
    yield on_wire(http(batch, extra=b"Content-Length: 3\r\n"), b"")
    yield on_wire(http(batch) + http(batch), marked)
    yield on_wire(http(batch, extra=b"Content-Encoding: gzip, gzip\r\n"), b"")
    yield on_wire(b"SSH-2.0-OpenSSH_9.2\r\n", b"")
    yield on_wire(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"")


def state_seeds():
    """Steps of fuzz_state.c, then a state or what is none."""
    head = b"haplo\0\1\n" + struct.pack("<IIQQ24x", 1, 1, 7, 9)
    state = bytes(8) + head + b"k" * 32
    fetch, accept, confirm, empty, drop, restart = (
        b"\x0f", b"\x40", b"\x82", b"\xa2", b"\xc0", b"\xe0")
    for steps in (fetch + accept + confirm, fetch + accept + drop + empty,
                  fetch + accept + drop + b"\x11" + accept + confirm,
                  fetch + accept + b"\x80" + restart + fetch + accept,
                  b"\x11" + accept + drop + b"\x01" + accept + b"\x80" + empty):
        for rest in (b"", state, state[:-1], b"\0" * 64):
            for odd in (0, 1):
                yield bytes([2 * len(steps) + odd]) + steps * 2 + rest


def seeds():
    """(target, input), all of them."""
    for name, head, body in captures():
        if name == "fetch-16-gzip":
            yield "wire", on_wire(head + b"\r\n\r\n" + body, b"")
            continue
        kind = header(head, b"content-type")
        yield "fetch", PIECES + body
        yield "memory", PIECES + b"\0\5\0\0" + body
        yield "wire", on_wire(head + b"\r\n\r\n" + body, b"")
        yield "page", (PIECES + status(head).to_bytes(2, "big") + kind + b"\n"
                       + header(head, b"location") + b"\n" + body)
        if "mark" in name:
            yield "mark", PIECES + (b"\0" if b"json" in kind else b"\2") + b"\0" + body
        for digit in b"012":
            if name.startswith("formatter"):
                yield "raw", PIECES + bytes([digit]) + b"\n" + body
    for body in BATCHES:
        yield "fetch", PIECES + body
        yield "shape", PIECES + b"/token\n/messages\n" + body
        yield "memory", PIECES + b"\0\7\1\1" + body
    for token, messages, body in SHAPES:
        yield "shape", PIECES + token + b"\n" + messages + b"\n" + body
    for pattern in PATTERNS:
        yield "raw", PIECES + pattern + b"\n#token,MzI=<batch token=\"a\">"
    for body in (b"Marked: 16", b"Marked: 16, Unread: 4 \n", b"Marked: 01"):
        yield "mark", PIECES + b"\2\0" + body
    for body in (b'{"markedCount":1,"unreadCount":0}',
                 b' { "unreadCount" : 9223372036854775807 ,\t"markedCount":0}\n'):
        yield "mark", PIECES + b"\0\0" + body
    for kind in range(7):
        for number in range(8):
            choice = PIECES + bytes([kind, number])
            yield "mark", choice + b"Marked: 1"
            yield "mark", choice + b'{"markedCount":1,"unreadCount":0}'
    yield "config", CONFIG
    yield "config", SMALL_CONFIG
    for cut in (30, 200, 500):
        yield "config", CONFIG[:cut]
    yield "config", CONFIG.replace(b"interval", b"intervall", 1)
    for kind, values in VALUES.items():
        for value in values:
            yield "value", bytes([kind]) + value
    for value in JSON_VALUES:
        yield "inbox", value
    for pointers in SELECTIONS:
        for whole in b"\0", b"\1":
            yield "select", whole + pointers + b"\n\n" + SELECTED
    for body in JSON_VALUES + BATCHES[:8]:
        yield "select", b"\1/token\n/messages/0/id\n/0\n\n" + body
    for seed in wire_seeds():
        yield "wire", seed
    for seed in state_seeds():
        yield "state", seed


def main():
    to = pathlib.Path(sys.argv[1])
    for target, data in seeds():
        folder = to / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


if __name__ == "__main__":
    main()
