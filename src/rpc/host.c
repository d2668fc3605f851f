/* What the host is made of, read from /proc and /sys when asked. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "rpc_priv.h"

#define CPU_DIR  "/sys/devices/system/cpu"
#define NODE_DIR "/sys/devices/system/node"
#define CPU_MAX  65536

static char *
read_small(const char *path)
{
    char *text = NULL;
    gsize len;

    return file_read(path, 1024 * 1024, &text, &len, NULL) ? text : NULL;
}

static int
read_number(const char *path, int otherwise)
{
    g_autofree char *text = read_small(path);

    return text ? atoi(text) : otherwise;
}

/* ---- files of one value */

char *
host_text(const char *path)
{
    char *text = read_small(path);

    return text ? g_strstrip(text) : NULL;
}

gboolean
host_number(const char *path, guint64 *ret_value)
{
    g_autofree char *text = host_text(path);

    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, ret_value, NULL);
}

gboolean
host_write(const char *path, const char *text, GError **err)
{
    fd_auto fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return fail_errno(err, errno, "cannot write '%s' to %s", text, path);
    return TRUE;
}

/* ---- lists of CPUs: "0-3,8" */

static GByteArray *
parse_cpu_list(const char *text, guint *ret_cpus)
{
    GByteArray *map = g_byte_array_new();

    *ret_cpus = 0;
    while (text && g_ascii_isdigit(*text)) {
        char *end;
        gulong first = strtoul(text, &end, 10);
        gulong last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        for (gulong cpu = first; cpu <= last && cpu < CPU_MAX; cpu++) {
            while (map->len <= cpu / 8)
                g_byte_array_append(map, (const guint8 *)"", 1);
            map->data[cpu / 8] |= (guint8)(1 << (cpu % 8));
            ++*ret_cpus;
        }
        text = *end == ',' ? end + 1 : NULL;
    }
    return map;
}

static guint
map_len(const GByteArray *map)
{
    for (guint cpu = map->len * 8; cpu > 0; cpu--)
        if (map->data[(cpu - 1) / 8] & (1 << ((cpu - 1) % 8)))
            return cpu;
    return 0;
}

GByteArray *
host_cpu_map(gboolean present, guint *ret_cpus)
{
    g_autofree char *text = read_small(present ? CPU_DIR "/present" : CPU_DIR "/online");

    if (text)
        return parse_cpu_list(text, ret_cpus);
    g_autofree char *all = g_strdup_printf("0-%ld", sysconf(_SC_NPROCESSORS_CONF) - 1);
    return parse_cpu_list(all, ret_cpus);
}

guint
host_nodes(void)
{
    g_autofree char *text = read_small(NODE_DIR "/online");
    guint nodes;
    g_autoptr(GByteArray) map = parse_cpu_list(text, &nodes);

    return MAX(1, map_len(map));
}

/* ---- memory */

gboolean
host_memory_kib(int node, const char *what, guint64 *ret_kib)
{
    g_autofree char *path = node < 0 ? g_strdup("/proc/meminfo")
                                     : g_strdup_printf(NODE_DIR "/node%d/meminfo", node);
    g_autofree char *text = read_small(path);
    g_autofree char *label = g_strconcat(what, ":", NULL);
    const char *at = text ? strstr(text, label) : NULL;

    /* "MemTotal:" must not be found inside "SwapMemTotal:". */
    while (at && at != text && at[-1] != '\n' && at[-1] != ' ')
        at = strstr(at + 1, label);
    if (!at)
        return FALSE;
    *ret_kib = g_ascii_strtoull(at + strlen(label), NULL, 10);
    return TRUE;
}

guint64
host_memory_sum(const char *what)
{
    guint nodes = host_nodes();
    guint64 sum = 0, kib;

    for (guint i = 0; i < nodes; i++)
        if (host_memory_kib((int)i, what, &kib))
            sum += kib;
    if (sum == 0 && host_memory_kib(-1, what, &kib))
        sum = kib;
    return sum;
}

/* ---- processors */

