/* Answers about kinds of pools: which exist, their formats, and whether sources can be discovered.
 */
#include <string.h>

#include "backend.h"

static void
words_add(XmlOut *x, const char *name, const char *first, const char *const *words)
{
    xml_open(x, "enum", "name", name, NULL);
    xml_text(x, "value", first, NULL);
    for (; words && *words; words++)
        xml_text(x, "value", *words, NULL);
    xml_close(x, "enum");
}

/* Partitions have a word for none themselves. */
static void
volume_options(XmlOut *x, int type, const PoolShape *shape)
{
    gboolean is_disk = type == POOL_DISK;
    const char *const *words = shape->volume_formats;

    if (!words && type != POOL_RBD)
        return;
    xml_open(x, "volOptions", NULL);
    xml_leaf(x, "defaultFormat", "type", words ? words[1] : "raw", NULL);
    words_add(x, "targetFormatType", words && !is_disk ? "none" : NULL, words ? words + 1 : NULL);
    xml_close(x, "volOptions");
}

static void
pool_options(XmlOut *x, const PoolShape *shape)
{
    if (!shape->formats)
        return;
    xml_open(x, "poolOptions", NULL);
    xml_leaf(x, "defaultFormat", "type", shape->format, NULL);
    words_add(x, "sourceFormatType", NULL, shape->formats + 1);
    xml_close(x, "poolOptions");
}

char *
storage_capabilities(void)
{
    XmlOut x = { g_string_new(NULL), 0 };

    xml_open(&x, "storagepoolCapabilities", NULL);
    for (int type = POOL_DIR; type < N_POOL_TYPES; type++) {
        const PoolShape *shape = pool_shape(type);

        xml_open(&x, "pool", "type", pool_types[type], "supported", backend_of(type) ? "yes" : "no",
                 NULL);
        pool_options(&x, shape);
        volume_options(&x, type, shape);
        xml_close(&x, "pool");
    }
    xml_close(&x, "storagepoolCapabilities");
    return g_string_free(x.text, FALSE);
}

/* ---- sources */

static gboolean
sources_can(const char *type_word, GError **err)
{
    int type = word_find(pool_types, type_word);

    if (!type)
        return fail(err, ERR_INTERNAL, "unknown storage pool type %s", type_word);
    if (type == POOL_LOGICAL)
        return TRUE;
    if (type == POOL_DIR || type == POOL_FS || type == POOL_DISK)
        return fail(err, ERR_NO_SUPPORT, "pool type '%s' does not support source discovery",
                    type_word);
    if (type == POOL_NETFS)
        return fail(err, ERR_NO_SUPPORT,
                    "looking for file systems on servers is not supported yet");
    return fail(err, ERR_INTERNAL, "missing backend for pool type %d (%s)", type - 1, type_word);
}

typedef struct Search {
    SourcesDone done;
    gpointer user;
} Search;

static gpointer
read_sources(gpointer in, GError **err)
{
    return lvm_sources(in, err);
}

static void
on_read(gpointer out, const GError *err, gpointer user)
{
    g_autofree Search *s = user;
    g_autofree char *xml = out;

    s->done(xml, err, s->user);
}

static void
on_told(Process *process, const ProcessEnd *end, gpointer user)
{
    Search *s = user;
    g_autofree char *why = process_status_text(end->status);
    g_autoptr(GError) err = NULL;

    if (why) {
        fail(&err, ERR_INTERNAL, "lvm %s: %s", why, end->errors);
        on_read(NULL, err, s);
    } else {
        offload(read_sources, g_strndup(end->out, end->out_len), g_free, on_read, s);
    }
    process_free(process);
}

void
storage_find_sources(const char *type_word, SourcesDone done, gpointer user)
{
    ProcessSpec spec = PROCESS_SPEC_INIT;
    g_autoptr(GPtrArray) argv = NULL;
    g_autoptr(GError) err = NULL;
    Search *s;

    if (!sources_can(type_word, &err)) {
        done(NULL, err, user);
        return;
    }
    s = g_new(Search, 1);
    *s = (Search){ done, user };
    argv = lvm_report_words(NULL);
    g_ptr_array_add(argv, NULL);
    spec.argv = (const char *const *)argv->pdata;
    spec.limits = &process_tool_limits;
    spec.out_max = REPORT_MAX;
    if (!process_spawn(&spec, on_told, s, &err))
        on_read(NULL, err, s);
}
