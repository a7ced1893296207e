/*
 * measure.c - runs a program on one core and writes the resources it used to a
 * file:
 *
 *     measure FILE CORE PROGRAM [ARGUMENT ...]
 *
 * The result is one line of JSON: CPU time of the program and its children,
 * peak resident memory, exit status. This is a separate small program because
 * a process inherits the peak of its parent. CORE "-" does not pin the
 * program. SIGTERM is passed on to it.
 */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t program;

static void forward(int signal_number)
{
    (void)kill(program, signal_number);
}

static void pin(const char *core)
{
    cpu_set_t cores;
    if (strcmp(core, "-") == 0) {
        return;
    }
    CPU_ZERO(&cores);
    CPU_SET(strtoul(core, NULL, 10), &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) != 0) {
        perror("measure: cannot pin to the core");
        _exit(126);
    }
}

static long microseconds(const struct timeval *time)
{
    return time->tv_sec * 1000000 + time->tv_usec;
}

int main(int argc, char **argv)
{
    int status;
    struct rusage usage;
    if (argc < 4) {
        (void)fputs("usage: measure FILE CORE PROGRAM [ARGUMENT ...]\n",
                    stderr);
        return 2;
    }
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        pin(argv[2]);
        execvp(argv[3], argv + 3);
        perror(argv[3]);
        _exit(127);
    }
    const struct sigaction action = {.sa_handler = forward,
                                     .sa_flags = SA_RESTART};
    program = child;
    if (child < 0 || sigaction(SIGTERM, &action, NULL) != 0 ||
        wait4(child, &status, 0, &usage) != child) {
        perror("measure");
        return 1;
    }
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    FILE *file = fopen(argv[1], "w");
    if (file == NULL ||
        fprintf(file,
                "{\"total_cpu_us\": %ld, \"peak_kib\": %ld, "
                "\"exit_code\": %d}\n",
                microseconds(&usage.ru_utime) + microseconds(&usage.ru_stime),
                usage.ru_maxrss, code) < 0 ||
        fclose(file) != 0) {
        perror(argv[1]);
        return 1;
    }
    return code;
}
