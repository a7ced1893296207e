#include "daemon/commands/advice.h"

#include <stddef.h>
#include <string.h>

/* What to run then. */
#define TRY_IT "peek", true
#define POLL_NOW "poll-now", true
#define TEST_IT "outlet test", true

/* By the error of the newest failure. */
static const struct {
    const char *error;
    struct advice advice;
} of_errors[] = {
    {"HAPLO_ERESOLVE",
     {"The name in the url of the server is wrong, or the name servers of this "
      "machine do not know it. It is looked up again with each attempt.",
      TRY_IT}},
    {"HAPLO_ECONNECT",
     {"Nothing listens at that address, or a firewall is in between. Start the "
      "server, or correct the url, the port or the proxy in the configuration. "
      "It goes on by itself when the server accepts connections.",
      TRY_IT}},
    {"HAPLO_ETLS",
     {"This machine does not accept the server's certificate, or they have no "
      "version of TLS in common. If the certificate is of an authority of your "
      "own, name its file in tls_ca_file; if it has expired or is for another "
      "host, the server needs a new one.",
      TRY_IT}},
    {"HAPLO_EPROXY",
     {"The proxy in the configuration, or its rules, do not let the request "
      "through. Ask who runs the proxy, or correct the option proxy.",
      TRY_IT}},
    {"HAPLO_ETIMEDOUT",
     {"The server or the network is too slow, or hangs. If the server needs "
      "that "
      "long, raise first_byte_timeout, stall_timeout or total_timeout; "
      "otherwise "
      "ask who runs it. It is tried again, less often each time.",
      TRY_IT}},
    {"HAPLO_ERESET",
     {"The connection was closed in the middle of a response: by the server, "
      "or "
      "by a proxy or a firewall in between. Nothing was marked, and nothing is "
      "lost. If it happens again and again, ask who runs the server.",
      TRY_IT}},
    {"HAPLO_ESERVER",
     {"The server reports an error of its own, such as a maintenance page. It "
      "is left alone for a while, longer each time, and a time that it asks "
      "for "
      "is respected. If it goes on, ask who runs the server.",
      TRY_IT}},
    {"HAPLO_EPROTOCOL",
     {"The response violates HTTP, so that half a message could pass for a "
      "whole "
      "one; nothing of it was used. Look for a proxy or a load balancer that "
      "changes responses.",
      TRY_IT}},
    {"HAPLO_EREDIRECT",
     {"Write the URL that the cause names into the configuration, if that is "
      "the "
      "server which is meant; otherwise ask who runs it.",
      TRY_IT}},
    {"HAPLO_ENOTFOUND",
     {"The server has no such host name, path or queue. Correct the url, the "
      "name of the queue or fetch_path in the configuration.",
      TRY_IT}},
    {"HAPLO_ESTATUS",
     {"The server responds with a status that means nothing here. If it asks "
      "to "
      "come back later, that is respected; otherwise look at its log, and at "
      "proxies in between.",
      TRY_IT}},
    {"HAPLO_ECONTENT",
     {"What responds is a page and not the queue: its name or its method is "
      "wrong, the user of the key may not read it, or the page is that of a "
      "proxy or of a maintenance. Correct what the cause names; otherwise it "
      "goes on by itself.",
      TRY_IT}},
    {"HAPLO_EDOCUMENT",
     {"The response is not the document that a queue has. Nothing was marked. "
      "Check that this is a message queue with the method poll, and the format "
      "options of the queue; otherwise report it to who runs the server.",
      TRY_IT}},
    {"HAPLO_ETOOBIG",
     {"The batch is larger than max_body allows. Raise max_body for this "
      "queue; "
      "other queues are not affected.",
      POLL_NOW}},
    {"HAPLO_ECACHED",
     {"A cache between here and the server responds in its place. Exempt the "
      "paths of the queues from caching there.",
      TRY_IT}},
    {"HAPLO_EREFUSED",
     {"The server does not accept the API key: it is mistyped, revoked, or not "
      "allowed to read this queue. Put a valid key where the configuration "
      "says; "
      "a changed file is noticed within two seconds.",
      POLL_NOW}},
    {"HAPLO_ETHROTTLED",
     {"Too many logins from this address have failed, and the server refuses "
      "all of them for a while. Correct the API keys that are refused; it goes "
      "on by itself.",
      "status", false}},
    {"HAPLO_ENOPROGRESS",
     {"The server confirms that it has marked the batch, but sends it again. "
      "Another program may read the same queue, or a cache is in between. Stop "
      "the other one, or exempt the queue from caching.",
      POLL_NOW}},
    {"HAPLO_EDELIVERY",
     {"The inbox cannot store the batch, which is kept and stored again later; "
      "nothing is marked until then. The cause says what is wrong with its "
      "disk "
      "or its database.",
      "inbox list", false}},
    {"HAPLO_EREJECTED",
     {"The inbox can never store this batch, because a message is larger than "
      "its database can hold. Nothing was marked. Store the queue in another "
      "inbox, or have the message removed from the queue on the server.",
      POLL_NOW}},
    {"HAPLO_ESTALE",
     {"Another process has stored this queue in the same inbox, or a backup of "
      "the inbox was restored. Nothing is lost or stored twice; but only one "
      "process should poll a queue.",
      POLL_NOW}},
};

