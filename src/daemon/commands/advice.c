#include "daemon/commands/advice.h"

#include <stddef.h>
#include <string.h>

/* What to run then. */
#define TRY_IT "peek", true
#define POLL_NOW "poll-now", true
#define TEST_IT "outlet test", true
#define STATUS "status", false
#define INBOXES "inbox list", false
#define NOTHING NULL, false

/* Whether it may be the configuration that is changed. */
#define RELOAD true
#define NO_RELOAD false

/* By the error of the newest failure. */
static const struct {
    const char *error;
    struct advice advice;
} of_errors[] = {
    {"HAPLO_ERESOLVE",
     {"The name in the url of the server is wrong, or the name servers of "
      "this machine do not know it: `getent hosts NAME` asks them as well. "
      "Correct the url, or the name servers. The name is looked up again "
      "with each attempt.",
      TRY_IT, RELOAD}},
    {"HAPLO_ECONNECT",
     {"Nothing listens at that address, or a firewall is in between. Start "
      "the server; or correct the url, the port or the proxy in the "
      "configuration. It goes on by itself when the server accepts "
      "connections.",
      TRY_IT, RELOAD}},
    {"HAPLO_ETLS",
     {"This machine does not accept the server's certificate, or they have "
      "no version of TLS in common. If the certificate is of an authority of "
      "your own, name its file in tls_ca_file; if it has expired or is for "
      "another host, the server needs a new one.",
      TRY_IT, RELOAD}},
    {"HAPLO_EPROXY",
     {"The proxy does not let the request through: correct the option proxy, "
      "or ask who runs the proxy to allow connections to the server that the "
      "cause names.",
      TRY_IT, RELOAD}},
    {"HAPLO_ETIMEDOUT",
     {"The server or the network is too slow, or hangs. If the server needs "
      "that long, raise first_byte_timeout, stall_timeout or total_timeout; "
      "otherwise ask who runs it. It is tried again, less often each time.",
      TRY_IT, RELOAD}},
    {"HAPLO_ERESET",
     {"The connection was closed before the response was complete: by the "
      "server, or by a proxy or a firewall in between. Nothing was marked, "
      "and nothing is lost. If it happens again and again, ask who runs the "
      "server.",
      TRY_IT, NO_RELOAD}},
    {"HAPLO_ESERVER",
     {"The server, or a proxy in front of it, reports an error of its own, "
      "as during maintenance. It is left alone for a while, longer each "
      "time, and a time that it asks for is respected. If it goes on, ask "
      "who runs the server, whose log has the cause.",
      TRY_IT, NO_RELOAD}},
    {"HAPLO_ELIMITED",
     {"A proxy or a limiter in front of the server has had too many requests "
      "from this address, of haplo-poll or of other programs. The queue "
      "waits as long as the response asks for, or longer each time, and goes "
      "on by itself. If this happens often, raise interval for the queues of "
      "this server, or ask for the limit to be raised. Each attempt by hand "
      "is one more request.",
      STATUS, RELOAD}},
    {"HAPLO_EPROTOCOL",
     {"The response violates HTTP, so that half a message could pass for a "
      "whole one; nothing of it was used. If the server speaks https on this "
      "port, its url must begin with https://. Otherwise look for a proxy or "
      "a load balancer that changes responses.",
      TRY_IT, RELOAD}},
    {"HAPLO_EREDIRECT",
     {"If the URL that the cause names is that of the server which is meant, "
      "write it into the configuration; otherwise ask who runs it.",
      TRY_IT, RELOAD}},
    {"HAPLO_ENOTFOUND",
     {"The server knows no application with this host name, or no such path. "
      "Correct the url, or fetch_path if it is set; if both are right, the "
      "application is not active: ask who runs it.",
      TRY_IT, RELOAD}},
    {"HAPLO_ESTATUS",
     {"The server responds with a status that a Haplo server does not send: "
      "the url may be that of something else, or a proxy responds in its "
      "place. Compare the url with the address of the application.",
      TRY_IT, RELOAD}},
    {"HAPLO_ECONTENT",
     {"What responds is a page and not the queue: its name or its method is "
      "wrong, the user of the key may not read it, or the page is that of a "
      "proxy or of a maintenance. Correct what the cause names; otherwise it "
      "goes on by itself.",
      TRY_IT, RELOAD}},
    {"HAPLO_EDOCUMENT",
     {"The response is not the document that a queue has. Nothing was "
      "marked. Check that this is a message queue with the method poll, and "
      "the format options of the queue; otherwise report it to who runs the "
      "server.",
      TRY_IT, RELOAD}},
    {"HAPLO_ETOOBIG",
     {"The batch is larger than max_body allows. Raise max_body for this "
      "queue, then reload; other queues are not affected.",
      NOTHING, RELOAD}},
    {"HAPLO_ECACHED",
     {"A cache between here and the server responds in its place. Have the "
      "paths of the queues (/api/haplo-integration-messages/) exempted from "
      "caching there.",
      TRY_IT, NO_RELOAD}},
    {"HAPLO_EREFUSED",
     {"The server does not accept the API key. With INVALID-API-KEY it is "
      "mistyped, revoked, or the key of another queue: put a valid one where "
      "the configuration says; a changed file is noticed within two seconds. "
      "With UNAUTHORISED the key is known, but its user is blocked: have the "
      "user unblocked on the server.",
      POLL_NOW, NO_RELOAD}},
    {"HAPLO_ETHROTTLED",
     {"Too many logins from this address have failed, and the server refuses "
      "all of them for a while. Correct the API keys that are refused; it "
      "goes on by itself.",
      STATUS, NO_RELOAD}},
    {"HAPLO_ENOPROGRESS",
     {"The server confirms the mark, but messages that were marked are sent "
      "again. Another program reads the same queue, with the same key or "
      "another one: stop it. Or a cache between here and the server repeats "
      "old responses: have the paths of the queues "
      "(/api/haplo-integration-messages/) exempted from caching there.",
      POLL_NOW, NO_RELOAD}},
    {"HAPLO_EDELIVERY",
     {"The inbox cannot store the batch, which is kept and stored again "
      "later; nothing is marked until then. The cause says what is wrong "
      "with its disk or its database.",
      INBOXES, NO_RELOAD}},
    {"HAPLO_EREJECTED",
     {"The inbox can never store this batch, because a message is larger "
      "than its database can hold. Nothing was marked. Store the queue in "
      "another inbox, or have the message removed from the queue on the "
      "server.",
      POLL_NOW, NO_RELOAD}},
    {"HAPLO_ESTALE",
     {"Another process stores this queue in the same inbox, or a backup of "
      "the inbox was restored. Nothing is lost or stored twice, and the "
      "batch is fetched again; but only one process should poll a queue. "
      "Look for a second haplo-poll, perhaps on another machine, and stop it.",
      STATUS, NO_RELOAD}},
};

