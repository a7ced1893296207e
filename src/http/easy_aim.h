/*
 * easy_aim.h - the options of an easy handle that differ from one transfer to
 * the next: path, headers, body.
 */
#ifndef HTTP_EASY_AIM_H
#define HTTP_EASY_AIM_H

#include <stdbool.h>

struct easy;

/* For easy->transfer. False when there is no memory. */
bool easy_aim(struct easy *easy);

#endif