static guint
cpu_mhz(void)
{
    g_autofree char *text = read_small("/proc/cpuinfo");
    const char *at = text ? strstr(text, "cpu MHz") : NULL;

    at = at ? strchr(at, ':') : NULL;
    return at ? (guint)g_ascii_strtod(at + 1, NULL) : 0;
}

typedef struct HostTopology {
    GHashTable *sockets; /* package id */
    GHashTable *cores;   /* package id and core id */
    guint threads;       /* most siblings of a core */
} HostTopology;

static void
topology_add(HostTopology *t, guint cpu)
{
    g_autofree char *dir = g_strdup_printf(CPU_DIR "/cpu%u/topology/", cpu);
    g_autofree char *package_path = g_strconcat(dir, "physical_package_id", NULL);
    g_autofree char *core_path = g_strconcat(dir, "core_id", NULL);
    g_autofree char *siblings_path = g_strconcat(dir, "thread_siblings_list", NULL);
    g_autofree char *siblings = read_small(siblings_path);
    guint package = (guint)read_number(package_path, 0);
    guint core = (guint)read_number(core_path, (int)cpu);
    guint threads = 1;

    if (siblings)
        g_byte_array_unref(parse_cpu_list(siblings, &threads));
    g_hash_table_add(t->sockets, GUINT_TO_POINTER(package));
    g_hash_table_add(t->cores, GUINT_TO_POINTER(package << 16 | (core & 0xffff)));
    t->threads = MAX(t->threads, threads);
}

/* Clients multiply the four numbers: when they do not make the count of CPUs, as on a host with
 * some switched off, one flat socket does. */
static void
fill_topology(HostInfo *info, const GByteArray *online)
{
    HostTopology t = { g_hash_table_new(NULL, NULL), g_hash_table_new(NULL, NULL), 1 };

    for (guint cpu = 0; cpu < online->len * 8; cpu++)
        if (online->data[cpu / 8] & (1 << (cpu % 8)))
            topology_add(&t, cpu);
    guint packages = MAX(1, g_hash_table_size(t.sockets));
    info->sockets = MAX(1, packages / info->nodes);
    info->cores = g_hash_table_size(t.cores) / packages;
    info->threads = t.threads;
    if (info->nodes * info->sockets * info->cores * info->threads != info->cpus) {
        info->nodes = info->sockets = info->threads = 1;
        info->cores = info->cpus;
    }
    g_hash_table_unref(t.sockets);
    g_hash_table_unref(t.cores);
}

void
host_info(HostInfo *ret_info)
{
    struct utsname name;
    g_autoptr(GByteArray) online = host_cpu_map(FALSE, &ret_info->cpus);

    uname(&name);
    memset(ret_info->arch, 0, sizeof(ret_info->arch));
    g_strlcpy(ret_info->arch, name.machine, sizeof(ret_info->arch));
    ret_info->nodes = host_nodes();
    ret_info->memory_kib = host_memory_sum("MemTotal");
    ret_info->mhz = cpu_mhz();
    fill_topology(ret_info, online);
}

gboolean
host_cpu_times(int cpu, HostCpuTimes *ret_times, GError **err)
{
    g_autofree char *text = read_small("/proc/stat");
    g_autofree char *label = cpu < 0 ? g_strdup("cpu ") : g_strdup_printf("cpu%d ", cpu);
    const char *at = text ? strstr(text, label) : NULL;
    guint64 ticks[7] = { 0 }; /* user nice system idle iowait irq softirq */
    guint64 tick_ns = 1000000000 / (guint64)sysconf(_SC_CLK_TCK);

    if (!at)
        return fail(err, ERR_INVALID_ARG, "the host has no CPU %d", cpu);
    char *end = (char *)at + strlen(label);
    for (gsize i = 0; i < G_N_ELEMENTS(ticks); i++)
        ticks[i] = g_ascii_strtoull(end, &end, 10);
    *ret_times = (HostCpuTimes){
        .user_ns = (ticks[0] + ticks[1]) * tick_ns,
        .kernel_ns = (ticks[2] + ticks[5] + ticks[6]) * tick_ns,
        .idle_ns = ticks[3] * tick_ns,
        .iowait_ns = ticks[4] * tick_ns,
    };
    return TRUE;
}
