/* The guest's screen: a picture of it, and a client's connection handed to its server. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "ops.h"

/* ---- pictures */

typedef struct Picture {
    guint screen;
    int fd; /* readable; the picture grows behind it */
    const char *mime;
    gint64 set;
    VmPicture done;
    gpointer user;
} Picture;

static void
picture_free(gpointer data)
{
    Picture *p = data;

    fd_close(&p->fd);
    g_free(p);
}

/* QEMU's set takes descriptors by access mode, so the two ends of the file are opened apart. */
static gboolean
open_ends(const Run *run, int *ret_in, int *ret_out, GError **err)
{
    g_autofree char *path = g_strdup_printf("%s/screen-XXXXXX", run->dir);
    fd_auto made = mkostemp(path, O_CLOEXEC);
    fd_auto out = -1, in = -1;

    if (made < 0)
        return fail_errno(err, errno, "cannot make %s", path);
    out = open(path, O_WRONLY | O_CLOEXEC);
    in = open(path, O_RDONLY | O_CLOEXEC);
    unlink(path);
    if (out < 0 || in < 0)
        return fail_errno(err, errno, "cannot open %s", path);
    *ret_in = fd_steal(&in);
    *ret_out = fd_steal(&out);
    return TRUE;
}

/* Screens are counted over the heads of all video devices. */
static gboolean
find_head(const DomainDef *live, guint screen, const char **ret_alias, guint *ret_head)
{
    GPtrArray *videos = live->devices.videos;
    guint passed = 0;

    for (guint i = 0; videos && i < videos->len; i++) {
        const VideoDef *v = videos->pdata[i];
        guint heads = v->heads ? v->heads : 1;
        if (v->type == VIDEO_NONE)
            continue;
        if (screen < passed + heads) {
            *ret_alias = v->info.alias;
            *ret_head = screen - passed;
            return TRUE;
        }
        passed += heads;
    }
    return FALSE;
}

static json_object *
dump_args(Ask *a, const char *format)
{
    Picture *p = a->data;
    g_autofree char *file = g_strdup_printf("/dev/fdset/%" G_GINT64_FORMAT, p->set);
    const char *alias = NULL;
    guint head = 0;

    find_head(a->vm->run->live, p->screen, &alias, &head);
    return json_make("filename", 's', file, "device", 's', alias, "head", 'o',
                     alias ? json_object_new_int64(head) : NULL, "format", 's', format, NULL);
}

static void
finish_picture(Ask *a, const GError *err)
{
    Picture *p = a->data;

    if (a->vm->run)
        qmp_call(a->vm->run->qmp, "remove-fd", json_make("fdset-id", 'i', p->set, NULL), NULL,
                 NULL);
    ask_end(a, err);
}

static void
after_ppm(Ask *a, json_object *ret, const GError *err)
{
    finish_picture(a, err);
}

static void
after_png(Ask *a, json_object *ret, const GError *err)
{
    Picture *p = a->data;

    if (!err || !a->vm->run) {
        finish_picture(a, err);
        return;
    }
    /* A QEMU that was built without PNG still has the older format. */
    p->mime = "image/x-portable-pixmap";
    ask_call(a, "screendump", dump_args(a, NULL), after_ppm);
}

static void
after_add_fd(Ask *a, json_object *ret, const GError *err)
{
    Picture *p = a->data;

    if (err) {
        ask_end(a, err);
        return;
    }
    p->set = json_int(ret, "fdset-id", 0);
    p->mime = "image/png";
    ask_call(a, "screendump", dump_args(a, "png"), after_png);
}

static gboolean
picture_run(Ask *a, GError **err)
{
    Picture *p = a->data;
    const char *alias;
    guint head;
    fd_auto out = -1;

    if (!find_head(a->vm->run->live, p->screen, &alias, &head))
        return fail(err, ERR_OPERATION_INVALID, "no screen to take a screenshot from (screen %u)",
                    p->screen);
    if (!open_ends(a->vm->run, &p->fd, &out, err))
        return FALSE;
    ask_call_with_fd(a, "add-fd", NULL, out, after_add_fd);
    return TRUE;
}

static void
on_picture(Vm *vm, const GError *err, gpointer user)
{
    Picture *p = user;

    p->done(err ? -1 : fd_steal(&p->fd), p->mime, err, p->user);
}

void
vm_screenshot(Vm *vm, guint screen, Asker who, VmPicture done, gpointer user)
{
    static const AskKind kind = { .what = "take a screenshot of",
                                  .job = JOB_LOOK,
                                  .run = picture_run };
    Picture *p = g_new0(Picture, 1);

    *p = (Picture){ .screen = screen, .fd = -1, .done = done, .user = user };
    vm_ask(vm, &kind, 0, p, picture_free, who, on_picture, p);
}

/* ---- a client's own connection */

typedef struct ScreenGuest {
    guint index;
    int fd;
} ScreenGuest;

static void
guest_free(gpointer data)
{
    ScreenGuest *g = data;

    fd_close(&g->fd);
    g_free(g);
}

static const char *
protocol_of(const DomainDef *live, guint index)
{
    GPtrArray *graphics = live->devices.graphics;
    const GraphicsDef *g = graphics && index < graphics->len ? graphics->pdata[index] : NULL;

    if (g && g->type == GRAPHICS_VNC)
        return "vnc";
    return g && g->type == GRAPHICS_SPICE ? "spice" : NULL;
}

static gboolean
graphics_run(Ask *a, GError **err)
{
    enum { SKIP_AUTH = 1 };
    ScreenGuest *g = a->data;
    const char *protocol = protocol_of(a->vm->run->live, g->index);

    if (!protocol)
        return fail(err, ERR_INTERNAL, "No graphics backend with index %u that takes clients",
                    g->index);
    if (g->fd < 0)
        return fail(err, ERR_INVALID_ARG, "the client's descriptor could not be duplicated");
    qmp_call_with_fd(a->vm->run->qmp, "getfd", json_make("fdname", 's', "graphicsfd", NULL), g->fd,
                     NULL, NULL);
    ask_call(a, "add_client",
             json_make("protocol", 's', protocol, "fdname", 's', "graphicsfd", "skipauth", 'b',
                       (a->flags & SKIP_AUTH) != 0, NULL),
             NULL);
    return TRUE;
}

void
vm_open_graphics(Vm *vm, guint idx, int fd, guint flags, Asker who, VmDone done, gpointer user)
{
    static const AskKind kind = { .what = "open graphics of",
                                  .job = JOB_LOOK,
                                  .run = graphics_run };
    ScreenGuest *g = g_new0(ScreenGuest, 1);

    *g = (ScreenGuest){ idx, fcntl(fd, F_DUPFD_CLOEXEC, 3) };
    vm_ask(vm, &kind, flags, g, guest_free, who, done, user);
}
