/*
 * report_text.h - the lines of the reporter, in words. Pure.
 */
#ifndef DAEMON_REPORT_TEXT_H
#define DAEMON_REPORT_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/log/cause.h"

#define REPORT_TEXT_SIZE 1024

enum report_what {
    REPORT_BEGIN,  /* it has begun */
    REPORT_SPREAD, /* it affects many more objects now */
    REPORT_REMIND, /* it still lasts */
    REPORT_AGAIN,  /* a warning has recurred */
    REPORT_BLIP,   /* it began, and was over before it was logged */
    REPORT_END     /* it is over */
};

/* Returns text. */
const char *report_text(struct cause *cause, enum report_what what,
                        uint64_t now_ms, char text[REPORT_TEXT_SIZE]);

#endif
