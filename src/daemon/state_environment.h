/*
 * state_environment.h - the state directory remembers the environment in which
 * it is used, as the target of the symbolic link "environment". A test must
 * never continue with the state of the live installation.
 */
#ifndef DAEMON_STATE_ENVIRONMENT_H
#define DAEMON_STATE_ENVIRONMENT_H

#include "base/reason.h"

/* Compares the environment (NULL: none) with that of the directory, which must
 * be locked; one that does not have any yet remembers it from now on. Returns
 * 0; or with why set HAPLO_EINVAL if it is another one, HAPLO_EDELIVERY if the
 * disk failed. */
int state_environment_claim(const char *state_dir, const char *environment,
                            struct reason *why);

#endif
