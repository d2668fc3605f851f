/* Settings of devices that are sent by the monitor because no command line has them: limits of a
 * disk, a link that is down. All calls are sent at once; the row of start goes on after the last
 * answer. */
#include <string.h>

#include "life.h"

typedef struct Tell {
    FlowToken token;
    guint waiting;
    GError *err; /* the first refusal */
} Tell;

static void
tell_free(Tell *t)
{
    g_clear_error(&t->err);
    g_free(t);
}

static void
on_told(json_object *ret, const GError *err, gpointer user)
{
    Tell *t = user;

    if (err != NULL && t->err == NULL)
        t->err = g_error_copy(err);
    if (--t->waiting > 0)
        return;
    flow_wake(t->token, t->err);
    tell_free(t);
}

static void
tell(Tell *t, Qmp *q, const char *command, json_object *args)
{
    t->waiting++;
    qmp_call(q, command, args, on_told, t);
}

/* ---- disks */

/* QEMU keeps limits with the medium: an empty drive has none. */
gboolean
tell_is_limited(const DiskDef *disk)
{
    return disk->iotune != NULL && !disk_is_empty(disk) && iotune_has_limits(disk->iotune);
}

static void
add_number(json_object *o, const char *name, guint64 value, gboolean always)
{
    if (value != 0 || always)
        json_object_object_add(o, name, json_object_new_uint64(value));
}

json_object *
tell_limits(const DiskDef *disk)
{
    static const struct {
        const char *name;
        gsize offset;
        gboolean always;
    } rows[] = {
        { "bps", G_STRUCT_OFFSET(IotuneDef, total_bytes_sec), TRUE },
        { "bps_rd", G_STRUCT_OFFSET(IotuneDef, read_bytes_sec), TRUE },
        { "bps_wr", G_STRUCT_OFFSET(IotuneDef, write_bytes_sec), TRUE },
        { "iops", G_STRUCT_OFFSET(IotuneDef, total_iops_sec), TRUE },
        { "iops_rd", G_STRUCT_OFFSET(IotuneDef, read_iops_sec), TRUE },
        { "iops_wr", G_STRUCT_OFFSET(IotuneDef, write_iops_sec), TRUE },
        { "bps_max", G_STRUCT_OFFSET(IotuneDef, total_bytes_sec_max), FALSE },
        { "bps_rd_max", G_STRUCT_OFFSET(IotuneDef, read_bytes_sec_max), FALSE },
        { "bps_wr_max", G_STRUCT_OFFSET(IotuneDef, write_bytes_sec_max), FALSE },
        { "iops_max", G_STRUCT_OFFSET(IotuneDef, total_iops_sec_max), FALSE },
        { "iops_rd_max", G_STRUCT_OFFSET(IotuneDef, read_iops_sec_max), FALSE },
        { "iops_wr_max", G_STRUCT_OFFSET(IotuneDef, write_iops_sec_max), FALSE },
        { "iops_size", G_STRUCT_OFFSET(IotuneDef, size_iops_sec), FALSE },
        { "bps_max_length", G_STRUCT_OFFSET(IotuneDef, total_bytes_sec_max_length), FALSE },
        { "bps_rd_max_length", G_STRUCT_OFFSET(IotuneDef, read_bytes_sec_max_length), FALSE },
        { "bps_wr_max_length", G_STRUCT_OFFSET(IotuneDef, write_bytes_sec_max_length), FALSE },
        { "iops_max_length", G_STRUCT_OFFSET(IotuneDef, total_iops_sec_max_length), FALSE },
        { "iops_rd_max_length", G_STRUCT_OFFSET(IotuneDef, read_iops_sec_max_length), FALSE },
        { "iops_wr_max_length", G_STRUCT_OFFSET(IotuneDef, write_iops_sec_max_length), FALSE },
    };
    static const IotuneDef none;
    const IotuneDef *limits = disk->iotune ? disk->iotune : &none;
    /* A virtio disk is a pair of devices: the inner one has the image. */
    g_autofree char *id = disk->bus == DISK_BUS_VIRTIO
                              ? g_strdup_printf("/machine/peripheral/%s/virtio-backend",
                                                disk->info.alias)
                              : g_strdup(disk->info.alias);
    json_object *o = json_make("id", 's', id, "group", 's', limits->group_name, NULL);

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        add_number(o, rows[i].name, G_STRUCT_MEMBER(guint64, limits, rows[i].offset),
                   rows[i].always);
    return o;
}

/* ---- the row */

StepResult
tell_devices(Flow *f, gpointer obj, GError **err)
{
    enum { LINK_DOWN = 2 };
    const Run *run = ((Vm *)obj)->run;
    const Devices *d = &run->live->devices;
    Tell *t = g_new0(Tell, 1);

    t->waiting = 1; /* ours, until all is said: an answer may come at once */
    for (guint i = 0; i < list_length(d->disks); i++)
        if (tell_is_limited(d->disks->pdata[i]))
            tell(t, run->qmp, "block_set_io_throttle", tell_limits(d->disks->pdata[i]));
    for (guint i = 0; i < list_length(d->nets); i++) {
        const NetDef *net = d->nets->pdata[i];

        if (net->link_state == LINK_DOWN)
            tell(t, run->qmp, "set_link",
                 json_make("name", 's', net->info.alias, "up", 'b', FALSE, NULL));
    }
    if (t->waiting == 1) {
        tell_free(t);
        return STEP_DONE;
    }
    t->token = flow_wait(f);
    t->waiting--;
    return STEP_WAIT;
}
