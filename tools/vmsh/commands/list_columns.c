/* list -o: the columns that somebody wants to see of domains. */
#include <string.h>

#include "vmsh/list.h"

typedef struct ListRow {
    const DomainRef *dom;
    DomainGetInfoRet info;
} ListRow;

/* What a column shows; NULL: nothing. Caller frees. */
typedef char *(*Cell)(Shell *s, const ListRow *row);

static char *
cell_id(Shell *s, const ListRow *row)
{
    return row->dom->id == -1 ? NULL : g_strdup_printf("%d", row->dom->id);
}

static char *
cell_name(Shell *s, const ListRow *row)
{
    return g_strdup(row->dom->name);
}

static char *
cell_uuid(Shell *s, const ListRow *row)
{
    char uuid[UUID_TEXT_LEN];

    uuid_text(row->dom->uuid, uuid);
    return g_strdup(uuid);
}

static char *
cell_state(Shell *s, const ListRow *row)
{
    return g_strdup(domain_state_text((int)row->info.state));
}

static char *
cell_memory(Shell *s, const ListRow *row)
{
    return size_cell(row->info.memory * 1024);
}

static char *
cell_max_memory(Shell *s, const ListRow *row)
{
    return size_cell(row->info.max_mem * 1024);
}

static char *
cell_cpus(Shell *s, const ListRow *row)
{
    return g_strdup_printf("%u", row->info.nr_virt_cpu);
}

static char *
cell_cpu_time(Shell *s, const ListRow *row)
{
    return g_strdup_printf("%.1f", (double)row->info.cpu_time / 1e9);
}

static char *
cell_uptime(Shell *s, const ListRow *row)
{
    const VmdDomainStartedArgs args = { .dom = *row->dom };
    VmdDomainStartedRet ret = { 0 };
    gint64 now = g_get_real_time() / 1000;

    if (row->dom->id == -1 || !call_vmd(s, PROC_VMD_DOMAIN_STARTED, &args, &ret, NULL) || !ret.when)
        return NULL;
    return duration_cell((guint64)MAX(now - ret.when, 0) / 1000);
}

/* From a lease of a network, or else from the host's neighbours. */
static char *
cell_address(Shell *s, const ListRow *row)
{
    return domain_address(s, row->dom);
}

static char *
cell_autostart(Shell *s, const ListRow *row)
{
    DomainGetAutostartArgs args = { .dom = *row->dom };
    DomainGetAutostartRet ret = { 0 };

    return call(s, PROC_DOMAIN_GET_AUTOSTART, &args, &ret, NULL)
               ? g_strdup(ret.autostart ? "yes" : "no")
               : NULL;
}

static char *
cell_persistent(Shell *s, const ListRow *row)
{
    DomainIsPersistentArgs args = { .dom = *row->dom };
    DomainIsPersistentRet ret = { 0 };

    return call(s, PROC_DOMAIN_IS_PERSISTENT, &args, &ret, NULL)
               ? g_strdup(ret.persistent ? "yes" : "no")
               : NULL;
}

static char *
cell_title(Shell *s, const ListRow *row)
{
    enum { METADATA_TITLE = 1 };
    DomainGetMetadataArgs args = { .dom = *row->dom, .type = METADATA_TITLE };
    DomainGetMetadataRet ret = { 0 };

    return call(s, PROC_DOMAIN_GET_METADATA, &args, &ret, NULL) ? g_strdup(ret.metadata) : NULL;
}

static const struct {
    Column column;
    Cell cell;
} known[] = {
    { { "Id", "id", COLUMN_NUMBER }, cell_id },
    { { "Name", "name", COLUMN_TEXT }, cell_name },
    { { "UUID", "uuid", COLUMN_TEXT }, cell_uuid },
    { { "State", "state", COLUMN_TEXT }, cell_state },
    { { "Memory", "memory", COLUMN_NUMBER }, cell_memory },
    { { "Max memory", "max_memory", COLUMN_NUMBER }, cell_max_memory },
    { { "CPUs", "cpus", COLUMN_NUMBER }, cell_cpus },
    { { "CPU time", "cpu_time", COLUMN_NUMBER }, cell_cpu_time },
    { { "Uptime", "uptime", COLUMN_NUMBER }, cell_uptime },
    { { "Address", "address", COLUMN_TEXT }, cell_address },
    { { "Autostart", "autostart", COLUMN_FLAG }, cell_autostart },
    { { "Persistent", "persistent", COLUMN_FLAG }, cell_persistent },
    { { "Title", "title", COLUMN_TEXT }, cell_title },
};

enum { MOST = 32 };

static gboolean
refuse_column(const char *word, GError **err)
{
    const char *names[G_N_ELEMENTS(known) + 1] = { NULL };
    g_autofree char *all = NULL;
    const char *near;

    for (gsize i = 0; i < G_N_ELEMENTS(known); i++)
        names[i] = known[i].column.key;
    near = nearest_word(word, names);
    if (near)
        return refuse(err, "there is no column '%s'; did you mean '%s'?", word, near);
    all = g_strjoinv(",", (char **)names);
    return refuse(err, "there is no column '%s'; there are %s", word, all);
}

/* The rows that words name, in their order. */
static gboolean
columns_parse(const char *text, gsize ret_index[MOST], guint *ret_n, GError **err)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    guint n = 0;

    for (; words[n]; n++) {
        gsize i = 0;

        while (i < G_N_ELEMENTS(known) && strcmp(known[i].column.key, words[n]) != 0)
            i++;
        if (i == G_N_ELEMENTS(known))
            return refuse_column(words[n], err);
        if (n == MOST)
            return refuse(err, "%d columns at most", MOST);
        ret_index[n] = i;
    }
    *ret_n = n;
    return n > 0 || refuse(err, "-o takes names of columns: -o name,state");
}

gboolean
list_columns(Shell *s, const char *text, const ConnectListAllDomainsRet *list, GError **err)
{
    gsize index[MOST];
    Column columns[MOST];
    g_autoptr(Table) table = NULL;
    guint n;

    if (!columns_parse(text, index, &n, err))
        return FALSE;
    for (guint i = 0; i < n; i++)
        columns[i] = known[index[i]].column;
    table = table_new(columns, n);
    for (guint d = 0; d < list->domains.n; d++) {
        DomainGetInfoArgs args = { .dom = list->domains.v[d] };
        ListRow row = { .dom = &list->domains.v[d] };
        char *cells[MOST + 1] = { NULL };

        if (!call(s, PROC_DOMAIN_GET_INFO, &args, &row.info, NULL))
            continue; /* it went away after it was listed */
        for (guint i = 0; i < n; i++)
            cells[i] = known[index[i]].cell(s, &row);
        table_add_cells(table, (const char *const *)cells);
        for (guint i = 0; i < n; i++)
            g_free(cells[i]);
    }
    table_print(s, table);
    return TRUE;
}
