/*
 * null_daemon.c - a whole haplo-poll with one more inbox type, which drops its
 * messages: what the daemon costs without a disk.
 */
#include "daemon/command.h"
#include "null_inbox.h"

int main(int argc, char **argv)
{
    inbox_type_register(&null_inbox_type);
    return haplo_poll_main(argc, argv);
}