static const struct advice paused = {
    "Somebody has paused it. Nothing is fetched until it is resumed.", "resume",
    true, NO_RELOAD};

static const struct advice short_of_space = {
    "The disk of its inbox is nearly full, so nothing more is fetched; "
    "outlets go on, and messages wait on the server. Make room on that disk, "
    "or lower free_space_min of the inbox; it goes on by itself.",
    INBOXES, RELOAD};

static const struct advice removed = {
    "It is not in the configuration any more. Its batch is finished first, so "
    "that no message is sent again; then it is gone. If its server does not "
    "respond, that is when it does again. To go on with the queue, put it back "
    "into the configuration and reload it.",
    STATUS, NO_RELOAD};

static const struct advice changed = {
    "Its configuration has been changed. Its batch is finished first; then it "
    "goes on with what is new.",
    STATUS, NO_RELOAD};

static const struct advice held = {
    "It is not polled at all, because of the configuration or a file that it "
    "names. Correct what the cause says. A file is noticed within two "
    "seconds; for the configuration, check it and reload it.",
    "check", false, RELOAD};

static const struct advice silent = {
    "Too many logins have failed, and the server refuses all of them from "
    "this address. Each request would prolong this, so none is sent until "
    "the time above. Correct the API keys that are refused before that.",
    STATUS, NO_RELOAD};

static const struct advice logins_held = {
    "Too many logins to this server have failed, and more could lock this "
    "address out. Keys that have not worked yet wait. Correct the keys that "
    "are refused; one that works ends the wait.",
    STATUS, NO_RELOAD};

static const struct advice server_down = {
    "Its server does not work, and one request at a time finds out when it "
    "does again; until then its other queues are not tried. What is wrong is "
    "wrong with the server: correct what the cause says.",
    STATUS, NO_RELOAD};

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

/* Of a server that does not work, because of this error. */
static const struct advice *of_server(const char *error)
{
    const struct advice *found = find_error(error);
    return found != NULL ? found : &server_down;
}

const struct advice *advice_for_queue(const struct advice_facts *facts)
{
    if (facts->change != NULL) {
        return is(facts->change, "removed") ? &removed : &changed;
    }
    if (is(facts->health, "paused")) {
        return facts->is_operator_pause ? &paused : &short_of_space;
    }
    if (is(facts->health, "held")) {
        return &held;
    }
    if (is(facts->server_state, "SILENT")) {
        return &silent;
    }
    if (is(facts->health, "ok") || is(facts->health, "not_tried")) {
        return facts->logins_held               ? &logins_held
               : is(facts->health, "not_tried") ? of_server(facts->server_error)
                                                : NULL;
    }
    return find_error(facts->error);
}

/* Outlets */

static const struct advice broken = {
    "Its destination cannot be used: correct what the cause says. No message "
    "is lost or becomes a dead letter meanwhile; all wait in the inbox, and "
    "nothing else waits for them. It goes on by itself; a changed option "
    "needs a reload.",
    TEST_IT, RELOAD};

static const struct advice waiting = {
    "It is tried again, less often each time, and goes on by itself when the "
    "destination accepts messages. They wait in the inbox.",
    TEST_IT, NO_RELOAD};

static const struct advice blocked = {
    "The receiver refuses the data of a message, and on_refused says that "
    "its queue waits for a decision; other queues go on. Look at the "
    "message; then correct the receiver and retry, keep it as a dead letter, "
    "or skip it.",
    NOTHING, NO_RELOAD};

static const struct advice closed = {
    "It runs as soon as its inbox is open, which is tried again and again: "
    "correct what the cause says. Its messages wait.",
    STATUS, NO_RELOAD};

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
