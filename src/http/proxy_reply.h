/*
 * proxy_reply.h - a proxy that refuses, which must not be taken for the server:
 * its 403 is not a failed login, and nothing gets better by trying again.
 */
#ifndef HTTP_PROXY_REPLY_H
#define HTTP_PROXY_REPLY_H

struct easy;

/* The status of the response to CONNECT; 0: none in this transfer. */
long proxy_connect_status(const struct easy *easy);

/* Sets the handle's reason to why no connection could be made through the
 * proxy. HAPLO_EPROXY if it refuses, or HAPLO_ECONNECT. */
int proxy_explain(struct easy *easy);

/* Whether a response of this status to plain http comes from the proxy itself
 * instead of from the server: 0, or HAPLO_EPROXY or HAPLO_ECONNECT, with the
 * reason of the handle set. 407 proves it. Any other status needs
 * evidence: X-Squid-Error, or an error in Proxy-Status (RFC 9209). Without
 * that, a 403 counts as the server's, as otherwise failed logins could go
 * uncounted. */
int proxy_reply_check(struct easy *easy, long status);

#endif
