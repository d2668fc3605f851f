/* The connection and the host: open and close, what is supported, what the host is made of. */
#include <string.h>

#include "rpc/rpc_priv.h"

/* Clients take calls from this version's interface. */
#define LIB_VERSION 11003000

/* ---- the connection */

static const char *
own_uri(Call *c)
{
    return call_server(c)->paths->session ? "qemu:///session" : "qemu:///system";
}

/* An empty URI leaves the choice to us. Root's daemon serves the session path as well. */
static gboolean
uri_check(Call *c, const char *text, int *ret_from, GError **err)
{
    g_autoptr(GUri) uri = NULL;
    const char *path;

    *ret_from = 0;
    if (!text || !*text)
        return TRUE;
    uri = g_uri_parse(text, G_URI_FLAGS_NONE, NULL);
    if (!uri || strcmp(g_uri_get_scheme(uri), "qemu") != 0)
        return fail(err, ERR_NO_CONNECT, "%s", text);
    *ret_from = FROM_QEMU;
    path = g_uri_get_path(uri);
    if (strcmp(path, "/session") == 0)
        return TRUE;
    if (strcmp(path, "/system") == 0 && !call_server(c)->paths->session)
        return TRUE;
    return fail(err, ERR_INTERNAL, "unexpected QEMU URI path '%s', try %s", path, own_uri(c));
}

static void
connect_open(Call *c)
{
    const ConnectOpenArgs *in = call_in(c);
    ClientState *state = &call_client(c)->state;
    GError *err = NULL;
    int from = FROM_RPC;

    if (state->opened)
        fail(&err, ERR_INTERNAL, "the connection is already open");
    else
        uri_check(c, in->name, &from, &err);
    if (err) {
        call_fail_from(c, from, err);
        return;
    }
    state->opened = TRUE;
    account_opened(call_client(c)->account);
    state->creds.readonly |= in->flags & 1;
    call_reply_none(c);
}

static void
connect_close(Call *c)
{
    Client *client = call_client(c);

    call_reply_none(c);
    client_close(client);
}

/* virDrvFeature; migration is not there yet, so its features are not promised. */
static const guint8 features[] = {
    [8] = 1,  /* descriptors over the socket */
    [9] = 1,  /* strings in typed parameters */
    [10] = 1, /* keepalive */
    [11] = 1, /* XML for another host */
    [14] = 1, /* events with callback ids */
    [15] = 1, /* close callback */
    [16] = 1, /* network update with its arguments in order */
};
#define FEATURE_KEEPALIVE 10

static void
connect_supports_feature(Call *c)
{
    const ConnectSupportsFeatureArgs *in = call_in(c);
    Client *client = call_client(c);
    guint n = (guint)in->feature;
    ConnectSupportsFeatureRet out = { .supported = n < G_N_ELEMENTS(features) ? features[n] : 0 };
    GError *err = NULL;

    if (!client->state.opened && n != FEATURE_KEEPALIVE) {
        fail(&err, ERR_INTERNAL, "feature %d is asked for before CONNECT_OPEN", in->feature);
        call_fail_from(c, FROM_RPC, err);
        return;
    }
    call_reply(c, &out);
    if (n == FEATURE_KEEPALIVE)
        client_start_keepalive(client);
}

static void
auth_list(Call *c)
{
    gint32 none = 0;
    AuthListRet out = { .types = { &none, 1 } };

    call_reply(c, &out);
}

static void
connect_get_type(Call *c)
{
    ConnectGetTypeRet out = { .type = "QEMU" };

    call_reply(c, &out);
}

static void
connect_get_lib_version(Call *c)
{
    ConnectGetLibVersionRet out = { .lib_ver = LIB_VERSION };

    call_reply(c, &out);
}

static void
connect_get_uri(Call *c)
{
    ConnectGetUriRet out = { .uri = own_uri(c) };

    call_reply(c, &out);
}

