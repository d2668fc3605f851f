/* How large an image is: from the counters when its QEMU has it open, else qemu-img says. */
#include <sys/stat.h>

#include "qemu_priv.h"

typedef struct Question {
    Vm *vm;
    char *path;
    VmBlockInfoDone done;
    gpointer user;
} Question;

static void
answer(Question *q, const VmBlockInfo *info, const GError *err)
{
    q->done(info, err, q->user);
    object_unref(q->vm);
    g_free(q->path);
    g_free(q);
}

static gboolean
read_info(Question *q, const char *text, VmBlockInfo *ret_info, GError **err)
{
    json_object *o = json_tokener_parse(text);
    struct stat st;

    if (!o)
        return fail(err, ERR_INTERNAL, "qemu-img said nothing of '%s'", q->path);
    *ret_info = (VmBlockInfo){
        .capacity = (guint64)json_int(o, "virtual-size", 0),
        .allocation = (guint64)json_int(o, "actual-size", 0),
    };
    json_object_put(o);
    if (stat(q->path, &st) == 0)
        ret_info->physical = S_ISREG(st.st_mode) ? (guint64)st.st_size : ret_info->capacity;
    return TRUE;
}

static void
on_qemu_img(Process *p, const ProcessEnd *end, gpointer user)
{
    Question *q = user;
    g_autofree char *how = process_status_text(end->status);
    g_autoptr(GError) err = NULL;
    VmBlockInfo info;

    if (how)
        fail(&err, ERR_OPERATION_FAILED, "qemu-img info '%s' %s: %s", q->path, how, end->errors);
    else
        read_info(q, end->out, &info, &err);
    answer(q, err ? NULL : &info, err);
    process_free(p);
}

/* -U: the image may be locked by a QEMU, and is only looked at. */
static void
ask_qemu_img(Question *q, int format)
{
    const char *argv[] = { "qemu-img",      "info", "-U",
                           "--output=json", "-f",   format ? word_of(disk_formats, format) : "raw",
                           q->path,         NULL };
    ProcessSpec spec = PROCESS_SPEC_INIT;
    g_autoptr(GError) err = NULL;

    spec.argv = argv;
    if (!process_spawn(&spec, on_qemu_img, q, &err))
        answer(q, NULL, err);
}

void
vm_block_info(Vm *vm, const char *name, VmBlockInfoDone done, gpointer user)
{
    g_autoptr(GError) err = NULL;
    const DiskDef *disk = disk_find(vm_def(vm), name, &err);
    Question *q = g_new0(Question, 1);

    *q = (Question){ .vm = object_ref(vm), .done = done, .user = user };
    if (disk && !disk->source.path)
        fail(&err, ERR_INVALID_ARG, "disk '%s' does not currently have a source assigned", name);
    if (err) {
        answer(q, NULL, err);
        return;
    }
    q->path = g_strdup(disk->source.path);
    ask_qemu_img(q, disk->driver.format);
}
