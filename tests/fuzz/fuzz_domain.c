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

/* What libvirtd, and so we, write otherwise when it is read again: a rate of 0 leaves a
 * <bandwidth/> that says nothing and goes; a number of heads that is 0 is left out, and becomes 1;
 * an empty drive, whatever its medium was to be, becomes one of a file.
 */
static const char *const otherwise[][2] = {
    { " heads='1'", "" },
    { "<disk type='block'", "<disk type='file'" },
    { "<disk type='volume'", "<disk type='file'" },
    { "<disk type='dir'", "<disk type='file'" },
    { "<disk type='network'", "<disk type='file'" },
    { "<driver name='qemu' type='raw'/>", "<driver name='qemu'/>" },
};

static GStrv
split_lines(const char *text)
{
    GStrv lines = g_strsplit(text, "\n", -1);
    guint n = 0;

    for (guint i = 0; lines[i]; i++) {
        g_autoptr(GString) line = g_string_new(lines[i]);

        g_free(lines[i]);
        for (gsize o = 0; o < G_N_ELEMENTS(otherwise); o++)
            g_string_replace(line, otherwise[o][0], otherwise[o][1], 0);
        if (!g_str_has_suffix(line->str, " <bandwidth/>"))
            lines[n++] = g_strdup(line->str);
    }
    lines[n] = NULL;
    return lines;
}

/* A disk stands where the bus it names would have it, and next time where the one that it was given
 * has it: order alone may change, once. */
static gboolean
same_lines(const char *one, const char *two)
{
    g_auto(GStrv) a = split_lines(one), b = split_lines(two);

    qsort(a, g_strv_length(a), sizeof(char *), compare_lines);
    qsort(b, g_strv_length(b), sizeof(char *), compare_lines);
    return g_strv_equal((const char *const *)a, (const char *const *)b);
}

/* NULL: it is what libvirtd does not take a second time either, a lun of type 'block' that names no
 * device. The daemon, which reads before it keeps, refuses it at once. */
static char *
write_again(const char *one)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(DomainDef) def = domain_parse(one, -1, 0, &context, &err);

    if (def)
        return domain_format(def, DEF_SECURE);
    if (strstr(err->message, "device 'lun' needs a source of type 'block'"))
        return NULL;
    fprintf(stderr, "%s\nof what was written:\n%s\n", err->message, one);
    g_assert_not_reached();
}

static void
same_again(const DomainDef *def)
{
    g_autofree char *one = domain_format(def, DEF_SECURE);
    g_autofree char *two = write_again(one);
    g_autofree char *three = two ? write_again(two) : NULL;

    if (!two || !three || (same_lines(one, two) && strcmp(two, three) == 0))
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
