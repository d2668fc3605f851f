/* This machine's processor as it tells of itself: CPUID, the model specific registers that tell
 * features, and what the kernel prints of it. Tests let a recording speak in its place. Nothing
 * here knows what a bit means.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#include <linux/kvm.h>
#endif

/* ---- a recording */

#define RECORDING_MAX (1 << 20)

typedef struct Leaf {
    guint32 leaf, subleaf, r[4];
} Leaf;

typedef struct Register {
    guint32 index;
    guint64 value;
} Register;

typedef struct Recording {
    GArray *leaves;    /* of Leaf */
    GArray *registers; /* of Register */
    GString *info;     /* the lines of /proc/cpuinfo */
} Recording;

static Recording *played; /* NULL: the machine speaks for itself */

static void
recording_free(Recording *r)
{
    g_array_unref(r->leaves);
    g_array_unref(r->registers);
    g_string_free(r->info, TRUE);
    g_free(r);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recording, recording_free)

static gboolean
take_line(Recording *r, const char *line)
{
    Leaf l;
    Register m;

    /* Lines about KVM and QEMU in a recording are for the tests' stand-ins of those. */
    if (*line == 0 || *line == '#' || g_str_has_prefix(line, "kvm ") ||
        g_str_has_prefix(line, "qemu ") || g_str_has_prefix(line, "refused "))
        return TRUE;
    if (sscanf(line, "cpuid %x %x %x %x %x %x", &l.leaf, &l.subleaf, &l.r[0], &l.r[1], &l.r[2],
               &l.r[3]) == 6) {
        g_array_append_val(r->leaves, l);
    } else if (sscanf(line, "msr %x %" G_GINT64_MODIFIER "x", &m.index, &m.value) == 2) {
        g_array_append_val(r->registers, m);
    } else if (g_str_has_prefix(line, "info ")) {
        g_string_append_printf(r->info, "%s\n", line + strlen("info "));
    } else {
        return FALSE;
    }
    return TRUE;
}

static Recording *
recording_read(const char *file, GError **err)
{
    g_autoptr(Recording) r = g_new0(Recording, 1);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    gsize len;

    r->leaves = g_array_new(FALSE, FALSE, sizeof(Leaf));
    r->registers = g_array_new(FALSE, FALSE, sizeof(Register));
    r->info = g_string_new(NULL);
    if (!file_read(file, RECORDING_MAX, &text, &len, err))
        return NULL;
    lines = g_strsplit(text, "\n", 0);
    for (guint i = 0; lines[i] != NULL; i++)
        if (!take_line(r, lines[i])) {
            fail(err, ERR_INVALID_ARG, "recorded processor %s, line %u: '%s' is not understood",
                 file, i + 1, lines[i]);
            return NULL;
        }
    return g_steal_pointer(&r);
}

gboolean
processor_play(const char *file, GError **err)
{
    Recording *r = file != NULL ? recording_read(file, err) : NULL;

    if (file != NULL && r == NULL)
        return FALSE;
    if (played != NULL)
        recording_free(played);
    played = r;
    return TRUE;
}

/* ---- CPUID */

static gboolean
recorded_cpuid(guint32 leaf, guint32 subleaf, guint32 ret[4])
{
    for (guint i = 0; i < played->leaves->len; i++) {
        const Leaf *l = &g_array_index(played->leaves, Leaf, i);

        if (l->leaf == leaf && l->subleaf == subleaf) {
            memcpy(ret, l->r, sizeof l->r);
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
processor_cpuid(guint32 leaf, guint32 subleaf, guint32 ret[4])
{
    memset(ret, 0, 4 * sizeof *ret);
    if (played != NULL)
        return recorded_cpuid(leaf, subleaf, ret);
#if defined __x86_64__ || defined __i386__
    return __get_cpuid_count(leaf, subleaf, &ret[0], &ret[1], &ret[2], &ret[3]);
#else
    return FALSE;
#endif
}

/* ---- model specific registers */

static gboolean
recorded_msr(guint32 index, guint64 *ret_value)
{
    for (guint i = 0; i < played->registers->len; i++) {
        const Register *r = &g_array_index(played->registers, Register, i);

        if (r->index == index) {
            *ret_value = r->value;
            return TRUE;
        }
    }
    return FALSE;
}

/* The kernel reads those that tell features for who may use KVM. */
static gboolean
kvm_msr(guint32 index, guint64 *ret_value)
{
#if defined __x86_64__ || defined __i386__
    fd_auto kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    union {
        struct kvm_msrs head;
        guint8 room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
    } ask = { .head.nmsrs = 1 };

    ask.head.entries[0].index = index;
    if (kvm < 0 || ioctl(kvm, KVM_GET_MSRS, &ask) != 1)
        return FALSE;
    *ret_value = ask.head.entries[0].data;
    return TRUE;
#else
    return FALSE;
#endif
}

gboolean
processor_msr(guint32 index, guint64 *ret_value)
{
    return played != NULL ? recorded_msr(index, ret_value) : kvm_msr(index, ret_value);
}

/* ---- what the kernel prints */

char *
processor_info(const char *key)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (played == NULL && !g_file_get_contents("/proc/cpuinfo", &text, NULL, NULL))
        return NULL;
    lines = g_strsplit(played != NULL ? played->info->str : text, "\n", 0);
    for (guint i = 0; lines[i] != NULL && *lines[i] != 0; i++) {
        char *colon = strchr(lines[i], ':');

        if (colon == NULL)
            continue;
        *colon = 0;
        if (g_str_equal(g_strchomp(lines[i]), key))
            return g_strdup(g_strstrip(colon + 1));
    }
    return NULL;
}
