/*
 * loop.h - libuv in virtual time: the functions of it that the product calls
 * are defined in loop.c, under their own names. Whatever they plan is an entry
 * of the world's agenda, and is forgotten when its process dies.
 */
#ifndef TEST_SIM_LOOP_H
#define TEST_SIM_LOOP_H

struct process;

/* The process's loop, without handles. */
void loop_init(struct process *process);

#endif
