/* The host's memory by the page, what merges pages, and what its firmware says it is. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "on_domain.h"

/* ---- pages */

#define SMALL_PAGE_KIB ((guint)sysconf(_SC_PAGESIZE) / 1024)

/* Of a node, or of the host for node -1. */
static char *
huge_page_path(int node, guint kib, const char *file)
{
    return node < 0 ? g_strdup_printf("/sys/kernel/mm/hugepages/hugepages-%ukB/%s", kib, file)
                    : g_strdup_printf("/sys/devices/system/node/node%d/hugepages/"
                                      "hugepages-%ukB/%s",
                                      node, kib, file);
}

static gboolean
free_pages(int node, guint kib, guint64 *ret_count, GError **err)
{
    g_autofree char *path = huge_page_path(node, kib, "free_hugepages");
    guint64 free_kib;

    if (kib == SMALL_PAGE_KIB && (host_memory_kib(node, "MemFree", &free_kib) ||
                                  host_memory_kib(-1, "MemFree", &free_kib))) {
        *ret_count = free_kib / kib;
        return TRUE;
    }
    if (kib != SMALL_PAGE_KIB && host_number(path, ret_count))
        return TRUE;
    return fail(err, ERR_OPERATION_FAILED, "page size %u is not available on node %d", kib, node);
}

static gboolean
fill_free_pages(const NodeGetFreePagesArgs *in, guint64 *counts, guint32 *ret_n, GError **err)
{
    gint32 nodes = (gint32)host_nodes();
    gint32 first = in->start_cell;
    gint32 last = first < 0 ? first : MIN(nodes, first + (gint32)MIN(in->cell_count, 1024u)) - 1;
    guint32 n = 0;

    if (in->cell_count == 0)
        return fail(err, ERR_INVALID_ARG, "the number of cells must not be 0");
    if (first >= nodes)
        return fail(err, ERR_INTERNAL, "start cell %d out of range (0-%d)", first, nodes - 1);
    for (gint32 node = first; node <= last; node++)
        for (guint32 i = 0; i < in->pages.n; i++)
            if (!free_pages(node, in->pages.v[i], &counts[n++], err))
                return FALSE;
    *ret_n = n;
    return TRUE;
}

static void
get_free_pages(Call *c)
{
    const NodeGetFreePagesArgs *in = call_in(c);
    gsize most = (gsize)in->pages.n * MAX(host_nodes(), 1);
    NodeGetFreePagesRet out = { .counts = { arena_new(call_arena(c), guint64, most), 0 } };
    GError *err = NULL;

    if (fill_free_pages(in, out.counts.v, &out.counts.n, &err))
        call_reply(c, &out);
    else
        call_fail(c, err);
}

/* All of them or none: what the kernel found of too many is given back. */
static gboolean
set_pages(int node, guint kib, guint64 count, gboolean add, GError **err)
{
    g_autofree char *path = huge_page_path(node, kib, "nr_hugepages");
    g_autofree char *wanted = NULL, *before = NULL;
    guint64 had, has;

    if (kib == SMALL_PAGE_KIB || !host_number(path, &had))
        return fail(err, ERR_OPERATION_FAILED, "page size %u is not available on node %d", kib,
                    node);
    if (add && count > G_MAXUINT64 - had)
        return fail(err, ERR_OVERFLOW, "%" G_GUINT64_FORMAT " more pages of %u KiB on node %d",
                    count, kib, node);
    count += add ? had : 0;
    wanted = g_strdup_printf("%" G_GUINT64_FORMAT, count);
    before = g_strdup_printf("%" G_GUINT64_FORMAT, had);
    if (!host_write(path, wanted, err) || !host_number(path, &has))
        return FALSE;
    if (has == count)
        return TRUE;
    host_write(path, before, NULL);
    return fail(err, ERR_OPERATION_FAILED,
                "of %s pages of %u KiB on node %d the kernel could allocate %" G_GUINT64_FORMAT,
                wanted, kib, node, has);
}

typedef struct PageOrder {
    gint32 first_node;
    guint32 nodes;
    guint32 n; /* of sizes and counts */
    guint32 *sizes;
    guint64 *counts;
    gboolean add;
} PageOrder;

static void
order_free(gpointer data)
{
    PageOrder *o = data;

    g_free(o->sizes);
    g_free(o->counts);
    g_free(o);
}

/* In a worker: the kernel moves memory about until it has that many in a row. Returns how many
 * orders were met. */
