/*
 * catalogue_doctor.c - what is known about the codes of what `doctor` finds
 * out.
 */
#include "config/catalogue_parts.h"

const struct catalogue_entry catalogue_doctor[] = {
    {
        .code = HP_SERVER_UNRESOLVED,
        .title = "the name of a server is not known",
        .meaning = "The name in the URL of the server, or of its proxy, has no "
                   "address.",
        .advice = "Check the spelling of `url`. If `getent hosts NAME` fails "
                  "as well, it is a matter of the name server or of "
                  "/etc/resolv.conf.",
    },
    {
        .code = HP_SERVER_UNREACHABLE,
        .title = "no connection to a server",
        .meaning = "Nothing accepts connections at this address and port, or a "
                   "firewall rejects them.",
        .advice = "Check the port in `url`, and that the server is running. If "
                  "`curl -v URL` on this machine fails as well, ask for the "
                  "firewall to be opened, or set `proxy`.",
    },
    {
        .code = HP_SERVER_SILENT,
        .title = "a server does not respond in time",
        .meaning = "The connection was not established, or no response "
                   "arrived, within the time limit. A firewall that drops "
                   "packets looks like this, and so does a server that is "
                   "overloaded or has just been deployed.",
        .advice = "Try again in a minute. If it stays like that, check for a "
                  "firewall or a missing `proxy`; for large batches raise "
                  "total_timeout.",
    },
    {
        .code = HP_SERVER_TLS,
        .title = "no TLS connection to a server",
        .meaning = "The certificate of the server is not trusted, has expired "
                   "or is for another name; or the two could not agree on a "
                   "version of TLS, or on a client certificate.",
        .advice = "The message says which. For a private CA set tls_ca_file; "
                  "for a client certificate tls_certificate_file. An expired "
                  "certificate must be renewed on the server. Verification "
                  "cannot be turned off.",
    },
    {
        .code = HP_SERVER_RESET,
        .title = "a connection was lost",
        .meaning = "The server or something in between closed the connection "
                   "before the response was complete.",
        .advice = "Try again. If it happens each time, look at the logs of the "
                  "proxy or load balancer in front of the server.",
    },
    {
        .code = HP_SERVER_PROXY,
        .title = "the proxy refuses",
        .meaning = "The proxy does not let haplo-poll connect to the server.",
        .advice = "Check `proxy`, and that the proxy allows CONNECT to the "
                  "host and port of the server.",
    },
    {
        .code = HP_SERVER_REDIRECTS,
        .title = "the URL is not that of the primary hostname",
        .meaning = "The server redirects to another address: the application "
                   "has several hostnames, and only its primary one answers "
                   "requests; or https is required. Redirects are not "
                   "followed, because a mark would be lost.",
        .advice = "Change `url` to the address in the message.",
    },
    {
        .code = HP_SERVER_NOT_FOUND,
        .title = "the server does not know this application",
        .meaning = "The server responded 404: no application has this "
                   "hostname, or it is not active.",
        .advice = "Check the hostname in `url`, and whether the application is "
                  "running.",
    },
    {
        .code = HP_SERVER_ERROR,
        .title = "the server reports an error",
        .meaning = "The server, or a proxy in front of it, responded with a "
                   "5xx status: it is overloaded, being deployed, or has a "
                   "fault.",
        .advice = "Try again later. If it stays like that, the administrators "
                  "of the server find the cause in its logs.",
    },
    {
        .code = HP_SERVER_STATUS,
        .title = "an unexpected response",
        .meaning = "The server responded with a status that a Haplo server "
                   "does not send: `url` may be that of something else.",
        .advice = "Compare `url` with the address of the application, and look "
                  "at the quoted page.",
    },
    {
        .code = HP_SERVER_PROTOCOL,
        .title = "a response that violates HTTP",
        .meaning = "The response is malformed, so that half a message might "
                   "pass for a whole one. It was not used.",
        .advice = "Look for a proxy or a middlebox that changes responses. If "
                  "the server speaks https on this port, `url` must begin with "
                  "https://.",
    },
    {
        .code = HP_SERVER_LIMITED,
        .title = "the server asks for fewer requests",
        .meaning = "A proxy or a limiter in front of the server responded 429: "
                   "it has had too many requests from this address, of "
                   "haplo-poll or of other programs.",
        .advice = "Wait before you run this again, since each run sends "
                  "another request. If `run` meets this as well, raise "
                  "interval for the queues of this server, or ask for the "
                  "limit to be raised.",
    },
    {
        .code = HP_QUEUE_KEY_REFUSED,
        .title = "an API key is refused",
        .meaning = "The server does not accept this key for this queue: the "
                   "key is wrong or was revoked, it belongs to another queue, "
                   "or its user is blocked.",
        .advice = "Copy the key of this queue from the server to where the "
                  "configuration has it. Until then `run` tries the old one "
                  "only once in 15 minutes: after 50 failed logins in a row, "
                  "a server refuses everybody at this address.",
    },
    {
        .code = HP_QUEUE_THROTTLED,
        .title = "the server refuses all logins from this address",
        .meaning = "There were 50 failed logins from this address, of any "
                   "program or person. Until 310 seconds have passed without "
                   "another one, even good keys are refused, and people at "
                   "this address cannot log in either.",
        .advice = "Stop whatever uses a wrong key, wait six minutes, and try "
                  "again.",
    },
    {
        .code = HP_QUEUE_CONTENT,
        .title = "the response is not a batch",
        .meaning = "The server responded with a page: no queue has this name, "
                   "its method is \"send\" instead of \"poll\", or the user of "
                   "the key may not read it. Or the queue has a formatter of "
                   "its own.",
        .advice = "Check the name of the queue, its method, and the "
                  "permissions of the key's user on the server. For a "
                  "formatter, set format and content_type.",
    },
    {
        .code = HP_QUEUE_DOCUMENT,
        .title = "the batch is not the expected document",
        .meaning = "The response is not a JSON document, or has no list of "
                   "messages or no token where the configuration expects "
                   "them.",
        .advice = "Does a formatter on the server make the batches of this "
                  "queue? Then tell where they have the messages and the "
                  "token, with messages_pointer and token_pointer; or, if they "
                  "are not JSON, set format: raw and token_pattern. Otherwise "
                  "try again; if it stays like that, something between here "
                  "and the server changes responses.",
    },
    {
        .code = HP_QUEUE_TOO_BIG,
        .title = "a batch is too large",
        .meaning = "The response is larger than max_body. Old servers send all "
                   "unread messages at once.",
        .advice = "Raise max_body, and the memory of the service if need be.",
    },
    {
        .code = HP_QUEUE_CACHED,
        .title = "the response comes from a cache",
        .meaning = "A cache in front of the server answered. It may repeat "
                   "batches that have been marked.",
        .advice = "Exempt the path of the polling API "
                  "(/api/haplo-integration-messages/) from caching.",
    },
    {
        .code = HP_QUEUE_FAILED,
        .title = "a queue cannot be polled",
        .meaning = "The queue could not be examined for a reason of its own.",
        .advice = "The message says why.",
    },
    {
        .code = HP_CERTIFICATE_EXPIRES,
        .title = "a certificate expires soon",
        .meaning = "A certificate will expire within 30 days: that of the "
                   "server, that of the CA with which the server is verified, "
                   "or the client certificate that is presented to it. From "
                   "then on nothing can be fetched from this server.",
        .advice = "Have it renewed. If it is renewed automatically, find out "
                  "why that has not happened yet: usually it does a month "
                  "ahead. For a CA, add its new certificate to tls_ca_file "
                  "while the old one is still valid.",
        .is_warning = true,
    },
    {
        .code = HP_LOGINS_SPARED,
        .title = "a key was not tried, as too many others were refused",
        .meaning = "The server has refused several keys in a row. After 50 "
                   "failed logins it refuses everybody at this address, people "
                   "included; so no further key is tried for a while, unless "
                   "it is known to work.",
        .advice = "Correct the keys that the server has refused. Then run this "
                  "again when the time is up, or at once if you remove the "
                  "file failed_logins in state_dir.",
    },
    {
        .code = HP_INBOX_UNUSABLE,
        .title = "an inbox cannot be used",
        .meaning = "The database of the inbox cannot be opened or read, or its "
                   "tables are missing or of another version.",
        .advice = "The message says why. `haplo-poll migrate` creates and "
                  "upgrades the tables in a PostgreSQL database.",
    },
    {
        .code = HP_OUTLET_UNREACHABLE,
        .title = "an outlet cannot be reached",
        .meaning = "The destination of the outlet does not accept a "
                   "connection, or refuses the login.",
        .advice = "The message says why. `haplo-poll outlet test OUTLET` sends "
                  "it a message.",
    },
    {
        .code = HP_FLEET_UNUSABLE,
        .title = "the hosts of a fleet cannot be coordinated",
        .meaning = "The tables by which several hosts share the servers cannot "
                   "be read. A host that cannot reach them polls nothing, and "
                   "one that no longer can stops before others take over.",
        .advice = "The message says why. `haplo-poll migrate` creates and "
                  "upgrades the tables, and grants what a host needs.",
    },
    {
        .code = HP_FLEET_SLOW,
        .title = "the database of a fleet responds too slowly",
        .meaning = "A host must renew its membership within `ttl`, and a "
                   "request that takes longer than a quarter of that has "
                   "failed. Reading the tables took as long.",
        .advice = "Find out why the database or the network is slow, or raise "
                  "`ttl` of `fleet` on all hosts: a host that fails is then "
                  "replaced later.",
        .is_warning = true,
    },
    {.code = HP_NONE},
};
