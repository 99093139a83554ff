/* sandbox_probe: run in the daemon's place under its unit, says what the sandbox lets it do.
 *
 * Usage: sandbox_probe STATE_DIR CONFIG_FILE PORT. One line for each thing tried: "forbidden WHAT",
 * "possible WHAT", "works WHAT" or "broken WHAT: WHY". The first two are of what the daemon must
 * not be able to do, the last two of what it needs. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cobi/base/cleanup.h"
#include "cobi/base/text.h"

static const char *state_dir, *config_file;
static uint16_t port;

/* 0 or more: it can be done. */
static int kept(int result) {
    return result < 0 ? -errno : 0;
}

static int opened(const char *path, int flags) {
    _cleanup_close_ int fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0600);
    return fd < 0 ? -errno : 0;
}

static int executed(const char *path) {
    pid_t child = fork();
    int status = 0;
    if (child < 0) {
        return -errno;
    }
    if (child == 0) {
        int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
        (void)dup2(quiet, STDOUT_FILENO); /* what it says does not matter */
        execl(path, path, "--version", (char *)NULL);
        _exit(errno);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == EACCES ? -EACCES : 0;
}

static int socket_of(int family, int type, int protocol) {
    _cleanup_close_ int fd = socket(family, type | SOCK_CLOEXEC, protocol);
    return fd < 0 ? -errno : 0;
}

static int created(const char *folder) {
    char path[256];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/cobid-probe", folder);
    int r = opened(path, O_WRONLY | O_CREAT);
    if (r == 0) {
        (void)unlink(path); /* only to see whether */
    }
    return r;
}

/* ---- what must be forbidden ---- */

static int run_shell(void) {
    return executed("/bin/sh");
}
static int run_python(void) {
    return executed("/usr/bin/env");
}
static int run_written_to(const char *folder) {
    char path[256];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/cobid-probe-run", folder);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
    int r = fd < 0 ? -errno : kept((int)write(fd, "#!/bin/sh\n", 10));
    if (fd >= 0) {
        (void)close(fd);
        r = r < 0 ? r : executed(path);
        (void)unlink(path); /* made only for this */
    }
    return r;
}
static int run_own_file(void) {
    return run_written_to(state_dir);
}
static int run_temporary_file(void) {
    return run_written_to("/tmp");
}
static int run_memory(void) {
    int memory = memfd_create("probe", MFD_CLOEXEC), self = open("/bin/true", O_RDONLY | O_CLOEXEC);
    char bytes[4096], path[64];
    ssize_t length;
    if (memory < 0 || self < 0) {
        return -errno;
    }
    while ((length = read(self, bytes, sizeof bytes)) > 0) {
        if (write(memory, bytes, (size_t)length) != length) {
            return -errno;
        }
    }
    struct text t = TEXT_IN(path);
    text_addf(&t, "/proc/self/fd/%d", memory);
    return executed(path);
}
static int write_etc(void) {
    return created("/etc");
}
static int write_usr(void) {
    return created("/usr");
}
static int write_home(void) {
    return created("/home");
}
static int write_var(void) {
    return created("/var/lib");
}
static int write_root(void) {
    return created("/root");
}
static int write_run(void) {
    return created("/run");
}
static int write_config(void) {
    return opened(config_file, O_WRONLY);
}
static int write_kernel(void) {
    return opened("/proc/sys/kernel/core_pattern", O_WRONLY);
}
static int write_cgroup(void) {
    return created("/sys/fs/cgroup");
}
static int read_shadow(void) {
    return opened("/etc/shadow", O_RDONLY);
}
static int read_root(void) {
    return opened("/root/secret", O_RDONLY);
}
static int read_home(void) {
    return opened("/home/secret", O_RDONLY);
}
static int read_var(void) {
    return opened("/var/lib/secret", O_RDONLY);
}
static int read_first_process(void) {
    return opened("/proc/1/cmdline", O_RDONLY);
}
static int read_kernel_log(void) {
    return opened("/dev/kmsg", O_RDONLY);
}
static int read_disk(void) {
    return opened("/dev/sda", O_RDONLY);
}
static int raw_socket(void) {
    return socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static int packet_socket(void) {
    return socket_of(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
}
static int netlink_socket(void) {
    return socket_of(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
}
static int trace(void) {
    return kept((int)ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}
static int mounting(void) {
    return kept(mount("none", "/tmp", "tmpfs", 0, NULL));
}
static int unmounting(void) {
    return kept(umount2("/proc", MNT_DETACH));
}
static int new_user_namespace(void) {
    return kept((int)syscall(SYS_unshare, CLONE_NEWUSER));
}
static int become_root(void) {
    return kept(setuid(0));
}
static int become_root_group(void) {
    return kept(setgid(0));
}
static int set_clock(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
    return kept(clock_settime(CLOCK_REALTIME, &now));
}
static int adjust_clock(void) {
    struct timex t = {.modes = ADJ_FREQUENCY};
    return kept(adjtimex(&t));
}
static int load_module(void) {
    return kept((int)syscall(SYS_init_module, "", 0UL, ""));
}
static int load_program(void) {
    return kept((int)syscall(SYS_bpf, 0, NULL, 0));
}
static int watch_performance(void) {
    return kept((int)syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0UL));
}
static int use_keyring(void) {
    return kept((int)syscall(SYS_keyctl, 0, -3, 0));
}
static int reboot_machine(void) {
    return kept((int)syscall(SYS_reboot, 0, 0, 0, NULL)); /* wrong magic: EINVAL at most */
}
static int set_host_name(void) {
    return kept(sethostname("probe", 5));
}
static int change_root(void) {
    return kept(chroot("/"));
}
static int make_device(void) {
    return kept(mknod("/tmp/probe-null", S_IFCHR | 0600, (dev_t)0x103));
}
static int write_and_execute(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    return page == MAP_FAILED ? -errno : 0;
}
static int make_executable(void) {
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return page == MAP_FAILED ? -errno : kept(mprotect(page, 4096, PROT_READ | PROT_EXEC));
}
static int real_time_priority(void) {
    const struct sched_param p = {.sched_priority = 1};
    return kept(sched_setscheduler(0, SCHED_FIFO, &p));
}
static int set_user_id_bit(void) {
    char path[256];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/cobid-probe-suid", state_dir);
    int r = opened(path, O_WRONLY | O_CREAT);
    r = r < 0 ? r : kept(chmod(path, S_ISUID | 0755));
    (void)unlink(path); /* made only for this */
    return r;
}
static int other_personality(void) {
    return kept((int)syscall(SYS_personality, 0x0008000)); /* PER_LINUX32's bit */
}
static int more_files(void) {
    const struct rlimit wanted = {1048576, 1048576};
    return kept(setrlimit(RLIMIT_NOFILE, &wanted));
}
static int dump_core(void) {
    struct rlimit core;
    return getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0 ? -EPERM : 0;
}
static int regain_privileges(void) {
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? -EPERM : 0;
}

/* ---- what must work ---- */

static int connect_to_web(void) {
    const struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : kept(connect(fd, (const struct sockaddr *)&there, sizeof there));
}
static int internet_socket(void) {
    return socket_of(AF_INET6, SOCK_STREAM, 0);
}
static int unix_socket(void) {
    return socket_of(AF_UNIX, SOCK_DGRAM, 0);
}
static int ask_names(void) {
    return socket_of(AF_INET, SOCK_DGRAM, 0);
}
static int write_state(void) {
    char path[256];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/cobid-probe-state", state_dir);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, "x", 1) != 1 || fdatasync(fd) < 0 || ftruncate(fd, 0) < 0) {
        return -errno;
    }
    return kept(unlink(path));
}
static int map_state(void) {
    char path[256];
    struct text t = TEXT_IN(path);
    text_addf(&t, "%s/cobid-probe-map", state_dir);
    _cleanup_close_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) < 0 ||
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED) {
        return -errno;
    }
    return kept(unlink(path));
}
static int read_config(void) {
    return opened(config_file, O_RDONLY);
}
static int read_zones(void) {
    return opened("/usr/share/zoneinfo/Europe/London", O_RDONLY);
}
static int write_own_temporary(void) {
    return created("/tmp");
}
static void *nothing(void *user) {
    return user;
}
static int start_thread(void) {
    pthread_t thread;
    int error = pthread_create(&thread, NULL, nothing, NULL);
    return error != 0 ? -error : -pthread_join(thread, NULL);
}
static int lock_memory(void) {
    static char page[4096];
    return kept(mlock(page, sizeof page));
}
static int arm_timer(void) {
    _cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
    const struct itimerspec when = {.it_value = {.tv_sec = 4102444800}};
    return fd < 0 ? -errno
                  : kept(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when,
                                         NULL));
}