static void
connect_get_hostname(Call *c)
{
    ConnectGetHostnameRet out = { .hostname = g_get_host_name() };

    call_reply(c, &out);
}

/* Unix sockets do not leave the host. */
static void
connect_is_secure(Call *c)
{
    ConnectIsSecureRet out = { .secure = 1 };

    call_reply(c, &out);
}

/* A proxy tells for whom it speaks. Only root may, and for now only the socket's peer counts. */
static void
connect_set_identity(Call *c)
{
    GError *err = NULL;

    if (call_client(c)->state.creds.uid != 0) {
        fail(&err, ERR_ACCESS_DENIED, "only root may speak for another user");
        call_fail(c, err);
        return;
    }
    call_reply_none(c);
}

/* ---- the host */

static void
node_get_info(Call *c)
{
    HostInfo info;

    host_info(&info);
    NodeGetInfoRet out = {
        .memory = info.memory_kib,
        .cpus = (gint32)info.cpus,
        .mhz = (gint32)info.mhz,
        .nodes = (gint32)info.nodes,
        .sockets = (gint32)info.sockets,
        .cores = (gint32)info.cores,
        .threads = (gint32)info.threads,
    };
    g_strlcpy(out.model, info.arch, sizeof(out.model));
    call_reply(c, &out);
}

static void
node_get_cpu_map(Call *c)
{
    const NodeGetCpuMapArgs *in = call_in(c);
    guint present, online;
    g_autoptr(GByteArray) all = host_cpu_map(TRUE, &present);
    g_autoptr(GByteArray) map = host_cpu_map(FALSE, &online);
    NodeGetCpuMapRet out = { .ret = (gint32)present };

    /* The map covers every CPU that is present. */
    while (map->len < all->len)
        g_byte_array_append(map, (const guint8 *)"", 1);
    if (in->need_map) {
        out.cpumap.v = map->data;
        out.cpumap.n = all->len;
    }
    if (in->need_online)
        out.online = online;
    call_reply(c, &out);
}

static void
node_get_free_memory(Call *c)
{
    NodeGetFreeMemoryRet out = { .free_mem = host_memory_sum("MemFree") * 1024 };

    call_reply(c, &out);
}

static void
node_get_cells_free_memory(Call *c)
{
    const NodeGetCellsFreeMemoryArgs *in = call_in(c);
    gint32 nodes = (gint32)host_nodes();
    NodeGetCellsFreeMemoryRet out = { 0 };
    GError *err = NULL;

    if (in->start_cell < 0 || in->start_cell >= nodes || in->maxcells < 1) {
        fail(&err, ERR_INVALID_ARG, "start cell %d is out of range (0-%d)", in->start_cell,
             nodes - 1);
        call_fail(c, err);
        return;
    }
    out.cells.n = (guint32)MIN(in->maxcells, nodes - in->start_cell);
    out.cells.v = arena_new(call_arena(c), guint64, out.cells.n);
    for (guint32 i = 0; i < out.cells.n; i++)
        if (host_memory_kib(in->start_cell + (gint32)i, "MemFree", &out.cells.v[i]) ||
            host_memory_kib(-1, "MemFree", &out.cells.v[i]))
            out.cells.v[i] *= 1024;
    call_reply(c, &out);
}

static void
node_get_cpu_stats(Call *c)
{
    const NodeGetCpuStatsArgs *in = call_in(c);
    HostCpuTimes t;
    GError *err = NULL;

    if (!host_cpu_times(in->cpu_num, &t, &err)) {
        call_fail(c, err);
        return;
    }
    NodeCpuStat stats[] = {
        { "kernel", t.kernel_ns },
        { "user", t.user_ns },
        { "idle", t.idle_ns },
        { "iowait", t.iowait_ns },
    };
    NodeGetCpuStatsRet out = { .nparams = G_N_ELEMENTS(stats) };
    if (in->nparams > 0) {
        out.params.v = stats;
        out.params.n = (guint32)MIN(in->nparams, out.nparams);
    }
    call_reply(c, &out);
}