static gpointer
order_fill(gpointer data, GError **err)
{
    const PageOrder *o = data;
    gint met = 0;

    for (guint32 node = 0; node < o->nodes; node++)
        for (guint32 i = 0; i < o->n; i++, met++)
            if (!set_pages(o->first_node + (gint32)node, o->sizes[i], o->counts[i], o->add, err))
                return NULL;
    return GINT_TO_POINTER(met);
}

static void
on_order_filled(gpointer met, const GError *err, gpointer user)
{
    NodeAllocPagesRet out = { .ret = GPOINTER_TO_INT(met) };

    if (err)
        call_fail(user, g_error_copy(err));
    else
        call_reply((Call *)user, &out);
}

enum { PAGES_SET = 1 };

static void
alloc_pages(Call *c)
{
    const NodeAllocPagesArgs *in = call_in(c);
    gint32 nodes = (gint32)host_nodes();
    GError *err = NULL;
    PageOrder *o;

    if (in->start_cell >= nodes) {
        fail(&err, ERR_INVALID_ARG, "start cell %d out of range (0-%d)", in->start_cell, nodes - 1);
        call_fail(c, err);
        return;
    }
    o = g_new0(PageOrder, 1);
    o->first_node = MAX(in->start_cell, -1);
    o->nodes = in->start_cell < 0 ? 1 : MIN(in->cell_count, (guint32)(nodes - in->start_cell));
    o->n = MIN(in->page_sizes.n, in->page_counts.n);
    o->sizes = g_memdup2(in->page_sizes.v, o->n * sizeof(*o->sizes));
    o->counts = g_memdup2(in->page_counts.v, o->n * sizeof(*o->counts));
    o->add = !(in->flags & PAGES_SET);
    offload(order_fill, o, order_free, on_order_filled, c);
}

/* ---- merging of equal pages */

static const struct {
    const char *name, *file;
    gboolean wide; /* ullong, else uint */
    gboolean writable;
} ksm_rows[] = {
    { "shm_pages_to_scan", "pages_to_scan", FALSE, TRUE },
    { "shm_sleep_millisecs", "sleep_millisecs", FALSE, TRUE },
    { "shm_pages_shared", "pages_shared", TRUE, FALSE },
    { "shm_pages_sharing", "pages_sharing", TRUE, FALSE },
    { "shm_pages_unshared", "pages_unshared", TRUE, FALSE },
    { "shm_pages_volatile", "pages_volatile", TRUE, FALSE },
    { "shm_full_scans", "full_scans", TRUE, FALSE },
    { "shm_merge_across_nodes", "merge_across_nodes", FALSE, TRUE },
};

static char *
ksm_path(gsize row)
{
    return g_strconcat("/sys/kernel/mm/ksm/", ksm_rows[row].file, NULL);
}

static void
get_memory_parameters(Call *c)
{
    const NodeGetMemoryParametersArgs *in = call_in(c);
    TypedParam params[G_N_ELEMENTS(ksm_rows)];
    NodeGetMemoryParametersRet out = { .params = { params, 0 } };

    for (gsize row = 0; row < G_N_ELEMENTS(ksm_rows); row++) {
        g_autofree char *path = ksm_path(row);
        guint64 value;

        if (!host_number(path, &value)) /* a kernel may lack one */
            continue;
        params[out.nparams++] = ksm_rows[row].wide
                                    ? (TypedParam){ ksm_rows[row].name,
                                                    { .type = VALUE_ULLONG, .ul = value } }
                                    : (TypedParam){ ksm_rows[row].name,
                                                    { .type = VALUE_UINT, .u = (guint32)value } };
    }
    out.params.n = (guint32)CLAMP(in->nparams, 0, out.nparams);
    call_reply(c, &out);
}

static gboolean
ksm_find(const TypedParam *p, gsize *ret_row, GError **err)
{
    for (gsize row = 0; row < G_N_ELEMENTS(ksm_rows); row++) {
        if (strcmp(p->field, ksm_rows[row].name) != 0 || !ksm_rows[row].writable)
            continue;
        if (p->value.type != VALUE_UINT)
            return fail(err, ERR_INVALID_ARG, "parameter '%s' is of another type", p->field);
        *ret_row = row;
        return TRUE;
    }
    return fail(err, ERR_ARG_UNSUPPORTED, "parameter '%s' not supported", p->field);
}

static gboolean
ksm_set(const TypedParam *p, GError **err)
{
    g_autofree char *path = NULL, *text = NULL;
    gsize row;

    if (!ksm_find(p, &row, err))
        return FALSE;
    path = ksm_path(row);
    text = g_strdup_printf("%u", p->value.u);
    return host_write(path, text, err);
}