struct attempt {
    const char *what;
    int (*make)(void);
};
static const struct attempt forbidden[] = {
    {"run a shell", run_shell},
    {"run another program", run_python},
    {"run a file it wrote", run_own_file},
    {"run a temporary file", run_temporary_file},
    {"run a program from memory", run_memory},
    {"write /etc", write_etc},
    {"write /usr", write_usr},
    {"write /home", write_home},
    {"write /root", write_root},
    {"write /var", write_var},
    {"write /run", write_run},
    {"write its configuration", write_config},
    {"write a kernel setting", write_kernel},
    {"write the control groups", write_cgroup},
    {"read /etc/shadow", read_shadow},
    {"read root's files", read_root},
    {"read a user's files", read_home},
    {"read another service's state", read_var},
    {"see another process", read_first_process},
    {"read the kernel's log", read_kernel_log},
    {"read a disk", read_disk},
    {"open a raw socket", raw_socket},
    {"open a packet socket", packet_socket},
    {"open a netlink socket", netlink_socket},
    {"trace", trace},
    {"mount", mounting},
    {"unmount", unmounting},
    {"make a user namespace", new_user_namespace},
    {"become root", become_root},
    {"join root's group", become_root_group},
    {"set the clock", set_clock},
    {"bend the clock", adjust_clock},
    {"load a module", load_module},
    {"load a kernel program", load_program},
    {"watch performance", watch_performance},
    {"use the keyring", use_keyring},
    {"reboot", reboot_machine},
    {"set the host's name", set_host_name},
    {"change the root", change_root},
    {"make a device", make_device},
    {"map memory to write and execute", write_and_execute},
    {"make memory executable", make_executable},
    {"take real-time priority", real_time_priority},
    {"make a file set-user-ID", set_user_id_bit},
    {"change its personality", other_personality},
    {"raise its limits", more_files},
    {"dump core", dump_core},
    {"gain privileges by executing", regain_privileges},
};
static const struct attempt needed[] = {
    {"connect to the loopback", connect_to_web},
    {"open an internet socket", internet_socket},
    {"open a unix socket", unix_socket},
    {"ask for names", ask_names},
    {"write and sync its state", write_state},
    {"map its state", map_state},
    {"read its configuration", read_config},
    {"read time zones", read_zones},
    {"write a temporary file of its own", write_own_temporary},
    {"start a thread", start_thread},
    {"lock memory", lock_memory},
    {"arm a timer", arm_timer},
};

/* In a child, so that one attempt cannot change the next. Returns 0 or a negative errno. */
static int try_apart(int (*make)(void)) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(-make() & 0xff);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) ? -WEXITSTATUS(status) : -EFAULT;
}

int main(int argc, char **argv) {
    if (argc != 4 || geteuid() == 0) {
        return 2; /* root could do harm with what is tried here */
    }
    state_dir = argv[1];
    config_file = argv[2];
    port = (uint16_t)strtoul(argv[3], NULL, 10);
    for (size_t i = 0; i < ARRAY_COUNT(forbidden); i++) {
        int r = try_apart(forbidden[i].make);
        printf("%s %s (%s)\n", r < 0 ? "forbidden" : "possible", forbidden[i].what, strerror(-r));
    }
    for (size_t i = 0; i < ARRAY_COUNT(needed); i++) {
        int r = try_apart(needed[i].make);
        printf("%s %s (%s)\n", r < 0 ? "broken" : "works", needed[i].what, strerror(-r));
    }
    printf("tried %zu\n", ARRAY_COUNT(forbidden) + ARRAY_COUNT(needed));
    return 0;
}
