#include "sim_process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "sweep.h"

extern char **environ;

static struct sim_process sim;
static int control_port;

/* Its standard input stays open in this process and its children. */
static void spawn(char *line, int size)
{
    char program[4200];
    char dir[80];
    char config[128];
    int in[2];
    int out[2];
    pid_t pid = 0;
    posix_spawn_file_actions_t actions;
    (void)snprintf(program, sizeof program, "%s/haplo-sim", sweep_build);
    (void)snprintf(dir, sizeof dir, "--dir=%s", sim.dir);
    (void)snprintf(config, sizeof config, "--write-config=%s/poll.yaml",
                   sim.dir);
    char *arguments[] = {program,
                         (char *)"--until-stdin-closes",
                         (char *)"--apps=1",
                         (char *)"--queues=1",
                         (char *)"--tls",
                         (char *)"--events=100",
                         dir,
                         config,
                         NULL};
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    (void)posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    (void)posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    (void)posix_spawn_file_actions_addclose(&actions, in[1]);
    (void)posix_spawn_file_actions_addclose(&actions, out[0]);
    assert_int_equal(
        posix_spawn(&pid, program, &actions, NULL, arguments, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(in[0]);
    (void)close(out[1]);
    FILE *file = fdopen(out[0], "r");
    assert_non_null(file);
    assert_non_null(fgets(line, size, file));
    (void)fclose(file);
}

static void dir_remove(void)
{
    char command[128];
    static pid_t owner;
    if (owner == 0) {
        owner = getpid();
    } else if (getpid() == owner) {
        (void)snprintf(command, sizeof command, "rm -rf '%s'", sim.dir);
        if (system(command) != 0) {
            (void)fprintf(stderr, "left behind: %s\n", sim.dir);
        }
    }
}

static void key_read(void)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/keys/app1-q1", sim.dir);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(sim.key, sizeof sim.key, file));
    sim.key[strcspn(sim.key, "\n")] = '\0';
    (void)fclose(file);
}

const struct sim_process *sim_start(void)
{
    char line[4096];
    if (sim.dir[0] != '\0') {
        return &sim;
    }
    (void)snprintf(sim.dir, sizeof sim.dir, "/tmp/haplo-sweep-XXXXXX");
    assert_non_null(mkdtemp(sim.dir));
    dir_remove();
    assert_int_equal(atexit(dir_remove), 0);
    spawn(line, sizeof line);
    assert_int_equal(sscanf(line,
                            "{\"control\":\"http://127.0.0.1:%d\",\"apps\":"
                            "[{\"name\":\"app1\",\"url\":\"%63[^\"]",
                            &control_port, sim.url),
                     2);
    key_read();
    return &sim;
}

/* The control port */

static void control_ask(const char *method, const char *path, const char *body,
                        char *answer, size_t size)
{
    char request[512];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)control_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(
        connect(fd, (struct sockaddr *)(void *)&address, sizeof address), 0);
    int length = snprintf(request, sizeof request,
                          "%s %s HTTP/1.1\r\nHost: sim\r\nConnection: close\r\n"
                          "Content-Length: %zu\r\n\r\n%s",
                          method, path, strlen(body), body);
    assert_int_equal(write(fd, request, (size_t)length), length);
    size_t filled = 0;
    ssize_t got = 0;
    while (filled + 1 < size &&
           (got = read(fd, answer + filled, size - 1 - filled)) > 0) {
        filled += (size_t)got;
    }
    answer[filled] = '\0';
    assert_int_equal(close(fd), 0);
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0) {
        fail_msg("%s", answer);
    }
}

void sim_add(unsigned count)
{
    char line[80];
    char answer[4096];
    (void)snprintf(line, sizeof line, "message app1 q1 count=%u\n", count);
    control_ask("POST", "/script", line, answer, sizeof answer);
}

unsigned sim_unread(void)
{
    char answer[8192];
    unsigned unread = 0;
    control_ask("GET", "/stats", "", answer, sizeof answer);
    const char *member = strstr(answer, "\"unread\":");
    assert_non_null(member);
    assert_int_equal(sscanf(member, "\"unread\":%u", &unread), 1);
    return unread;
}
