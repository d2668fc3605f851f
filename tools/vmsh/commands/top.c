/* top: what the running domains take, again and again. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmsh/vmsh.h"

typedef struct Usage {
    char *name;
    guint64 cpu_ns, memory, disk, net; /* counters since it started; memory as it is */
} Usage;

static void
usage_free(gpointer data)
{
    Usage *u = data;

    g_free(u->name);
    g_free(u);
}

/* ---- one look */

static guint64
number_of(const Value *v)
{
    switch (v->type) {
    case VALUE_ULLONG:
    case VALUE_LLONG:
        return v->ul;
    case VALUE_UINT:
    case VALUE_INT:
    case VALUE_BOOLEAN:
        return v->u;
    case VALUE_DOUBLE:
    case VALUE_STRING:
        break;
    }
    return 0;
}

static Usage *
usage_read(const DomainStatsRecord *r)
{
    Usage *u = g_new0(Usage, 1);
    guint64 rss = 0;

    u->name = g_strdup(r->dom.name);
    for (guint i = 0; i < r->params.n; i++) {
        const char *field = r->params.v[i].field;
        guint64 n = number_of(&r->params.v[i].value);

        if (strcmp(field, "cpu.time") == 0)
            u->cpu_ns = n;
        else if (strcmp(field, "balloon.rss") == 0)
            rss = n * 1024;
        else if (strcmp(field, "balloon.current") == 0)
            u->memory = n * 1024;
        else if (g_str_has_prefix(field, "block.") &&
                 (g_str_has_suffix(field, ".rd.bytes") || g_str_has_suffix(field, ".wr.bytes")))
            u->disk += n;
        else if (g_str_has_prefix(field, "net.") && g_str_has_suffix(field, ".bytes"))
            u->net += n;
    }
    u->memory = rss ? rss : u->memory;
    return u;
}

static gboolean
look(Shell *s, GHashTable **ret_usages, GError **err)
{
    enum { CPU = 2, BALLOON = 4, INTERFACE = 16, BLOCK = 32, ACTIVE = 1 };
    ConnectGetAllDomainStatsArgs args = { .stats = CPU | BALLOON | INTERFACE | BLOCK,
                                          .flags = ACTIVE };
    ConnectGetAllDomainStatsRet ret = { 0 };
    GHashTable *usages;

    if (!call(s, PROC_CONNECT_GET_ALL_DOMAIN_STATS, &args, &ret, err))
        return FALSE;
    usages = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, usage_free);
    for (guint i = 0; i < ret.ret_stats.n; i++) {
        Usage *u = usage_read(&ret.ret_stats.v[i]);
        g_hash_table_insert(usages, u->name, u);
    }
    *ret_usages = usages;
    return TRUE;
}

/* ---- two of them, compared */

typedef struct Line {
    const char *name;
    double cpu; /* in percent of one processor */
    guint64 memory, disk, net;
} Line;

static const char *const orders[] = { "cpu", "memory", "disk", "net", "name", NULL };

static int
by_order(gconstpointer a, gconstpointer b, gpointer order)
{
    const Line *one = a, *other = b;
    const double keys[][2] = {
        { one->cpu, other->cpu },
        { (double)one->memory, (double)other->memory },
        { (double)one->disk, (double)other->disk },
        { (double)one->net, (double)other->net },
    };
    guint which = GPOINTER_TO_UINT(order);

    if (which < G_N_ELEMENTS(keys) && keys[which][0] != keys[which][1])
        return keys[which][0] > keys[which][1] ? -1 : 1;
    return strcmp(one->name, other->name);
}

static guint64
rate(guint64 before, guint64 now, double seconds)
{
    return now > before ? (guint64)((double)(now - before) / seconds) : 0;
}

static GArray *
compare(GHashTable *before, GHashTable *now, double seconds, guint order)
{
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(Line));
    GHashTableIter i;
    gpointer name, value;

    for (g_hash_table_iter_init(&i, now); g_hash_table_iter_next(&i, &name, &value);) {
        const Usage *u = value, *old = g_hash_table_lookup(before, name);
        Line line = { u->name, 0, u->memory, 0, 0 };

        if (old) {
            line.cpu = (double)rate(old->cpu_ns, u->cpu_ns, seconds) / 1e7;
            line.disk = rate(old->disk, u->disk, seconds);
            line.net = rate(old->net, u->net, seconds);
        }
        g_array_append_val(lines, line);
    }
    g_array_sort_with_data(lines, by_order, GUINT_TO_POINTER(order));
    return lines;
}

