/*
 * csv.h - messages as rows of CSV (RFC 4180): each column has a name, and a
 * JSON pointer that selects its value in a message, or the name of something
 * that is known about it.
 *
 *     "title=/object/attributes/dc:attribute:title/0/value", "id=id"
 *
 * What is missing or null is empty, and an empty string is "". A string is
 * decoded; everything else is as the server wrote it, a map or an array without
 * the white space between its tokens. Fields are quoted where necessary.
 */
#ifndef OUTLETS_CSV_H
#define OUTLETS_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "base/reason.h"
#include "outlets/outlet.h"

struct csv;

/* Checks the text of one column. Returns 0, or HAPLO_EINVAL with why set. */
int csv_column_check(const char *column, char *why, size_t why_size);

/* Compiles columns; borrows them, and inbox_uuid. columns ends in NULL. If
 * escapes_formulas, a string that a spreadsheet would take for a formula gets
 * an apostrophe in front of it. Returns 0, HAPLO_EINVAL or HAPLO_ENOMEM. */
int csv_open(struct csv **out, const char *const *columns,
             bool escapes_formulas, const char *inbox_uuid, struct reason *why);

/* csv may be NULL. */
void csv_close(struct csv *csv);

/* The names of the columns, as a line. Valid until the next call, like that of
 * csv_row(). Returns 0 or HAPLO_ENOMEM. */
int csv_header(struct csv *csv, struct haplo_slice *line);

/* A message of a parcel, as a line. Returns 0, HAPLO_EDOCUMENT if the message
 * is not JSON, or HAPLO_ENOMEM. */
int csv_row(struct csv *csv, const struct inbox_message *message,
            const struct outlet_parcel *parcel, struct haplo_slice *line);

#endif
