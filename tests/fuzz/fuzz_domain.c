/* Any bytes as a definition: what is read, completed and written is, read again, written the same.
 * A definition of the emulator's that does not fit is an error, not a difference. */
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static const EmulatorCaps *
find_caps(const char *path, const char *arch, int virt_type, gpointer user, GError **err)
{
    static EmulatorCaps *caps;

    if (!caps) {
        g_autofree char *text = NULL;
        gsize len;

        g_assert_true(file_read(CAPS_FILE, 16 << 20, &text, &len, NULL));
        caps = caps_from_json(text, len, NULL);
        g_assert_nonnull(caps);
    }
    if (!arch || strcmp(arch, caps->arch) == 0)
        return caps;
    fail(err, ERR_CONFIG_UNSUPPORTED, "no emulator for arch '%s'", arch);
    return NULL;
}

static const ConfContext context = {
    .lookup = find_caps,
    .nvram_dir = "/var/lib/vmd/qemu/nvram",
    .channel_dir = "/run/vmd/channel",
};

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A disk stands where the bus it names would have it, and next time where the one that it was given
 * has it: order alone may change, once. */
static gboolean
same_lines(const char *one, const char *two)
{
    g_auto(GStrv) a = g_strsplit(one, "\n", -1), b = g_strsplit(two, "\n", -1);

    qsort(a, g_strv_length(a), sizeof(char *), compare_lines);
    qsort(b, g_strv_length(b), sizeof(char *), compare_lines);
    return g_strv_equal((const char *const *)a, (const char *const *)b);
}

static char *
write_again(const char *one)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(DomainDef) def = domain_parse(one, -1, 0, &context, &err);

    if (def)
        return domain_format(def, DEF_SECURE);
    fprintf(stderr, "%s\nof what was written:\n%s\n", err->message, one);
    g_assert_not_reached();
}

static void
same_again(const DomainDef *def)
{
    g_autofree char *one = domain_format(def, DEF_SECURE);
    g_autofree char *two = write_again(one);
    g_autofree char *three = write_again(two);

    if (same_lines(one, two) && strcmp(two, three) == 0)
        return;
    fprintf(stderr, "written:\n%s\nagain:\n%s\nand again:\n%s\n", one, two, three);
    g_assert_not_reached();
}

int
LLVMFuzzerTestOneInput(const guint8 *data, size_t size)
{
    g_autoptr(DomainDef) def = NULL, copy = NULL;

    log_init(LOG_LEVEL_ERROR);
    def = domain_parse((const char *)data, (gssize)size, 0, &context, NULL);
    if (!def)
        return 0;
    copy = domain_copy(def);
    g_assert_true(domain_equal(def, copy));
    same_again(def);
    return 0;
}
