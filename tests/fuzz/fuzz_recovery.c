/* Any status, ledger and live definition, with a QEMU that runs or without: a daemon that starts
 * finds them. The input: a byte whose lowest bit says that it runs, two lengths of two bytes, then
 * the status, the ledger, and the live definition. Sums are set right where there can be any, for a
 * wrong one is no more than that. */
#include "found.h"

static gsize
cut(const guint8 **data, gsize *left, gsize want, const guint8 **ret_part)
{
    gsize len = MIN(want, *left);

    *ret_part = *data;
    *data += len;
    *left -= len;
    return len;
}

static void
write_status(const guint8 *data, gsize len)
{
    g_autofree char *path = g_build_filename(found.dir, "status", NULL);
    g_autofree char *text = g_strndup((const char *)data, len);
    json_object *status = json_tokener_parse(text);

    if (!status || !json_file_write(path, status, NULL))
        found_write(path, data, len);
    json_object_put(status);
}

static void
write_ledger(const guint8 *data, gsize len)
{
    g_autofree char *text = g_strndup((const char *)data, len);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) all = g_string_new(NULL);

    for (int i = 0; lines[i] && lines[i][0]; i++)
        g_string_append_printf(all, "%s #%08x\n", lines[i], bytes_sum(lines[i], strlen(lines[i])));
    found_write(found.ledger, (const guint8 *)all->str, all->len);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    const guint8 *head, *status, *ledger;
    gsize left = size, n_status, n_ledger;
    g_autofree char *live_path = g_build_filename(found.dir, "live.xml", NULL);
    pid_t pid = -1;

    if (cut(&data, &left, 5, &head) < 5)
        return 0;
    n_status = cut(&data, &left, (gsize)head[1] << 8 | head[2], &status);
    n_ledger = cut(&data, &left, (gsize)head[3] << 8 | head[4], &ledger);
    g_assert_true(g_mkdir_with_parents(found.dir, 0700) == 0);
    write_status(status, n_status);
    write_ledger(ledger, n_ledger);
    found_write(live_path, data, left);
    if (head[0] & 1)
        pid = found_qemu();
    g_assert_true(recover_all(NULL));
    found_turns(8);
    found_end(pid);
    return 0;
}