static const struct advice paused = {
    "Somebody has paused it. Nothing is fetched until it is resumed.", "resume",
    true};

static const struct advice short_of_space = {
    "The disk of its inbox is nearly full. Make room there; it goes on by "
    "itself.",
    "inbox list", false};

static const struct advice held = {
    "It is not polled at all, because of the configuration or a file that it "
    "names. Correct what the cause says. A file is noticed within two seconds; "
    "for the configuration, check it and reload it.",
    "check", false};

static const struct advice silent = {
    "Too many logins have failed, and the server refuses all of them from this "
    "address. Each request would prolong this, so none is sent until the time "
    "above. Correct the API keys that are refused before that.",
    "status", false};

static const struct advice logins_held = {
    "Too many logins to this server have failed, and more could lock this "
    "address out. Keys that have not worked yet wait. Correct the keys that "
    "are "
    "refused; one that works ends the wait.",
    "status", false};

static bool is(const char *text, const char *word)
{
    return text != NULL && strcmp(text, word) == 0;
}

static const struct advice *find_error(const char *error)
{
    for (size_t i = 0; i < sizeof of_errors / sizeof *of_errors; i++) {
        if (is(error, of_errors[i].error)) {
            return &of_errors[i].advice;
        }
    }
    return NULL;
}

const struct advice *advice_for_queue(const struct advice_facts *facts)
{
    if (is(facts->health, "paused")) {
        return facts->is_operator_pause ? &paused : &short_of_space;
    }
    if (is(facts->health, "held")) {
        return &held;
    }
    if (is(facts->server_state, "SILENT")) {
        return &silent;
    }
    if (is(facts->health, "ok")) {
        return facts->logins_held ? &logins_held : NULL;
    }
    return find_error(facts->error);
}

/* Outlets */

static const struct advice broken = {
    "Its destination cannot be used: the cause says why, and correcting that "
    "is "
    "all that is needed. No message is lost or becomes a dead letter "
    "meanwhile; "
    "all wait in the inbox, and nothing else waits for them.",
    TEST_IT};

static const struct advice waiting = {
    "It is tried again, less often each time, and goes on by itself when the "
    "destination accepts messages. They wait in the inbox.",
    TEST_IT};

static const struct advice blocked = {
    "The receiver refuses the data of a message, and on_refused says that its "
    "queue waits for a decision; other queues go on. Look at the message; then "
    "correct the receiver and retry, keep it as a dead letter, or skip it.",
    NULL, false};

static const struct advice closed = {"It does not run, because its inbox "
                                     "cannot be opened or it is about to begin "
                                     "or end.",
                                     "status", false};

const struct advice *advice_for_outlet(const struct advice_facts *facts)
{
    if (is(facts->health, "ok")) {
        return NULL;
    }
    if (is(facts->outlet_state, "blocked") || is(facts->health, "blocked")) {
        return &blocked;
    }
    if (is(facts->outlet_state, "broken")) {
        return &broken;
    }
    return is(facts->outlet_state, "closed") ? &closed : &waiting;
}