static void
print_lines(Shell *s, const GArray *lines)
{
    static const Column columns[] = { { "Name", "name", COLUMN_TEXT },
                                      { "CPU %", "cpu_percent", COLUMN_NUMBER },
                                      { "Memory", "memory", COLUMN_NUMBER },
                                      { "Disk/s", "disk_per_second", COLUMN_NUMBER },
                                      { "Net/s", "net_per_second", COLUMN_NUMBER } };
    g_autoptr(Table) table = table_new(columns, G_N_ELEMENTS(columns));

    for (guint i = 0; i < lines->len; i++) {
        const Line *line = &g_array_index(lines, Line, i);
        g_autofree char *cpu = g_strdup_printf("%.1f", line->cpu);
        g_autofree char *memory = size_cell(line->memory);
        g_autofree char *disk = size_cell(line->disk), *net = size_cell(line->net);
        table_add(table, line->name, cpu, memory, disk, net);
    }
    if (isatty(STDOUT_FILENO) && !s->json)
        put(s, "\033[H\033[2J");
    table_print(s, table);
    fflush(stdout);
}

/* ---- the command */

static char **
complete_orders(Shell *s)
{
    return g_strdupv((char **)orders);
}

static const Option options[] = {
    { "sort", OPTION_STRING, OPTION_NAMED, complete_orders,
      "cpu (default), memory, disk, net, name" },
    { "interval", OPTION_NUMBER, OPTION_NAMED, NULL, "seconds between two looks (default: 2)" },
    { "count", OPTION_NUMBER, OPTION_NAMED, NULL,
      "how often to look (default: until interrupted)" },
    OPTION_END,
};

/* The connection is looked after meanwhile. */
static gboolean
pause_until(Shell *s, gint64 end, GError **err)
{
    for (gint64 left; (left = end - g_get_monotonic_time()) > 0;)
        if (!conn_wait(s->conn, NULL, 0, (int)(left / 1000) + 1, err))
            return FALSE;
    return TRUE;
}

static gboolean
watch(Shell *s, guint order, gint64 interval, gint64 count, GError **err)
{
    g_autoptr(GHashTable) before = NULL;
    gint64 then = g_get_monotonic_time();

    if (!look(s, &before, err))
        return FALSE;
    while (count != 0) {
        g_autoptr(GHashTable) now = NULL;
        g_autoptr(GArray) lines = NULL;
        gint64 time;

        if (!pause_until(s, then + interval * G_USEC_PER_SEC, err) || !look(s, &now, err))
            return FALSE;
        time = g_get_monotonic_time();
        lines = compare(before, now, (double)(time - then) / G_USEC_PER_SEC, order);
        print_lines(s, lines);
        then = time;
        g_hash_table_unref(before);
        before = g_steal_pointer(&now);
        count -= count > 0;
        arena_done(&s->arena);
        arena_init(&s->arena, NULL, 0);
    }
    return TRUE;
}

static gboolean
run(Shell *s, const Args *a, GError **err)
{
    const char *sort = args_flag(a, "sort") ? args_string(a, "sort") : orders[0];
    gint64 interval = 2, count = -1;
    guint order = 0;

    if (!args_number(a, "interval", 1, 3600, &interval, err) ||
        !args_number(a, "count", 1, G_MAXINT32, &count, err))
        return FALSE;
    while (orders[order] && strcmp(orders[order], sort) != 0)
        order++;
    if (!orders[order])
        return refuse(err, "cannot sort by '%s': cpu, memory, disk, net and name are known", sort);
    return watch(s, order, interval, count, err);
}

const Command top_commands[] = {
    { "top", "what the running domains take, again and again",
      "Processor, memory, and what goes to disks and networks in a second, refreshed.", options,
      run, COMMAND_JSON },
    { 0 },
};
