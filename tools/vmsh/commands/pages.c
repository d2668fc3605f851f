/* Commands about the pages of memory that the host gives out. */
#include <stdlib.h>

#include "vmsh/vmsh.h"

static Doc *
host_capabilities(Shell *s, GError **err)
{
    ConnectGetCapabilitiesRet ret = { 0 };

    return call(s, PROC_CONNECT_GET_CAPABILITIES, NULL, &ret, err)
               ? doc_parse(ret.capabilities, err)
               : NULL;
}

/* The numbers that a path finds, each once. */
static GArray *
numbers_of(Doc *doc, const char *each, const char *attribute)
{
    GArray *numbers = g_array_new(FALSE, FALSE, sizeof(guint));
    g_autoptr(GPtrArray) nodes = doc_nodes(doc, NULL, each);

    for (guint i = 0; i < nodes->len; i++) {
        g_autofree char *text = doc_text(doc, nodes->pdata[i], attribute);
        guint number = text ? (guint)strtoul(text, NULL, 10) : 0;
        gboolean known = FALSE;

        for (guint j = 0; j < numbers->len; j++)
            known = known || g_array_index(numbers, guint, j) == number;
        if (text && !known)
            g_array_append_val(numbers, number);
    }
    return numbers;
}

/* In KiB; FALSE when it is none. */
static gboolean
page_size(const Args *a, guint *ret_kib, GError **err)
{
    guint64 bytes = 0;

    if (!args_size(a, "pagesize", 1024, &bytes, err))
        return FALSE;
    if (bytes / 1024 > G_MAXUINT32)
        return refuse(err, "page size %s is too large", args_string(a, "pagesize"));
    *ret_kib = (guint)(bytes / 1024);
    return TRUE;
}

/* ---- freepages */

static const Option freepages_options[] = {
    { "cellno", OPTION_NUMBER, OPTION_NAMED, NULL, "NUMA cell number" },
    { "pagesize", OPTION_NUMBER, OPTION_NAMED, NULL, "page size (in kibibytes)" },
    FLAG("all", "show free pages for all NUMA cells"),
    OPTION_END,
};

static gboolean
count_free(Shell *s, const GArray *sizes, guint cell, json_object *cells, GError **err)
{
    NodeGetFreePagesArgs args = { .start_cell = (gint32)cell, .cell_count = 1 };
    NodeGetFreePagesRet ret = { 0 };
    json_object *of_cell = json_object_new_object();
    g_autofree char *key = g_strdup_printf("%u", cell);

    args.pages.v = (guint32 *)(gpointer)sizes->data;
    args.pages.n = sizes->len;
    json_object_object_add(cells, key, of_cell);
    if (!call(s, PROC_NODE_GET_FREE_PAGES, &args, &ret, err))
        return FALSE;
    for (guint i = 0; i < ret.counts.n && i < sizes->len; i++) {
        g_autofree char *size = g_strdup_printf("%u", g_array_index(sizes, guint, i));
        if (!s->json)
            put(s, "%sKiB: %" G_GUINT64_FORMAT "\n", size, ret.counts.v[i]);
        json_object_object_add(of_cell, size, json_object_new_uint64(ret.counts.v[i]));
    }
    return TRUE;
}

static gboolean
free_of_cells(Shell *s, const GArray *sizes, const GArray *cells, gboolean titles, GError **err)
{
    json_object *all = json_object_new_object();
    gboolean ok = TRUE;

    for (guint i = 0; ok && i < cells->len; i++) {
        guint cell = g_array_index(cells, guint, i);

        if (!s->json && titles)
            put(s, "Node %u:\n", cell);
        ok = count_free(s, sizes, cell, all, err);
        if (ok && !s->json && titles)
            put(s, "\n");
    }
    if (ok && s->json)
        print_json(s, json_object_get(all));
    json_object_put(all);
    return ok;
}

static gboolean
run_freepages(Shell *s, const Args *a, GError **err)
{
    g_autoptr(Doc) doc = NULL;
    g_autoptr(GArray) cells = NULL, sizes = NULL;
    gboolean all = args_flag(a, "all");
    gint64 cell = -1;
    guint size = 0;

    if (!args_exclusive(a, "all", "cellno", err) ||
        !args_number(a, "cellno", 0, G_MAXINT32, &cell, err) || !page_size(a, &size, err))
        return FALSE;
    if (!all && cell < 0)
        return refuse(err, "missing cellno argument");
    if (!all && !size)
        return refuse(err, "missing pagesize argument");
    if (!(doc = host_capabilities(s, err)))
        return FALSE;
    cells = numbers_of(doc, "/capabilities/host/topology/cells/cell", "@id");
    sizes = numbers_of(doc, "/capabilities/host/cpu/pages", "@size");
    if (size) {
        g_array_set_size(sizes, 0);
        g_array_append_val(sizes, size);
    }
    if (!all) {
        guint one = (guint)cell;
        g_array_set_size(cells, 0);
        g_array_append_val(cells, one);
    }
    return free_of_cells(s, sizes, cells, all, err);
}

/* ---- allocpages */

static const Option allocpages_options[] = {
    { "pagesize", OPTION_NUMBER, OPTION_REQUIRED, NULL, "page size (in kibibytes)" },
    { "pagecount", OPTION_NUMBER, OPTION_REQUIRED, NULL, "page count" },
    { "cellno", OPTION_NUMBER, OPTION_NAMED, NULL, "NUMA cell number" },
    FLAG("add", "instead of setting new pool size add pages to it"),
    FLAG("all", "set on all NUMA cells"),
    OPTION_END,
};

static gboolean
run_allocpages(Shell *s, const Args *a, GError **err)
{
    NodeAllocPagesArgs args = { .cell_count = 1, .flags = args_flag(a, "add") };
    NodeAllocPagesRet ret = { 0 };
    NodeGetInfoRet info = { 0 };
    guint64 count;
    gint64 number = 0, cell = -1;
    guint size = 0;

    if (!args_exclusive(a, "all", "cellno", err) ||
        !args_number(a, "cellno", -1, G_MAXINT32, &cell, err) || !page_size(a, &size, err) ||
        !args_number(a, "pagecount", 0, G_MAXINT64, &number, err))
        return FALSE;
    if (args_flag(a, "all") && !call(s, PROC_NODE_GET_INFO, NULL, &info, err))
        return FALSE;
    count = (guint64)number;
    args.start_cell = args_flag(a, "all") ? 0 : (gint32)cell;
    if (args_flag(a, "all"))
        args.cell_count = (guint32)info.nodes;
    args.page_sizes.v = &size;
    args.page_counts.v = &count;
    args.page_sizes.n = args.page_counts.n = 1;
    return call(s, PROC_NODE_ALLOC_PAGES, &args, &ret, err);
}

const Command pages_commands[] = {
    { "allocpages", "Manipulate pages pool size",
      "Allocate or free some pages in the pool for NUMA cell.", allocpages_options,
      run_allocpages },
    { "freepages", "NUMA free pages", "display available free pages for the NUMA cell.",
      freepages_options, run_freepages, COMMAND_JSON },
    { 0 },
};