static void
node_get_memory_stats(Call *c)
{
    static const struct {
        const char *field;
        const char *line; /* of meminfo */
        gboolean host_only;
    } lines[] = {
        { "total", "MemTotal", FALSE },
        { "free", "MemFree", FALSE },
        { "buffers", "Buffers", TRUE },
        { "cached", "Cached", TRUE },
    };
    const NodeGetMemoryStatsArgs *in = call_in(c);
    NodeMemoryStat stats[G_N_ELEMENTS(lines)];
    NodeGetMemoryStatsRet out = { 0 };
    GError *err = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(lines); i++) {
        NodeMemoryStat *stat = &stats[out.nparams];
        stat->field = lines[i].field;
        if (in->cell_num >= 0 && lines[i].host_only)
            continue;
        if (host_memory_kib(in->cell_num, lines[i].line, &stat->value))
            out.nparams++;
    }
    if (out.nparams == 0) {
        fail(&err, ERR_INVALID_ARG, "the host has no NUMA cell %d", in->cell_num);
        call_fail(c, err);
        return;
    }
    if (in->nparams > 0) {
        out.params.v = stats;
        out.params.n = (guint32)MIN(in->nparams, out.nparams);
    }
    call_reply(c, &out);
}

/* The counts on the wire include the final NUL. */
static void
node_get_security_model(Call *c)
{
    NodeGetSecurityModelRet out = {
        .model = { "none", sizeof("none") },
        .doi = { "0", sizeof("0") },
    };

    call_reply(c, &out);
}

/* Read-only; stock clients of a session also send that they are one: 2, 4. */
enum { OPEN_FLAGS = 7 };

const Method host_methods[] = {
    { ON_NONE(CONNECT_OPEN, connect_open), FLAGS(OPEN_FLAGS), MAY(CONNECT_GETATTR) },
    { ON_NONE(CONNECT_CLOSE, connect_close), MAY_ALL },
    { ON_NONE(CONNECT_SUPPORTS_FEATURE, connect_supports_feature), MAY(CONNECT_GETATTR) },
    { ON_NONE(AUTH_LIST, auth_list), MAY_ALL },
    { ON_NONE(CONNECT_GET_TYPE, connect_get_type), MAY(CONNECT_GETATTR) },
    { ON_NONE(CONNECT_GET_LIB_VERSION, connect_get_lib_version), MAY(CONNECT_GETATTR) },
    { ON_NONE(CONNECT_GET_URI, connect_get_uri), MAY(CONNECT_GETATTR) },
    { ON_NONE(CONNECT_GET_HOSTNAME, connect_get_hostname), MAY(CONNECT_GETATTR) },
    { ON_NONE(CONNECT_IS_SECURE, connect_is_secure), MAY_ALL },
    { ON_NONE(CONNECT_SET_IDENTITY, connect_set_identity), MAY(CONNECT_WRITE) },
    { ON_NONE(NODE_GET_INFO, node_get_info), MAY(CONNECT_READ), KEPT },
    { ON_NONE(NODE_GET_CPU_MAP, node_get_cpu_map), MAY(CONNECT_READ), KEPT },
    { ON_NONE(NODE_GET_FREE_MEMORY, node_get_free_memory), MAY(CONNECT_READ) },
    { ON_NONE(NODE_GET_CELLS_FREE_MEMORY, node_get_cells_free_memory), MAY(CONNECT_READ) },
    { ON_NONE(NODE_GET_CPU_STATS, node_get_cpu_stats), MAY(CONNECT_READ) },
    { ON_NONE(NODE_GET_MEMORY_STATS, node_get_memory_stats), MAY(CONNECT_READ) },
    { ON_NONE(NODE_GET_SECURITY_MODEL, node_get_security_model), MAY(CONNECT_READ) },
    { 0 },
};
