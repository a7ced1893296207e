/*
 * view_survey.h - counts what an inbox has, in the transaction of a view.
 */
#ifndef INBOX_SQLITE_VIEW_SURVEY_H
#define INBOX_SQLITE_VIEW_SURVEY_H

#include <sqlite3.h>

struct inbox_view;

/* The inbox and its outlets. Both return SQLITE_OK or an error. */
int survey_view(sqlite3 *db, const struct inbox_view *view);

/* The queues. */
int survey_queues_view(sqlite3 *db, const struct inbox_view *view);

#endif
