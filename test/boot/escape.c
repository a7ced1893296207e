/*
 * What somebody would try who has taken over a process of the service: each
 * attempt is one way out of the sandbox.
 *
 *     escape RESULTS OWN-FOLDER     makes all attempts
 *     escape --who FILE             writes its effective user to FILE
 *
 * RESULTS gets a line for each, "NAME: escaped" or "NAME: REASON". Each is made
 * by a child process, so that one that is killed ends no other. Run by root
 * outside of the sandbox, all succeed; test_sandbox.py checks that too, as an
 * attempt that cannot succeed proves nothing. None of them does harm, but it is
 * meant for the machine that run.py boots.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ATTEMPT_S_MAX 20
#define HELPER                                                     \
    "/usr/local/lib/haplo-test/escape-as-root" /* set-user-ID root \
                                                */

static const char *own_folder;
static pid_t starter; /* of this program */

/* 0: it got through; or errno. */
typedef int attempt_function(const char *what);

static int outcome(long result)
{
    return result == -1 ? errno : 0;
}

/* Files */

static int create_in(const char *folder)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/escaped", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd == -1 || write(fd, "x", 1) != 1) {
        return errno;
    }
    (void)unlink(path);
    return outcome(close(fd));
}

static int open_as(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
    return fd == -1 ? errno : outcome(close(fd));
}

static int read_from(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1 || read(fd, &byte, 1) == -1) {
        return errno;
    }
    return outcome(close(fd));
}

static int list(const char *path)
{
    DIR *folder = opendir(path);
    return folder == NULL ? errno : outcome(closedir(folder));
}

static int open_to_write(const char *path)
{
    return open_as(path, O_WRONLY);
}

/* What is there now, so that nothing changes. */
static int write_back(const char *path)
{
    char text[4096];
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t size = fd == -1 ? -1 : read(fd, text, sizeof(text));
    if (size <= 0) {
        return errno;
    }
    return outcome(pwrite(fd, text, (size_t)size, 0));
}

static int make_folder(const char *path)
{
    return mkdir(path, 0700) == -1 ? errno : outcome(rmdir(path));
}

static int open_by_handle(const char *path)
{
    struct {
        struct file_handle head;
        char bytes[MAX_HANDLE_SZ];
    } handle = {.head.handle_bytes = MAX_HANDLE_SZ};
    int mount_id;
    int folder = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (name_to_handle_at(AT_FDCWD, path, &handle.head, &mount_id, 0) == -1) {
        return errno;
    }
    return outcome(open_by_handle_at(folder, &handle.head, O_RDONLY));
}

static int make_device(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", own_folder, name);
    int error = outcome(mknod(path, S_IFBLK | 0600, 0xfe00));
    (void)unlink(path);
    return error;
}

/* Other processes */

static pid_t start_child(void)
{
    pid_t child = fork();
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    return child;
}

static int end_child(pid_t child, int error)
{
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return error;
}

static int attach(const char *unused)
{
    (void)unused;
    pid_t child = start_child();
    return end_child(child, outcome(ptrace(PTRACE_SEIZE, child, NULL, NULL)));
}

/* Of what has started it: haplo-poll, where it is the command of an outlet.
 * That nothing is at this address is found after the permission. */
static int read_memory(const char *unused)
{
    (void)unused;
    char byte;
    struct iovec to = {.iov_base = &byte, .iov_len = 1};
    struct iovec from = {.iov_base = &byte, .iov_len = 1};
    int error = outcome(process_vm_readv(starter, &to, 1, &from, 1, 0));
    return error == EFAULT ? 0 : error;
}

static int read_of_starter(const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)starter, name);
    return open_as(path, O_RDONLY);
}

static int signal_first(const char *unused)
{
    (void)unused;
    return outcome(kill(1, 0));
}

/* Becoming somebody else */

static int become_root(const char *unused)
{
    (void)unused;
    if (setresuid(0, 0, 0) == -1) {
        return errno;
    }
    return open_as("/etc/shadow", O_RDONLY);
}

