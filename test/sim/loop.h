/*
 * loop.h - libuv in virtual time. loop.c defines the functions of libuv that
 * the product calls, under their own names. Whatever they schedule becomes an
 * entry of the world's agenda and is dropped when its process dies.
 */
#ifndef TEST_SIM_LOOP_H
#define TEST_SIM_LOOP_H

struct process;

/* Makes the process's loop, without handles. */
void loop_init(struct process *process);

#endif
