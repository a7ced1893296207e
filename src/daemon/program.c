/*
 * program.c - main() of haplo-poll.
 */
#include "daemon/command.h"

int main(int argc, char **argv)
{
    return haplo_poll_main(argc, argv);
}
