/* Any bytes from the monitor of a VM that runs: it was found again and asked what it has become.
 * The first byte says how many bytes come at once. */
#include <stdlib.h>

#include "found.h"

static int
listen_at(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    g_strlcpy(addr.sun_path, path, sizeof addr.sun_path);
    unlink(path);
    g_assert_true(bind(fd, (struct sockaddr *)&addr, sizeof addr) == 0 && listen(fd, 1) == 0);
    return fd;
}

/* The definition names what answers and events are looked up in. */
static const char live[] =
    "<domain type='qemu' id='1'><name>f</name><uuid>" FOUND_UUID "</uuid><memory>1024</memory>"
    "<vcpu>2</vcpu><iothreads>1</iothreads><os><type arch='x86_64' machine='pc'>hvm</type></os>"
    "<devices><emulator>/bin/false</emulator>"
    "<disk type='file' device='cdrom'><source file='/x'/><target dev='sda' bus='sata'/>"
    "<alias name='sata0-0-0'/></disk>"
    "<serial type='pty'><source path='/dev/pts/9'/><alias name='serial0'/></serial>"
    "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/>"
    "<alias name='channel0'/></channel>"
    "<memballoon model='virtio'><alias name='balloon0'/></memballoon></devices></domain>";

static void
answer_first(int fd)
{
    char asked[4096] = "";
    gssize n = recv(fd, asked, sizeof asked - 1, MSG_DONTWAIT);
    const char *id = n > 0 ? strstr(asked, "\"id\":") : NULL;
    g_autofree char *answer = g_strdup_printf("{\"QMP\": {}}\n{\"return\": {}, \"id\": %d}\n",
                                              id ? atoi(id + strlen("\"id\":")) : 0);

    g_assert_nonnull(id);
    g_assert_true(send(fd, answer, strlen(answer), MSG_NOSIGNAL) > 0);
    found_turns(2);
}

static void
speak(int fd, const guint8 *data, gsize size, gsize at_once)
{
    for (gsize at = 0; at < size; at += at_once) {
        if (send(fd, data + at, MIN(at_once, size - at), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
        found_turns(1);
    }
    found_turns(3);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autofree char *monitor = g_build_filename(found.dir, "monitor", NULL);
    g_autofree char *live_path = g_build_filename(found.dir, "live.xml", NULL);
    g_autofree char *text = NULL;
    pid_t pid;
    int listening, fd;

    if (size < 2)
        return 0;
    pid = found_qemu();
    listening = listen_at(monitor);
    text = g_strdup_printf(
        "{\"name\": \"f\", \"id\": 1, \"persistent\": false, \"state\": 1, "
        "\"run\": {\"complete\": true, \"pid\": %d, \"start_time\": %" G_GUINT64_FORMAT "}}",
        (int)pid, process_start_time(pid));
    {
        g_autofree char *path = g_build_filename(found.dir, "status", NULL);
        found_write(path, (const guint8 *)text, strlen(text));
    }
    found_write(live_path, (const guint8 *)live, strlen(live));
    g_assert_true(recover_all(NULL));
    fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    g_assert_true(fd >= 0);
    found_turns(2);
    if (data[0] & 1)
        answer_first(fd);
    speak(fd, data + 1, size - 1, (gsize)data[0] * 8 + 8);
    close(fd);
    close(listening);
    found_end(pid);
    return 0;
}
