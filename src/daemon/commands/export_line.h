/*
 * export_line.h - a message as a line of an export, which keeps its exact
 * bytes. Pure.
 *
 * ndjson:
 *
 *   {"inbox":"main","server":"example","queue":"student","arrival":17,
 *    "id":"550e8400-e29b-41d4-a716-446655440000-17-93d1a5ee3c52f8b0",
 *    "received_at":"2026-11-28T20:49:16.040Z","body":"{\"id\":1}"}
 *
 * The body is a string whose content is exactly what the server sent; a
 * message may have line breaks, which a value in the line could not keep. If
 * it is not UTF-8, which only the format raw allows, there is "body_base64" in
 * its place.
 *
 * csv (RFC 4180): the same columns, with the exact bytes in the last one, in
 * quotes.
 */
#ifndef DAEMON_EXPORT_LINE_H
#define DAEMON_EXPORT_LINE_H

#include "daemon/text/json_writer.h"
#include "inbox/inbox.h"

#define EXPORT_CSV_HEADER "inbox,server,queue,arrival,id,received_at,body\r\n"

/* Append a line to out. inbox is its name. If memory runs out, out says so. */
void export_line_ndjson(struct json_writer *out, const char *inbox,
                        const char *inbox_uuid,
                        const struct inbox_message *message);
void export_line_csv(struct json_writer *out, const char *inbox,
                     const char *inbox_uuid,
                     const struct inbox_message *message);

#endif
