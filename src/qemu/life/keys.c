/* Values of secrets on their way to QEMU: by a file in memory that a QEMU which starts reads for
 * itself, or by the monitor. Neither shows in a command line, a log or a definition, and no copy
 * stays here, nor in what QEMU was given.
 */
#include <string.h>
#include <unistd.h>

#include "life.h"
#include "storage/storage.h"

/* Secrets are in memory, so this waits for nothing. */
gboolean
keys_take(const GPtrArray *files, GError **err)
{
    EACH (HostFd, h, files) {
        if (h->kind != HOST_SECRET || h->fd >= 0)
            continue;
        if ((h->fd = secret_file(h->secret, err)) < 0)
            return fail_prefix(err, "%s: ", h->what);
    }
    return TRUE;
}

void
keys_wipe(const GPtrArray *files)
{
    EACH (HostFd, h, files)
        if (h->kind == HOST_SECRET)
            secret_file_wipe(&h->fd);
}

/* A row: QEMU has made its objects before it answers the monitor. */
StepResult
keys_forget(Flow *f, gpointer obj, GError **err)
{
    keys_wipe(((Vm *)obj)->run->start.files);
    return STEP_DONE;
}

static const HostFd *
key_find(const GPtrArray *files, const Part *part)
{
    EACH (HostFd, h, files)
        if (h->kind == HOST_SECRET && part->verb == ADD_OBJECT &&
            strcmp(h->path, part_id(part)) == 0)
            return h;
    return NULL;
}

static void
wipe(char *text)
{
    explicit_bzero(text, strlen(text));
    g_free(text);
}

static char *
value_text(int fd)
{
    guint8 *bytes = g_malloc(SECRET_VALUE_MAX);
    gssize n = pread(fd, bytes, SECRET_VALUE_MAX, 0);
    char *text = g_base64_encode(bytes, (gsize)MAX(n, 0));

    explicit_bzero(bytes, SECRET_VALUE_MAX);
    g_free(bytes);
    return text;
}

/* The words of base64 and of our names mean nothing to JSON. */
gboolean
keys_send(const GPtrArray *files, const Part *part, Calls *calls)
{
    const HostFd *h = key_find(files, part);
    char *value, *arguments;

    if (!h)
        return FALSE;
    value = value_text(h->fd);
    arguments = g_strdup_printf("{\"qom-type\":\"secret\",\"id\":\"%s\",\"format\":\"base64\","
                                "\"data\":\"%s\"}",
                                h->path, value);
    calls_add_secret(calls, "object-add", arguments);
    wipe(value);
    wipe(arguments);
    return TRUE;
}
