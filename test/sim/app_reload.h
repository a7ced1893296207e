/*
 * app_reload.h - reloads of a simulated process: src/daemon/reload without the
 * thread that reads the file.
 */
#ifndef TEST_SIM_APP_RELOAD_H
#define TEST_SIM_APP_RELOAD_H

struct app;
struct process;

/* The gather is open. app_reload_close() and _free() must follow. */
void app_reload_open(struct process *process);

/* The process gets a configuration that is made from the world as it is now. */
void app_reload(struct process *process);

/* Before the gather is closed, and after it. */
void app_reload_close(struct app *app);
void app_reload_free(struct app *app);

#endif