static int change_group(const char *unused)
{
    (void)unused;
    gid_t shadow = 42;
    return outcome(syscall(SYS_setgroups, 1, &shadow));
}

/* "root" is what the helper writes if it has become that. */
static int start_helper(const char *helper)
{
    char path[4096];
    char who[16] = "";
    (void)snprintf(path, sizeof(path), "%s/who", own_folder);
    pid_t child = fork();
    if (child == 0) {
        (void)execl(helper, helper, "--who", path, (char *)NULL);
        _exit(1);
    }
    (void)waitpid(child, NULL, 0);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno;
    }
    bool is_root =
        fgets(who, sizeof(who), file) != NULL && strcmp(who, "root") == 0;
    (void)fclose(file);
    (void)unlink(path);
    return is_root ? 0 : EPERM;
}

static int make_setuid_file(const char *name)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", own_folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    int error = fd == -1 ? errno : outcome(fchmod(fd, 04755));
    (void)unlink(path);
    return error;
}

static int has_capability(const char *unused)
{
    (void)unused;
    for (int number = 0; number <= 40; number++) {
        if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) {
            return 0;
        }
    }
    return EPERM;
}

/* The kernel */

static int new_namespace(const char *flag)
{
    return outcome(unshare((int)strtol(flag, NULL, 16)));
}

static int join_namespace(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd == -1 ? errno : outcome(setns(fd, 0));
}

static int mount_folder(const char *unused)
{
    (void)unused;
    if (mount("none", own_folder, "tmpfs", 0, "size=4k") == -1) {
        return errno;
    }
    return outcome(umount(own_folder));
}

static int change_root(const char *unused)
{
    (void)unused;
    return outcome(chroot("/"));
}

/* No module: the kernel finds that only after it has asked who it is. */
static int load_module(const char *unused)
{
    (void)unused;
    (void)syscall(SYS_init_module, "x", 1, "");
    return errno == ENOEXEC ? 0 : errno;
}

static int load_kernel(const char *unused)
{
    (void)unused;
    return outcome(syscall(SYS_kexec_load, 0, 0, NULL, 0));
}

static int load_bpf(const char *unused)
{
    (void)unused;
    union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY,
                          .key_size = 4,
                          .value_size = 4,
                          .max_entries = 1};
    return outcome(syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)));
}

static int watch_kernel(const char *unused)
{
    (void)unused;
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(event),
                                    .config = PERF_COUNT_SW_CPU_CLOCK};
    return outcome(syscall(SYS_perf_event_open, &event, 0, -1, -1, 0));
}

static int read_kernel_log(const char *unused)
{
    (void)unused;
    char text[4096];
    return outcome(klogctl(3, text, sizeof(text)));
}

static int use_ports(const char *unused)
{
    (void)unused;
    return outcome(syscall(SYS_ioperm, 0x80, 1, 1));
}

static int use_io_uring(const char *unused)
{
    (void)unused;
    char parameters[256] = {0};
    return outcome(syscall(SYS_io_uring_setup, 1, parameters));
}

static int use_userfaultfd(const char *unused)
{
    (void)unused;
    return outcome(
        syscall(SYS_userfaultfd, O_CLOEXEC | 1)); /* user mode only */
}

/* getpid() as a 32-bit program calls it. */
static int call_as_32_bit(const char *unused)
{
    (void)unused;
    long result = 20;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     :
                     : "memory", "r8", "r9", "r10", "r11");
    return result == getpid() ? 0 : (int)-result;
}

static int set_clock(const char *unused)
{
    (void)unused;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return outcome(clock_settime(CLOCK_REALTIME, &now));
}

static int adjust_clock(const char *unused)
{
    (void)unused;
    struct timex change = {.modes = ADJ_OFFSET};
    return outcome(adjtimex(&change));
}

