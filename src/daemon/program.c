/*
 * haplo-poll - gathers messages from many Haplo message queues.
 */
#include "daemon/command.h"

int main(int argc, char **argv)
{
    return haplo_poll_main(argc, argv);
}
