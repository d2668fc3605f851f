/* vol-import: an image that was downloaded becomes a volume. qemu-img tells here, on the client's
 * side, what the file is and whether it is whole; it is then sent as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmsh/storage.h"

static const Option import_options[] = {
    POOL_OPTION,
    { "file", OPTION_STRING, OPTION_REQUIRED, NULL, "image file" },
    { "name", OPTION_STRING, OPTION_NAMED, NULL, "name of the volume (default: the file's)" },
    { "format", OPTION_STRING, OPTION_NAMED, NULL,
      "format of the image, if it is not to be found" },
    OPTION_END,
};

#define LOOKS "looks at the image"

/* Formats that a pool of files has. */
static const char *const formats[] = { "raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vpc", NULL };

gboolean
tool_run(const char *folder, const char *const *argv, const char *does, char **ret_out,
         char **ret_errors, int *ret_status, GError **err)
{
    const int flags = G_SPAWN_SEARCH_PATH | (ret_out ? 0 : G_SPAWN_STDOUT_TO_DEV_NULL);
    g_autoptr(GError) why = NULL;

    if (!g_spawn_sync(folder, (char **)argv, NULL, flags, NULL, NULL, ret_out, ret_errors,
                      ret_status, &why))
        return refuse(err, "cannot run %s, which %s: %s", argv[0], does, why->message);
    g_strchomp(*ret_errors);
    return TRUE;
}

/* What the file is; NULL with an error. The caller puts it. */
static json_object *
image_info(const char *path, const char *format, GError **err)
{
    const char *argv[] = {
        "qemu-img", "info", "--output=json", "-U", "--", path, NULL, NULL, NULL
    };
    g_autofree char *out = NULL, *errors = NULL;
    json_object *info;
    int status;

    if (format) {
        argv[4] = "-f";
        argv[5] = format;
        argv[6] = "--";
        argv[7] = path;
    }
    if (!tool_run(NULL, argv, LOOKS, &out, &errors, &status, err))
        return NULL;
    info = status == 0 ? json_tokener_parse(out) : NULL;
    if (!info)
        refuse(err, "%s is no image: %s", path, errors);
    return info;
}

/* A volume is one file, and has in it all that it is. */
static gboolean
is_alone(json_object *info, const char *path, GError **err)
{
    json_object *data = json_at(info, "format-specific.data");
    const char *below = json_str(info, "backing-filename"), *file = json_str(data, "data-file");
    json_object *extents = json_at(data, "extents");

    if (below)
        return refuse(err, "%s lies on '%s'; make one image of both first (qemu-img convert)", path,
                      below);
    if (file || json_length(extents) > 1)
        return refuse(
            err, "%s has its data in other files; make one image first (qemu-img convert)", path);
    return TRUE;
}

/* Leaks cost space and nothing else; 63: the format has nothing to be checked (qemu-img(1)). */
static gboolean
image_check(Shell *s, const char *path, const char *format, GError **err)
{
    enum { WHOLE = 0, LEAKS = 3, UNCHECKED = 63 };
    const char *const argv[] = { "qemu-img", "check", "-q", "-U", "-f", format, "--", path, NULL };
    g_autofree char *out = NULL, *errors = NULL;
    int status;

    if (strcmp(format, "raw") == 0)
        return TRUE;
    if (!tool_run(NULL, argv, LOOKS, &out, &errors, &status, err))
        return FALSE;
    status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (status == LEAKS)
        remark(s, "%s has leaked clusters, which cost space alone\n", path);
    return status == WHOLE || status == LEAKS || status == UNCHECKED ||
           refuse(err, "%s is damaged: %s", path, *errors ? errors : "qemu-img check failed");
}

static gboolean
image_look(Shell *s, const char *path, const char *said, char **ret_format, GError **err)
{
    json_object *info = image_info(path, said, err);
    const char *format = info ? json_str(info, "format") : NULL;
    gboolean ok = info && is_alone(info, path, err);

    if (ok && (!format || !g_strv_contains(formats, format)))
        ok = refuse(err, "%s is of format '%s', which no pool of files has", path,
                    format ? format : "?");
    ok = ok && image_check(s, path, format, err);
    if (ok)
        *ret_format = g_strdup(format);
    json_object_put(info);
    return ok;
}

/* As large as the file: what it is, the daemon finds in its head. */
static char *
document(const char *name, guint64 size)
{
    XmlOut x = { g_string_new(NULL), 0 };

    xml_open(&x, "volume", NULL);
    xml_text(&x, "name", name, NULL);
    xml_text(&x, "capacity", xml_number(size), NULL);
    xml_text(&x, "allocation", "0", NULL);
    xml_open(&x, "target", NULL);
    xml_leaf(&x, "format", "type", "raw", NULL);
    xml_close(&x, "target");
    xml_close(&x, "volume");
    return g_string_free(x.text, FALSE);
}

/* A part of an image is none. */
static gboolean
fill(Shell *s, const VolumeRef *vol, int fd, GError **err)
{
    const StorageVolUploadArgs args = { .vol = *vol };
    const StorageVolDeleteArgs drop = { .vol = *vol };

    if (call(s, PROC_STORAGE_VOL_UPLOAD, &args, NULL, err) &&
        volume_send_file(s, vol->name, fd, 0, err))
        return TRUE;
    call(s, PROC_STORAGE_VOL_DELETE, &drop, NULL, NULL);
    return FALSE;
}

gboolean
volume_import(Shell *s, const PoolRef *pool, const char *path, const char *name, const char *said,
              VolumeRef *ret_vol, char **ret_format, GError **err)
{
    StorageVolCreateXmlArgs args = { .pool = *pool };
    StorageVolCreateXmlRet ret = { 0 };
    g_autofree char *format = NULL, *xml = NULL;
    struct stat st;
    fd_auto fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_errno(err, errno, "cannot read %s", path);
    if (!S_ISREG(st.st_mode))
        return refuse(err, "%s is no regular file", path);
    if (!image_look(s, path, said, &format, err))
        return FALSE;
    xml = document(name, (guint64)st.st_size);
    args.xml = xml;
    if (!call(s, PROC_STORAGE_VOL_CREATE_XML, &args, &ret, err) || !fill(s, &ret.vol, fd, err))
        return FALSE;
    *ret_vol = ret.vol;
    *ret_format = g_steal_pointer(&format);
    return TRUE;
}

static gboolean
run_import(Shell *s, const Args *a, GError **err)
{
    const char *path = args_string(a, "file");
    g_autofree char *base = g_path_get_basename(path), *format = NULL;
    const char *name = args_string(a, "name") ? args_string(a, "name") : base;
    PoolRef pool;
    VolumeRef vol;

    doing(s, "Failed to import %s", path);
    if (!pool_lookup(s, args_string(a, "pool"), &pool, err) ||
        !volume_import(s, &pool, path, name, args_string(a, "format"), &vol, &format, err))
        return FALSE;
    remark(s, "Vol %s imported into pool %s, of format %s\n", name, pool.name, format);
    return TRUE;
}

const Command volume_import_commands[] = {
    { "vol-import", "make a volume of an image file",
      "Makes a volume of an image file of this host, such as a downloaded cloud image. Its format is "
      "found, and the image checked, by qemu-img. What lies on another image is refused.",
      import_options, run_import },
    { 0 },
};
