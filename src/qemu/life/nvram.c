/* The variables of a guest's firmware: a copy of a template, made by a worker, for it is written to
 * a disk that may be slow or not answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "life.h"

/* What the worker has of it. */
typedef struct Nvram {
    char *path, *template, *loader;
    gboolean reset;        /* made anew where it is there */
    gboolean other_format; /* than its template has */
} Nvram;

static void
nvram_free(gpointer data)
{
    Nvram *n = data;

    g_free(n->path);
    g_free(n->template);
    g_free(n->loader);
    g_free(n);
}

/* Larger than all variables of any firmware. */
#define TEMPLATE_MAX (128 << 20)

static int
template_open(const char *path, off_t *ret_size, GError **err)
{
    struct stat st;
    fd_auto place = file_reach(path, &st);
    fd_auto in = place < 0 || !S_ISREG(st.st_mode) ? -1 : fd_reopen(place, O_RDONLY | O_NONBLOCK);

    if (place >= 0 && !S_ISREG(st.st_mode))
        fail(err, ERR_CONFIG_UNSUPPORTED,
             "nvram: template '%s' of the firmware's variables is no regular file", path);
    else if (in < 0)
        fail_errno(err, errno, "cannot open template '%s' of the firmware's variables", path);
    else if (st.st_size > TEMPLATE_MAX)
        fail(err, ERR_CONFIG_UNSUPPORTED,
             "nvram: template '%s' of the firmware's variables is larger than %d MiB", path,
             TEMPLATE_MAX >> 20);
    else
        *ret_size = st.st_size;
    return err && *err ? -1 : fd_steal(&in);
}

/* No more than was there when it was looked at. */
static gboolean
copy_bytes(int in, int out, off_t size)
{
    for (gssize n; size > 0; size -= n)
        if ((n = sendfile(out, in, NULL, (gsize)size)) <= 0)
            return n == 0;
    return TRUE;
}

/* Beside the file, under a name that nobody can have guessed, in the folder as it was reached. */
static gboolean
copy_into(int folder, const char *name, int in, off_t size)
{
    char fresh[UUID_TEXT_LEN];
    guint8 unguessed[UUID_LEN];
    fd_auto out = -1;

    uuid_make(unguessed);
    uuid_format(unguessed, fresh);
    out = openat(folder, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (out < 0)
        return FALSE;
    if (copy_bytes(in, out, size) && fsync(out) == 0 && renameat(folder, fresh, folder, name) == 0)
        return TRUE;
    unlinkat(folder, fresh, 0);
    return FALSE;
}

static gboolean
copy_file(const char *from, const char *to, GError **err)
{
    g_autofree char *folder = g_path_get_dirname(to), *name = NULL;
    off_t size = 0;
    fd_auto in = template_open(from, &size, err), dir = -1;

    if (in < 0 || !dir_make(folder, 0700, err))
        return FALSE;
    dir = file_reach_folder(to, &name);
    return (dir >= 0 && copy_into(dir, name, in, size)) ||
           fail_errno(err, errno, "cannot make '%s'", to);
}

static gboolean
make(const Nvram *n, GError **err)
{
    struct stat st;
    fd_auto there = file_reach(n->path, &st);

    if (there < 0 && errno != ENOENT)
        return fail_errno(err, errno, "nvram: cannot open '%s'", n->path);
    if (there >= 0 && !n->reset)
        return TRUE;
    if (!n->template)
        return fail(err, ERR_OPERATION_FAILED,
                    "nvram: there is no '%s', and no template to make it from is known for loader "
                    "'%s'; name one in <nvram template='...'>",
                    n->path, n->loader ? n->loader : "");
    if (n->other_format)
        return fail(err, ERR_OPERATION_UNSUPPORTED,
                    "nvram: '%s' cannot be made from a template of another format", n->path);
    if (path_is_installed(n->path))
        return fail(err, ERR_CONFIG_UNSUPPORTED,
                    "nvram: '%s' is where the distribution installs its files; name another path",
                    n->path);
    return copy_file(n->template, n->path, err);
}

static gpointer
work(gpointer in, GError **err)
{
    make(in, err);
    return NULL;
}

static void
on_made(gpointer out, const GError *err, gpointer user)
{
    g_autofree FlowToken *token = user;

    flow_wake(*token, err);
}

/* The guest's settings outlive every run: there is nothing to undo. */
StepResult
nvram_make(Flow *f, gpointer obj, GError **err)
{
    Vm *vm = obj;
    const OsDef *os = &vm->run->live->os;
    const NvramDef *nvram = os->nvram;
    const char *path = nvram ? nvram->path ? nvram->path : nvram->source.path : NULL;
    FlowToken token;
    Nvram *n;

    if (!path)
        return STEP_DONE;
    n = g_new0(Nvram, 1);
    n->path = g_strdup(path);
    n->template = g_strdup(nvram->template);
    n->loader = os->loader ? g_strdup(os->loader->path) : NULL;
    n->reset = (vm->run->flags & VM_START_RESET_NVRAM) != 0;
    n->other_format = nvram->template_format && nvram->format &&
                      nvram->template_format != nvram->format;
    token = flow_wait(f);
    offload_for(&vm->obj, work, n, nvram_free, on_made, g_memdup2(&token, sizeof token));
    return STEP_WAIT;
}
