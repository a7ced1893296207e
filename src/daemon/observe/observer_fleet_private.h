/*
 * observer_fleet_private.h - what the files about the fleet share.
 */
#ifndef DAEMON_OBSERVER_FLEET_PRIVATE_H
#define DAEMON_OBSERVER_FLEET_PRIVATE_H

#include "daemon/observe/observer_fleet.h"

/* Reports an event that is about this host, or another one. */
void observer_fleet_report(struct observer *observer, const char *host,
                           enum observer_fleet_event event, const char *text,
                           uint64_t now_ms);

/* The member with this name, or NULL. */
struct observer_member *observer_fleet_find(const struct observer_fleet *seen,
                                            const char *host);

/* Compares the slots of the newest reply with those before it. */
void observer_fleet_compare_slots(struct observer_fleet *seen,
                                  const struct observer_fleet *before);

/* Slots whose moves have not been reported yet. */
size_t observer_fleet_moves(const struct observer_fleet *seen);

/* Reports moves that have ended, or have gone on for a while. before_count:
 * those that had not been reported before the newest reply. */
void observer_fleet_settle(struct observer *observer, size_t before_count,
                           uint64_t now_ms);

/* Since when slots have no owner. */
void observer_fleet_note_free(struct observer_fleet *seen, uint64_t now_ms);

#endif
