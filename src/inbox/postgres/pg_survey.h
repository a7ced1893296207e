/*
 * pg_survey.h - counts what an inbox has, in the transaction of a view.
 */
#ifndef INBOX_POSTGRES_PG_SURVEY_H
#define INBOX_POSTGRES_PG_SURVEY_H

struct pg_viewing;

/* The inbox and its outlets; its queues. Both return 0, or an error with
 * viewing->why set. */
int pg_survey_view(struct pg_viewing *viewing);
int pg_survey_queues_view(struct pg_viewing *viewing);

#endif
