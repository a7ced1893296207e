/*
 * pg_jsonb.h - whether PostgreSQL's type jsonb can hold a message. Pure.
 *
 * It cannot hold the character U+0000, half a surrogate pair, or numbers beyond
 * the type numeric, all of which JSON allows and messages contain. Nor what is
 * nested too deeply for the server's stack, or is larger than 256 MiB.
 */
#ifndef INBOX_POSTGRES_PG_JSONB_H
#define INBOX_POSTGRES_PG_JSONB_H

#include <stdbool.h>

#include "haplopoll.h"

/* False if PostgreSQL may refuse it, or if it is not JSON. */
bool pg_jsonb_can_hold(struct haplo_slice body);

/* True if this is valid UTF-8 without NUL, as PostgreSQL's text must be. */
bool pg_text_can_hold(struct haplo_slice text);

#endif
