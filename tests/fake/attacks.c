/* What a QEMU tries that its guest has taken over: each line of VMD_ATTACKS is a word and what it
 * is tried on, and each is told on stderr, which is the VM's log, as "attack WORD WHAT: done" or
 * with the errno that stopped it.
 */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each: 0 when it could be done, else an errno. */

static int
opened(int fd)
{
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

static int
try_read(const char *path)
{
    return opened(open(path, O_RDONLY | O_CLOEXEC));
}

static int
try_write(const char *path)
{
    return opened(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
try_folder(const char *path)
{
    return mkdir(path, 0700) < 0 ? errno : 0;
}

static int
try_bind(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

    g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
    err = fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ? errno : 0;
    close(fd);
    return err;
}

/* Somebody who closes at once does not listen. */
static int
try_talk(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 2 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err = 0;
    char byte;

    g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0)
        err = errno;
    else if (recv(fd, &byte, 1, 0) == 0 || errno == ECONNRESET)
        err = ECONNRESET;
    close(fd);
    return err;
}

static int
try_tcp(const char *port)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((guint16)atoi(port)) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    err = fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ? errno : 0;
    close(fd);
    return err;
}

static int
try_signal(const char *pid)
{
    return kill(atoi(pid), 0) < 0 ? errno : 0;
}

static int
try_trace(const char *pid)
{
    if (ptrace(PTRACE_ATTACH, atoi(pid), NULL, NULL) < 0)
        return errno;
    ptrace(PTRACE_DETACH, atoi(pid), NULL, NULL);
    return 0;
}

/* In a child, which it may ruin. */
static int
in_child(int (*act)(const char *what), const char *what)
{
    int status = 0;
    pid_t pid;

    signal(SIGCHLD, SIG_DFL);
    pid = fork();
    if (pid == 0)
        _exit(act(what));
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static int
run_program(const char *path)
{
    execl(path, path, NULL);
    return errno;
}

static int
try_run(const char *path)
{
    return in_child(run_program, path);
}

/* As root of a namespace of users, where that can be had. */
static int
mount_there(const char *folder)
{
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 && unshare(CLONE_NEWNS) < 0)
        return errno;
    return mount("none", folder, "tmpfs", 0, NULL) < 0 ? errno : 0;
}

static int
try_mount(const char *folder)
{
    return in_child(mount_there, folder);
}

static int
become_user(const char *uid)
{
    return setuid((uid_t)atoi(uid)) < 0 ? errno : 0;
}

static int
try_user(const char *uid)
{
    return in_child(become_user, uid);
}

static const struct {
    const char *word;
    int (*act)(const char *what);
} rows[] = {
    { "read", try_read },     { "write", try_write },   { "talk", try_talk },
    { "tcp", try_tcp },       { "signal", try_signal }, { "trace", try_trace },
    { "run", try_run },       { "mount", try_mount },   { "user", try_user },
    { "folder", try_folder }, { "bind", try_bind },
};

static void
attack(const char *word, const char *what)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        int err;
        if (strcmp(rows[i].word, word) != 0)
            continue;
        err = rows[i].act(what);
        fprintf(stderr, "attack %s %s: %s\n", word, what, err ? strerrorname_np(err) : "done");
        return;
    }
    fprintf(stderr, "attack %s: no such word\n", word);
}

void
attacks_run(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, ";", -1);

    for (guint i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(lines[i], " ", 2);
        if (words[0] && words[1])
            attack(words[0], words[1]);
    }
    fprintf(stderr, "attack: over\n");
}
