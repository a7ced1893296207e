/* stats.h - the library's statistics as objects of JavaScript. */
#ifndef HAPLO_NODE_STATS_H
#define HAPLO_NODE_STATS_H

#include "js.h"

/* Each returns NULL, with an exception pending, if it fails. */
napi_value stats_of_poller(napi_env env, const struct haplo_poller *poller);
napi_value stats_of_server(napi_env env, const struct haplo_server *server);
napi_value stats_of_queue(napi_env env, const struct haplo_queue *queue);

#endif