static void
set_memory_parameters(Call *c)
{
    const NodeSetMemoryParametersArgs *in = call_in(c);
    GError *err = NULL;
    gsize row;

    for (guint32 i = 0; i < in->params.n && !err; i++)
        ksm_find(&in->params.v[i], &row, &err);
    for (guint32 i = 0; i < in->params.n && !err; i++)
        ksm_set(&in->params.v[i], &err);
    call_end(c, !err, &err);
}

/* ---- what the firmware says */

static const struct {
    const char *element; /* NULL: the same as before */
    const char *name, *file;
} smbios_rows[] = {
    { "bios", "vendor", "bios_vendor" },
    { NULL, "version", "bios_version" },
    { NULL, "date", "bios_date" },
    { NULL, "release", "bios_release" },
    { "system", "manufacturer", "sys_vendor" },
    { NULL, "product", "product_name" },
    { NULL, "version", "product_version" },
    { NULL, "serial", "product_serial" },
    { NULL, "uuid", "product_uuid" },
    { NULL, "sku", "product_sku" },
    { NULL, "family", "product_family" },
    { "baseBoard", "manufacturer", "board_vendor" },
    { NULL, "product", "board_name" },
    { NULL, "version", "board_version" },
    { NULL, "serial", "board_serial" },
    { NULL, "asset", "board_asset_tag" },
    { "chassis", "manufacturer", "chassis_vendor" },
    { NULL, "version", "chassis_version" },
    { NULL, "serial", "chassis_serial" },
    { NULL, "asset", "chassis_asset_tag" },
};

static char *
smbios_xml(GError **err)
{
    g_autoptr(GString) xml = g_string_new("<sysinfo type='smbios'>\n");
    const char *open = NULL;
    gboolean any = FALSE;

    for (gsize i = 0; i < G_N_ELEMENTS(smbios_rows); i++) {
        g_autofree char *path = g_strconcat("/sys/class/dmi/id/", smbios_rows[i].file, NULL);
        g_autofree char *text = host_text(path), *line = NULL;

        if (smbios_rows[i].element) {
            if (open)
                g_string_append_printf(xml, "  </%s>\n", open);
            open = smbios_rows[i].element;
            g_string_append_printf(xml, "  <%s>\n", open);
        }
        if (!text || !text[0])
            continue;
        any = TRUE;
        line = g_markup_printf_escaped("    <entry name='%s'>%s</entry>\n", smbios_rows[i].name,
                                       text);
        g_string_append(xml, line);
    }
    g_string_append_printf(xml, "  </%s>\n</sysinfo>\n", open);
    if (!any) {
        fail(err, ERR_CONFIG_UNSUPPORTED, "Host SMBIOS information is not available");
        return NULL;
    }
    return g_string_free(g_steal_pointer(&xml), FALSE);
}

static void
get_sysinfo(Call *c)
{
    g_autofree char *xml = NULL;
    ConnectGetSysinfoRet out = { 0 };
    GError *err = NULL;

    out.sysinfo = xml = smbios_xml(&err);
    if (xml)
        call_reply(c, &out);
    else
        call_fail(c, err);
}

/* Encrypted guests are refused where they are defined: there is nothing to tell. */
static void
get_sev_info(Call *c)
{
    GError *err = NULL;

    fail(&err, ERR_OPERATION_UNSUPPORTED, "vmd does not run SEV guests");
    call_fail(c, err);
}

const Method memory_methods[] = {
    { ON_NONE(NODE_GET_FREE_PAGES, get_free_pages), MAY(CONNECT_READ) },
    { ON_NONE(NODE_ALLOC_PAGES, alloc_pages), FLAGS(PAGES_SET), MAY(CONNECT_WRITE) },
    { ON_NONE(NODE_GET_MEMORY_PARAMETERS, get_memory_parameters), FLAGS(TYPED_STRINGS),
      MAY(CONNECT_READ) },
    { ON_NONE(NODE_SET_MEMORY_PARAMETERS, set_memory_parameters), MAY(CONNECT_WRITE) },
    { ON_NONE(CONNECT_GET_SYSINFO, get_sysinfo), MAY(CONNECT_READ) },
    { ON_NONE(NODE_GET_SEV_INFO, get_sev_info), FLAGS(TYPED_STRINGS), MAY(CONNECT_READ) },
    { 0 },
};
