/* Any bytes from a client: a connection of a real server reads them. The lengths of messages are
 * set right, for a wrong one only ends the connection. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/host.h"
#include "network/network.h"
#include "qemu/qemu.h"
#include "rpc/rpc_priv.h"
#include "storage/storage.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

/* What starts emulators is left out: it would be fuzzing them, slowly. So is what changes the host:
 * its memory would become huge pages that nobody asked for, networks would have bridges, and pools
 * folders anywhere. */
static const gint32 left_out[] = {
    PROC_CONNECT_GET_CAPABILITIES,
    PROC_CONNECT_GET_DOMAIN_CAPABILITIES,
    PROC_CONNECT_GET_VERSION,
    PROC_CONNECT_GET_MAX_VCPUS,
    PROC_CONNECT_DOMAIN_XML_TO_NATIVE,
    PROC_DOMAIN_DEFINE_XML,
    PROC_DOMAIN_DEFINE_XML_FLAGS,
    PROC_DOMAIN_CREATE_XML,
    PROC_NETWORK_DEFINE_XML,
    PROC_NETWORK_DEFINE_XML_FLAGS,
    PROC_NETWORK_CREATE_XML,
    PROC_NETWORK_CREATE_XML_FLAGS,
    PROC_STORAGE_POOL_DEFINE_XML,
    PROC_STORAGE_POOL_CREATE_XML,
    PROC_NODE_ALLOC_PAGES,
    PROC_NODE_SET_MEMORY_PARAMETERS,
};

static Server *
server_get(void)
{
    static Server *server;
    static Paths paths;

    if (!server) {
        g_autofree char *root = g_dir_make_tmp("vmd-fuzz-XXXXXX", NULL);
        log_init(LOG_LEVEL_ERROR);
        paths_init_system(&paths, root);
        bus_init(BUS_NONE);
        objects_init(&paths);
        g_assert_true(paths_make(&paths, NULL) && storage_init(&paths, NULL));
        devices_init();
        g_assert_true(network_init(&paths, NULL) && qemu_init(&paths, NULL));
        server = server_new(&paths, NULL, NULL, NULL);
        g_assert_nonnull(server);
        for (gsize i = 0; i < G_N_ELEMENTS(left_out); i++)
            server->remote[left_out[i]] = (Slot){ 0 };
    }
    return server;
}

/* Each message: a byte with its length in words, then the message without its length field. */
static void
send_messages(int fd, const guint8 *data, size_t size)
{
    while (size > 0) {
        gsize body = MIN((gsize)data[0] * 4, size - 1);
        guint32 length = GUINT32_TO_BE((guint32)body + 4);

        if (send(fd, &length, 4, MSG_DONTWAIT | MSG_NOSIGNAL) != 4 ||
            send(fd, data + 1, body, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)body)
            return;
        data += 1 + body;
        size -= 1 + body;
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    static const Creds creds = { .uid = 0 };
    /* AUTH_LIST is not needed; CONNECT_OPEN without a URI is. */
    static const guint8 open[] = { 8, 0x20, 0, 0x80, 0x86, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0,
                                   0, 0,    0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    Server *s = server_get();
    int ends[2];

    g_assert_true(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    client_new(s, ends[0], &creds, account_new(s->budgets, creds.uid, TRUE));
    send_messages(ends[1], open, sizeof(open));
    send_messages(ends[1], data, size);
    shutdown(ends[1], SHUT_WR);
    for (int i = 0; i < 10000 && server_n_clients(s) > 0; i++)
        g_main_context_iteration(NULL, FALSE);
    close(ends[1]);
    while (server_n_clients(s) > 0)
        g_main_context_iteration(NULL, FALSE);
    return 0;
}