static int set_host_name(const char *unused)
{
    (void)unused;
    char name[256];
    (void)gethostname(name, sizeof(name));
    return outcome(sethostname(name, strlen(name)));
}

/* Whether Ctrl-Alt-Del restarts: it does, from the beginning. */
static int restart_machine(const char *unused)
{
    (void)unused;
    return outcome(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x89abcdef, 0));
}

static int stop_swapping(const char *unused)
{
    (void)unused;
    (void)syscall(SYS_swapoff, "/etc/passwd");
    return errno == EINVAL ? 0 : errno; /* it is no swap space */
}

static int raise_priority(const char *unused)
{
    (void)unused;
    return outcome(setpriority(PRIO_PROCESS, 0, -20));
}

static int be_real_time(const char *unused)
{
    (void)unused;
    struct sched_param first = {.sched_priority = 1};
    return outcome(sched_setscheduler(0, SCHED_FIFO, &first));
}

static int raise_limit(const char *unused)
{
    (void)unused;
    struct rlimit core = {RLIM_INFINITY, RLIM_INFINITY};
    return outcome(setrlimit(RLIMIT_CORE, &core));
}

static int change_personality(const char *unused)
{
    (void)unused;
    return outcome(personality(READ_IMPLIES_EXEC));
}

/* Memory */

static int map_for_code(const char *unused)
{
    (void)unused;
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? errno
               : 0;
}

