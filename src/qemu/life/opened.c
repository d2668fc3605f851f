/* What QEMU has opened, beside what it was told to. The daemon reads the heads of images before
 * QEMU does, but not those on servers, and not what somebody writes in between. So QEMU is asked
 * once it has opened them, and a guest whose QEMU stands on a file that only a head names does not
 * run.
 */
#include <string.h>

#include "life.h"

/* As QEMU calls nodes that nobody has named. */
#define NAMELESS "#block"

static gboolean
is_node_of(const DiskSource *source, const char *node)
{
    g_autofree char *name = g_strdup_printf("libvirt-%u-format", source->index);

    return g_str_equal(name, node);
}

/* The image that a node is made for, in a disk and below; NULL: none. */
static const DiskSource *
image_of(const DiskDef *disk, const char *node)
{
    if (is_node_of(&disk->source, node))
        return &disk->source;
    for (const BackingStore *b = disk->backing; b; b = b->backing)
        if (is_node_of(&b->source, node))
            return &b->source;
    return NULL;
}

static const DiskSource *
find_image(const DomainDef *live, const char *node, char **ret_what)
{
    EACH (const DiskDef, disk, live->devices.disks) {
        const DiskSource *source = image_of(disk, node);

        if (!source)
            continue;
        *ret_what = g_strdup_printf("disk '%s'", disk->target);
        return source;
    }
    *ret_what = g_strdup_printf("node '%s'", node);
    return NULL;
}

static const char *
source_name(const DiskSource *source)
{
    const NetworkSource *net = source ? source->net : NULL;

    if (source && source->path)
        return source->path;
    return net && net->name ? net->name : "";
}

/* {"image": {"format-specific": {"data": {"data-file": "/x", "data-file-raw": false, ...}}}}: the
 * latter is there when the image has a data file, wherever that was named. */
static gboolean
data_file_check(const DomainDef *live, json_object *node, GError **err)
{
    json_object *image = json_object_object_get(node, "image");
    json_object *format = json_object_object_get(image, "format-specific");
    json_object *data = json_object_object_get(format, "data");
    const char *name = json_str(node, "node-name");
    const char *file = data ? json_str(data, "data-file") : NULL;
    g_autofree char *what = NULL;
    const DiskSource *source;

    if (!name || !json_object_object_get(data, "data-file-raw"))
        return TRUE;
    source = find_image(live, name, &what);
    if (source && source->data_store)
        return TRUE;
    return fail(err, ERR_CONFIG_UNSUPPORTED,
                "%s: image '%s' names '%s' as its data file; say so in <dataStore>, if that is "
                "meant",
                what, source_name(source), file ? file : "");
}

/* Some nodes QEMU makes by itself: of an SD card, of a folder that is shown as a disk, of what its
 * own words ask for. */
static gboolean
may_be_nameless(const DomainDef *live)
{
    if (live->qemu && list_length(live->qemu->args) > 0)
        return TRUE;
    EACH (const DiskDef, disk, live->devices.disks)
        if (disk->bus == DISK_BUS_SD || disk->source.type == SOURCE_DIR)
            return TRUE;
    return FALSE;
}

static gboolean
name_check(json_object *node, GError **err)
{
    const char *name = json_str(node, "node-name"), *file = json_str(node, "file");

    return !name || !g_str_has_prefix(name, NAMELESS) ||
           fail(err, ERR_CONFIG_UNSUPPORTED,
                "QEMU has opened '%s', which an image names and the definition does not",
                file ? file : "");
}

gboolean
opened_check(const DomainDef *live, json_object *nodes, GError **err)
{
    for (gsize i = 0; i < json_length(nodes); i++)
        if (!data_file_check(live, json_object_array_get_idx(nodes, i), err))
            return FALSE;
    for (gsize i = 0; !may_be_nameless(live) && i < json_length(nodes); i++)
        if (!name_check(json_object_array_get_idx(nodes, i), err))
            return FALSE;
    return TRUE;
}

json_object *
opened_args(gpointer unused)
{
    return json_make("flat", 'b', TRUE, NULL);
}

/* ---- the row of plugs and changes: before the guest has it */

typedef struct NodesQuestion {
    const DomainDef *live; /* as long as the flow */
    FlowToken token;
} NodesQuestion;

static void
on_nodes(json_object *ret, const GError *err, gpointer user)
{
    g_autofree NodesQuestion *q = user;
    g_autoptr(GError) own = NULL;

    if (flow_waits(q->token) && !err)
        opened_check(q->live, ret, &own);
    flow_wake(q->token, err ? err : own);
}

StepResult
device_look_opened(Flow *f, gpointer obj, GError **err)
{
    const DeviceChange *c = device_live_change(f);
    const Device *own = c ? device_own(c) : NULL;
    NodesQuestion *q;

    if (!own || own->schema != &disk_schema)
        return STEP_DONE;
    q = g_new(NodesQuestion, 1);
    *q = (NodesQuestion){ ((Edit *)flow_user(f))->new_live, flow_wait(f) };
    qmp_call(((Vm *)obj)->run->qmp, "query-named-block-nodes", opened_args(NULL), on_nodes, q);
    return STEP_WAIT;
}