static int turn_into_code(const char *unused)
{
    (void)unused;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return outcome(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}

/* The network */

static int open_socket(const char *numbers)
{
    int family, type, protocol;
    if (sscanf(numbers, "%d %d %d", &family, &type, &protocol) != 3) {
        return EINVAL;
    }
    return outcome(socket(family, type | SOCK_CLOEXEC, protocol));
}

static int take_port(const char *port)
{
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port =
                                   htons((uint16_t)strtol(port, NULL, 10)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return outcome(bind(fd, (struct sockaddr *)&here, sizeof(here)));
}

static int stop_loopback(const char *unused)
{
    (void)unused;
    struct ifreq device = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (ioctl(fd, SIOCGIFFLAGS, &device) == -1) {
        return errno;
    }
    return outcome(ioctl(fd, SIOCSIFFLAGS, &device));
}

static const struct attempt {
    const char *name;          /* as test_sandbox.py has it */
    attempt_function *perform; /* in a process of its own */
    const char *what;          /* its argument, if it has one */
} attempts[] = {
    {"write to /etc", create_in, "/etc"},
    {"write to /usr", create_in, "/usr/bin"},
    {"write to /run", create_in, "/run"},
    {"write to /var", create_in, "/var/lib"},
    {"write to a folder of everybody", create_in, "/srv/everybody"},
    {"write to shared memory", create_in, "/dev/shm"},
    {"write to another user's folder", create_in, "/home/person"},
    {"list /home", list, "/home/person"},
    {"read a file in /home", read_from, "/home/person/letter"},
    {"read a file in /root", read_from, "/root/letter"},
    {"read another user's file", read_from, "/srv/private"},
    {"read another program's temporary file", read_from, "/tmp/of-others"},
    {"read another program's kept temporary file", read_from,
     "/var/tmp/of-others"},
    {"read the passwords", read_from, "/etc/shadow"},
    {"read the keys where root keeps them", read_from,
     "/etc/haplo-poll/keys/app1-q1"},
    {"open a file by its handle", open_by_handle, "/etc/passwd"},
    {"create a device", make_device, "disk"},
    {"open the disk", open_to_write, "/dev/vda"},
    {"read the memory of the machine", read_from, "/dev/mem"},
    {"read the memory of the kernel", read_from, "/proc/kcore"},
    {"attach to a process", attach, NULL},
    {"read the memory of what started it", read_memory, NULL},
    {"open the memory of what started it", read_of_starter, "mem"},
    {"read the environment of what started it", read_of_starter, "environ"},
    {"see another user's process", read_from, "/proc/1/cmdline"},
    {"signal another user's process", signal_first, NULL},
    {"become root", become_root, NULL},
    {"join a group", change_group, NULL},
    {"start a set-user-ID program", start_helper, HELPER},
    {"make a set-user-ID file", make_setuid_file, "program"},
    {"have a capability", has_capability, NULL},
    {"new mount namespace", new_namespace, "00020000"},
    {"new cgroup namespace", new_namespace, "02000000"},
    {"new UTS namespace", new_namespace, "04000000"},
    {"new IPC namespace", new_namespace, "08000000"},
    {"new user namespace", new_namespace, "10000000"},
    {"new PID namespace", new_namespace, "20000000"},
    {"new network namespace", new_namespace, "40000000"},
    {"join a namespace", join_namespace, "/proc/1/ns/net"},
    {"mount", mount_folder, NULL},
    {"change the root", change_root, NULL},
    {"load a module", load_module, NULL},
    {"load a kernel", load_kernel, NULL},
    {"load a BPF program", load_bpf, NULL},
    {"watch the kernel", watch_kernel, NULL},
    {"read the log of the kernel", read_kernel_log, NULL},
    {"open the log of the kernel", open_to_write, "/dev/kmsg"},
    {"change a tunable of the kernel", write_back, "/proc/sys/vm/swappiness"},
    {"change what runs at a crash", write_back,
     "/proc/sys/kernel/core_pattern"},
    {"trigger SysRq", open_to_write, "/proc/sysrq-trigger"},
    {"change a setting in /sys", open_to_write, "/sys/power/pm_async"},
    {"create a cgroup", make_folder, "/sys/fs/cgroup/escaped"},
    {"use hardware ports", use_ports, NULL},
    {"use io_uring", use_io_uring, NULL},
    {"use userfaultfd", use_userfaultfd, NULL},
    {"call as a 32-bit program", call_as_32_bit, NULL},
    {"set the clock", set_clock, NULL},
    {"adjust the clock", adjust_clock, NULL},
    {"set the host name", set_host_name, NULL},
    {"restart the machine", restart_machine, NULL},
    {"stop swapping", stop_swapping, NULL},
    {"raise its priority", raise_priority, NULL},
    {"be real-time", be_real_time, NULL},
    {"allow core dumps", raise_limit, NULL},
    {"change its personality", change_personality, NULL},
    {"map memory to write and execute", map_for_code, NULL},
    {"turn written memory into code", turn_into_code, NULL},
    {"raw IP socket", open_socket, "2 3 1"},
    {"packet socket", open_socket, "17 3 3"},
    {"netlink socket", open_socket, "16 3 0"},
    {"kernel crypto socket", open_socket, "38 5 0"},
    {"take a privileged port", take_port, "80"},
    {"stop loopback", stop_loopback, NULL},
};

static void perform(const struct attempt *attempt, FILE *results)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(ATTEMPT_S_MAX);
        _exit(attempt->perform(attempt->what));
    }
    if (child == -1 || waitpid(child, &status, 0) != child) {
        (void)fprintf(results, "%s: not tried\n", attempt->name);
    } else if (WIFSIGNALED(status)) {
        (void)fprintf(results, "%s: killed by signal %d\n", attempt->name,
                      WTERMSIG(status));
    } else {
        (void)fprintf(results, "%s: %s\n", attempt->name,
                      WEXITSTATUS(status) == 0 ? "escaped"
                                               : strerror(WEXITSTATUS(status)));
    }
    (void)fflush(results);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        return 2;
    }
    bool is_helper = strcmp(argv[1], "--who") == 0;
    FILE *results = fopen(is_helper ? argv[2] : argv[1], "we");
    if (results == NULL) {
        return 1;
    }
    own_folder = argv[2];
    starter = getppid();
    if (is_helper) {
        (void)fputs(geteuid() == 0 ? "root" : "another", results);
        return fclose(results);
    }
    for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
        perform(&attempts[i], results);
    }
    return fclose(results);
}
